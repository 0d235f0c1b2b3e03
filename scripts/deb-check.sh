#!/bin/bash
# Looks at packages that scripts/deb.sh made: what is in them, what they would do, and whether the program runs out of
# them. Installs nothing. usage: scripts/deb-check.sh BUILD
set -euo pipefail
dir=$(realpath "${1:-build}/deb")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
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
absent() { ! "$@"; }

for name in facet facet-common libfacet0 libfacet-dev gstreamer1.0-facet; do
    expect "$name is there, once" test "$(find "$dir" -maxdepth 1 -name "${name}_*.deb" | wc -l)" = 1
    dpkg-deb -x "$dir/${name}"_*.deb "$root"
done
dpkg-deb -e "$dir"/facet_*.deb "$root/DEBIAN"

expect "units are where Debian looks" test -f "$root/lib/systemd/system/facet-serve.service" -a -f "$root/lib/systemd/system/facet-device@.service"
expect "units start the installed program" grep -q '^ExecStart=/usr/bin/facet ' "$root/lib/systemd/system/facet-serve.service"
expect "installing makes the user" grep -q systemd-sysusers "$root/DEBIAN/postinst"
expect "installing starts nothing" absent grep -E 'invoke (start|restart)|deb-systemd-invoke|systemctl.* start' "$root/DEBIAN/postinst"
expect "installing enables nothing" absent grep -E "^[[:space:]]*deb-systemd-helper enable" <(grep -v was-enabled -A2 "$root/DEBIAN/postinst" | sed '/was-enabled/,/fi/d')
expect "no configuration is shipped" absent test -e "$root/etc"
expect "no weights, no pictures" absent grep -rlE '\.(onnx|npy|jpg|jpeg)$' <(cd "$root" && find . -type f)
expect "no path of the build is in the program" absent grep -qaF "$dir" "$root/usr/bin/facet"
lib=$(dirname "$(find "$root" -name 'libfacet.so.0')")
expect "modules are there" test -f "$lib/facet/facet-ffmpeg.so" -a -f "$lib/facet/facet-curl.so"
expect "rivals are not" absent test -e "$lib/facet/facet-faiss.so"
export FACET_MANIFEST=$root/usr/share/facet/manifest.yaml FACET_MODULES=$lib/facet FACET_DATA=$root/data FACET_CACHE=$root/cache
expect "the program runs" "$root/usr/bin/facet" version
expect "the list of models is found" "$root/usr/bin/facet" models list
expect "the library is linked by its soname" bash -c "readelf -d '$lib'/gstreamer-1.0/libgstfacet.so | grep -q 'libfacet.so.0'"
if command -v gst-inspect-1.0 > /dev/null; then
    expect "GStreamer knows the element" env GST_PLUGIN_PATH="$lib/gstreamer-1.0" LD_LIBRARY_PATH="$lib" GST_REGISTRY="$root/registry" gst-inspect-1.0 facetface
fi
expect "manual pages are there" test -f "$root/usr/share/man/man1/facet-run.1.gz"
if command -v lintian > /dev/null; then
    expect "lintian has no error and no warning" lintian --allow-root --fail-on error,warning "$dir"/*.changes
else
    echo "note    lintian is not installed"
fi
echo "$faults faults"
[ "$faults" -eq 0 ]
