#!/bin/sh
# Runs the tests with programs that are not Python's: Chromium, promtool, Patroni and etcd, which are installed where that can
# be done; Cassandra, dsbulk and Kafka, which Maven brings to build/java where there is Java 17; linters of OpenAPI and makers
# of clients, which npm and pip bring to build/node and build/python-client.
# usage: tests/real/run.sh PYTHON [what pytest takes …]
set -u
cd "$(dirname "$0")/../.." || exit 1
python=$1
shift

install() { # PROGRAM PACKAGE
    if ! command -v "$1" >/dev/null && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
        echo "Installing Debian's $2 …"
        said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2") 2>&1) || echo "$said" | tail -n 3
    fi
}

export DEBIAN_FRONTEND=noninteractive
install chromium chromium
install promtool prometheus
tests/postgresql_15.sh
install patroni patroni
install etcd etcd-server
"$python" -m pytest tests/real "$@"
code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 5 ] || exit "$code" # 5: nothing could be run here, and the last line says what
# Elsewhere, with processes that are killed, replaced or started one by one, and with every page in every dress.
"$python" -m pytest --real -n auto --maxprocesses 4 --dist worksteal "$@"
code=$?
[ "$code" -eq 5 ] || exit "$code"
