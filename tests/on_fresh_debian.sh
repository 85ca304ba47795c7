#!/bin/sh
# Runs the README's first command on a fresh Debian 12: as root in /root (which nobody else may enter), as root elsewhere, and
# as an ordinary user; each twice, then once more after all its processes were killed while it served.
# usage: tests/on_fresh_debian.sh [FOLDER, of the fresh system; one that is there is used again]
set -eu
cd "$(dirname "$0")/.."
root=$(realpath -m "${1:-build/debian}")
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "A fresh Debian was not available (it needs root and debootstrap): nothing was run on it."
    exit 0
fi

if [ ! -d "$root/proc" ]; then
    echo "Making a fresh Debian in $root …"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=python3,python3-venv,make,ca-certificates bookworm "$root" >"$root.log" 2>&1 ||
        { tail -n 3 "$root.log"; exit 1; }
    chroot "$root" useradd --create-home --shell /bin/sh asha
fi
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # whom this machine trusts
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
trap 'umount "$root/proc" "$root/dev"' EXIT

inside() { # USER FOLDER COMMAND
    setsid chroot "$root" su "$1" -s /bin/sh -c "cd $2 && export LERNBATCH_PORT=0 && $3"
}

try() { # USER FOLDER
    rm -rf "${root:?}$2"
    mkdir -p "$root$2"
    git archive HEAD | tar x -C "$root$2"
    chroot "$root" chown -R "$1" "$2"
    echo "As $1 in $2:"
    for times in first second; do
        inside "$1" "$2" "make demo ONCE=1" >"$root/tmp/said" 2>&1 || { tail -n 20 "$root/tmp/said"; exit 1; }
        echo "  the $times time: every figure is right"
    done
    inside "$1" "$2" "exec make demo" >"$root/tmp/said" 2>&1 &
    until grep -q /console/ "$root/tmp/said"; do
        kill -0 $! 2>/dev/null || { tail -n 20 "$root/tmp/said"; exit 1; }
        sleep 1
    done
    # Whatever runs inside is killed, PostgreSQL too.
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/root")" != "$root" ] || kill -9 "${process#/proc/}" 2>/dev/null || true
    done
    wait $! || true
    inside "$1" "$2" "make demo ONCE=1" >"$root/tmp/said" 2>&1 || { tail -n 20 "$root/tmp/said"; exit 1; }
    echo "  after kill -9: every figure is right"
}

chmod 700 "$root/root"
try root /root/lernbatch
try root /srv/lernbatch
try asha /home/asha/lernbatch
