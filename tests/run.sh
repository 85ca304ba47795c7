#!/bin/sh
# Runs the tests on the embedded PostgreSQL, and those of the console's pages in Chromium, which is Debian's.
# usage: tests/run.sh PYTHON [what pytest takes …]
set -u
cd "$(dirname "$0")/.." || exit 1
python=$1
shift

if ! command -v chromium >/dev/null && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's Chromium, for the tests of the console's pages …"
    said=$( (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) 2>&1) ||
        echo "$said" | tail -n 3
fi
exec env -u LERNBATCH_PG_BIN "$python" -m pytest -n auto --maxprocesses 4 "$@"
