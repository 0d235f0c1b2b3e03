#!/bin/bash
# Builds Debian packages of the tree as it is tracked, in BUILD/deb. usage: scripts/deb.sh BUILD
set -euo pipefail
out=$(realpath -m "${1:-build}/deb")
rm -rf "$out"
mkdir -p "$out/facet"
git ls-files -z | xargs -0 cp --parents -t "$out/facet"
cd "$out/facet"
dpkg-buildpackage -b -us -uc -j"$(nproc)" > "$out/log" 2>&1 || { tail -40 "$out/log"; echo "facet: deb: the whole log is $out/log" >&2; exit 1; }
ls -1 "$out"/*.deb
