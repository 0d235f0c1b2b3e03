#!/bin/bash
# What a stranger sees: a bare Debian 12 (debootstrap, git and make added, nothing else), a clone of
# this repository, `make demo`, a second `make demo`, `make test`, and `make test` as an ordinary user.
#
# usage: scripts/fresh.sh [FOLDER]      as root; wants debootstrap and about 5 GB in FOLDER (a new
# folder in $TMPDIR unless given, removed at the end; a given one is kept and used again)
# The committed state is tested. $FACET_MIRROR, or ../shared, is copied beside the clone, as
# ../shared; without either, models and data are downloaded.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "$(id -u)" -ne 0 ]; then
    echo "facet: fresh: only root can make a chroot" >&2
    exit 1
fi
# Mounts live in a namespace of our own and go with it.
if [ -z "${FACET_FRESH_INSIDE:-}" ]; then
    "$here/scripts/install-deps.sh" fresh
    FACET_FRESH_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi

root=${1:-}
if [ -z "$root" ]; then
    root=$(mktemp -d "${TMPDIR:-/tmp}/facet-fresh-XXXXXX")
    trap 'umount -R "$root/proc" "$root/src/shared" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
fi
mkdir -p "$root"

say() { printf '\n== %s\n' "$*"; }

if [ ! -e "$root/etc/debian_version" ]; then
    say "a bare Debian 12 in $root"
    debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" \
        "${FACET_FRESH_DEBIAN:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log"; exit 1; }
    rm -f "$root.log"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mkdir -p "$root/src"
rm -rf "$root/src/facet"
git -c safe.directory='*' clone -q --no-hardlinks "$here" "$root/src/facet"
mirror=${FACET_MIRROR:-$here/../shared}
if [ -d "$mirror/models" ]; then
    mkdir -p "$root/src/shared"
    mount --bind "$(readlink -f "$mirror")" "$root/src/shared"
    mount -o remount,ro,bind "$root/src/shared"
fi

inside()    # USER COMMAND
{
    local user=$1 home
    shift
    home=$([ "$user" = root ] && echo /root || echo "/srv/$user")
    env -i HOME="$home" USER="$user" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot --userspec="$user" "$root" /bin/bash -c "cd '$where' && $*"
}

timed()     # WHAT USER COMMAND
{
    local what=$1 begun=$SECONDS
    shift
    say "$what"
    inside "$@"
    echo "-- $what: $((SECONDS - begun)) s"
}

where=/src/facet
timed "make demo" root make demo
timed "make demo, again" root make demo
timed "make test" root make test
if [ -e "$root/usr/sbin/policy-rc.d" ]; then
    echo "facet: fresh: policy-rc.d was left behind" >&2
    exit 1
fi
say "as an ordinary user"
chroot "$root" sh -c 'id tester >/dev/null 2>&1 || useradd -m -d /srv/tester tester'
rm -rf "$root/srv/tester/facet"
git -c safe.directory='*' clone -q --no-hardlinks "$here" "$root/srv/tester/facet"
chroot "$root" chown -R tester: /srv/tester
ln -sfn /src/shared "$root/srv/tester/shared"
where=/srv/tester/facet
timed "make test, as a user" tester make test
say "fresh: all of it works"
