#!/bin/sh
# /usr/local/bin/lernbatch: the commands of an operator, as the service's user and with its settings.
set -ae
. /etc/lernbatch/environment
exec runuser -u lernbatch -- /opt/lernbatch/bin/lernbatch "$@"
