#!/bin/sh
# Installs Debian's Chromium, where there is none and that can be done; the tests say what they could not run without it.
if ! command -v chromium >/dev/null && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's Chromium …"
    export DEBIAN_FRONTEND=noninteractive
    said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) 2>&1) || echo "$said" | tail -n 3
fi
