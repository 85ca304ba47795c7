#!/bin/sh
# Runs the tests with programs that are not Python's: Chromium, which is installed where that can be done; Cassandra and
# dsbulk, which Maven brings to build/java where there is Java 17.
# usage: tests/real/run.sh PYTHON [what pytest takes …]
set -u
cd "$(dirname "$0")/../.." || exit 1
python=$1
shift

if ! command -v chromium >/dev/null && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's Chromium …"
    export DEBIAN_FRONTEND=noninteractive
    said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) 2>&1) || echo "$said" | tail -n 3
fi
"$python" -m pytest tests/real "$@"
code=$?
[ "$code" -eq 5 ] || exit "$code" # 5: nothing could be run here, and the last line says what
