#!/bin/sh
# Installs Debian's PostgreSQL 15, where it is missing and that can be done.
# Only the programs are wanted: postgresql-common is told not to make and start a server of its own.
set -u
export DEBIAN_FRONTEND=noninteractive

install_postgresql_15() {
    apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends postgresql-common &&
        sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
        apt-get install -y -qq --no-install-recommends postgresql-15
}

if [ ! -x /usr/lib/postgresql/15/bin/postgres ] && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's PostgreSQL 15 …"
    said=$(install_postgresql_15 2>&1) || echo "$said" | tail -n 3
fi
