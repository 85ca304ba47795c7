#!/bin/sh
# Runs the tests with programs that are not Python's: Chromium, which is installed where that can be done.
# usage: tests/real/run.sh PYTHON [what pytest takes …]
set -u
cd "$(dirname "$0")/../.." || exit 1
python=$1
shift

tests/chromium.sh
"$python" -m pytest tests/real "$@"
code=$?
[ "$code" -eq 5 ] || exit "$code" # 5: nothing could be run here, and the last line says what
