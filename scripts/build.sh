#!/bin/bash
# Sets a build folder up (release, unless it is there) and builds. usage: scripts/build.sh BUILD [meson options]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
if [ ! -f "$build/build.ninja" ]; then
    log=$(mktemp)
    if ! meson setup "$build" "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
fi
status=0
NINJA_STATUS='[%f/%t] ' ninja -C "$build" --quiet || status=$?
[ "$status" -eq 0 ] || echo "facet: the build in $build failed, see above" >&2
exit "$status"
