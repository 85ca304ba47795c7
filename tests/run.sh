#!/bin/sh
# Runs the tests twice: on the embedded PostgreSQL, then on Debian's PostgreSQL 15 where it can be had.
# usage: tests/run.sh PYTHON [what pytest takes …]; exits non-zero if either run failed.
set -u
cd "$(dirname "$0")/.." || exit 1
python=$1
shift
bin15=/usr/lib/postgresql/15/bin

# Only the programs are wanted: postgresql-common is told not to make and start a server of its own.
install_postgresql_15() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends postgresql-common &&
        sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
        apt-get install -y -qq --no-install-recommends postgresql-15
}

if ! command -v chromium >/dev/null && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's Chromium, for the tests of the console's pages …"
    said=$( (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) 2>&1) ||
        echo "$said" | tail -n 3
fi

echo "The tests on the embedded PostgreSQL:"
env -u LERNBATCH_PG_BIN "$python" -m pytest -n auto --maxprocesses 4 "$@"
embedded=$?

if [ ! -x "$bin15/postgres" ] && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's PostgreSQL 15 …"
    said=$(install_postgresql_15 2>&1) || echo "$said" | tail -n 3
fi
if [ ! -x "$bin15/postgres" ]; then
    echo "PostgreSQL 15 was not available (there is no $bin15; on Debian 12 the package postgresql-15 brings it):" \
        "the tests ran on the embedded PostgreSQL only."
    exit "$embedded"
fi

# What knows no version of PostgreSQL ran above already: the words of commands, the reading of spreadsheets, rules
# alone, what is drawn and signed, the other services' answers, calls made up against the API, who may ask for what, how
# pages look in a browser.
elsewhere="tests/console/pages tests/cli tests/tables tests/drawing tests/credential tests/sunbird tests/archive tests/jobs
    tests/rights/test_table.py tests/project/test_openapi.py tests/project/test_odd_text.py tests/project/test_names.py"
if [ $# -eq 0 ]; then
    for path in $elsewhere; do
        set -- "$@" --ignore "$path"
    done
fi
echo "The tests on Debian's PostgreSQL 15:"
LERNBATCH_PG_BIN=$bin15 "$python" -m pytest -n auto --maxprocesses 4 "$@"
debian=$?
[ "$embedded" -eq 0 ] || exit "$embedded"
exit "$debian"
