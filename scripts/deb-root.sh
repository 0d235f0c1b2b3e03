#!/bin/bash
# Installs the packages that scripts/deb.sh made into a fresh Debian 12 in a folder that is thrown away, and looks whether what
# was installed works. Wants root, debootstrap and a mirror (MIRROR). usage: scripts/deb-root.sh BUILD
set -euo pipefail
dir=$(realpath "${1:-build}/deb")
root=$(mktemp -d)
chmod 755 "$root"         # for users inside
finish()
{
    mountpoint -q "$root/proc" && umount "$root/proc"
    rm -rf --one-file-system "$root"
}
trap finish EXIT
faults=0

expect()
{
    local what=$1
    shift
    if "$@" > "$root.out" 2>&1; then
        echo "ok      $what"
    else
        echo "FAULT   $what"
        sed 's/^/        /' "$root.out"
        faults=$((faults + 1))
    fi
    rm -f "$root.out"
}
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

command -v debootstrap > /dev/null || { echo "facet: deb-root: apt-get install debootstrap" >&2; exit 1; }
debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" > /dev/null
mount -t proc proc "$root/proc" || echo "note    no /proc in there: folders of tmpfiles.d are not made"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"      # nothing is started
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir "$root/debs"
for name in facet facet-common libfacet0 libfacet-dev gstreamer1.0-facet; do
    cp "$dir/${name}"_*.deb "$root/debs/"
done

expect "the packages are installed with what they need" inside sh -c 'apt-get install -y --no-install-recommends /debs/*.deb'
expect "the program runs" inside facet version
expect "its modules open" inside sh -c 'facet doctor | grep -c "module opens" | grep -qx 3'
expect "the user is there" inside getent passwd facet
expect "units are known and not enabled" inside sh -c 'test "$(systemctl is-enabled facet-serve)" = disabled'
expect "the units are right" inside sh -c '! systemd-analyze verify --man=no facet-serve.service 2>&1 | grep facet'
mountpoint -q "$root/proc" && expect "/etc/facet is there, for the services alone" inside sh -c 'test "$(stat -c %a:%U:%G /etc/facet)" = 750:root:facet'
expect "the element is known" inside sh -c 'test -f /usr/lib/*/gstreamer-1.0/libgstfacet.so'
expect "they go without a trace" inside sh -c 'apt-get purge -y facet facet-common libfacet0 && ! ls /usr/bin/facet /usr/share/facet 2> /dev/null'
echo "$faults faults"
[ "$faults" -eq 0 ]
