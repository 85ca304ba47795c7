#!/bin/sh
# Runs the tests on Debian's PostgreSQL 15, where it can be had.
# usage: tests/on_debian.sh PYTHON [what pytest takes …]
set -u
cd "$(dirname "$0")/.." || exit 1
python=$1
shift
bin15=/usr/lib/postgresql/15/bin

tests/postgresql_15.sh
if [ ! -x "$bin15/postgres" ]; then
    echo "PostgreSQL 15 was not available (there is no $bin15; on Debian 12 the package postgresql-15 brings it):" \
        "nothing was run on it."
    exit 0
fi

# What knows no version of PostgreSQL `make test` has run already: the words of commands, the reading of spreadsheets, rules
# alone, what is drawn and signed, the other services' answers, calls made up against the API, who may ask for what,
# how pages look in a browser, what the shadow proxy compares, exports as they are read.
elsewhere="tests/console/pages tests/cli tests/tables tests/drawing tests/credential tests/sunbird tests/archive tests/jobs
    tests/shadow tests/sunbird_source
    tests/rights/test_table.py tests/project/test_openapi.py tests/project/test_odd_text.py tests/project/test_names.py"
if [ $# -eq 0 ]; then
    for path in $elsewhere; do
        set -- "$@" --ignore "$path"
    done
fi
echo "The tests on Debian's PostgreSQL 15:"
LERNBATCH_PG_BIN=$bin15 exec "$python" -m pytest -n auto --maxprocesses 4 --dist worksteal "$@"
