#!/bin/bash
# Sets a build folder up (release) and builds it all, or $TARGETS.
# usage: scripts/build.sh BUILD [meson options]
# With options a folder that is there is set up again when they are new to it, or when packages were
# installed since: what was missing then may be there now.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
packages=$(stat -c %Y /var/lib/dpkg/status 2>/dev/null || echo 0)

quietly()
{
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

if [ ! -f "$build/build.ninja" ]; then
    [ $# -gt 0 ] || set -- -Dtests=false
    quietly meson setup "$build" "$@"
    echo "$* $packages" >"$build/facet-setup"
elif [ $# -gt 0 ] && [ "$(cat "$build/facet-setup" 2>/dev/null)" != "$* $packages" ]; then
    quietly meson setup --reconfigure "$build" "$@"
    echo "$* $packages" >"$build/facet-setup"
fi
status=0
NINJA_STATUS='[%f/%t] ' ninja -C "$build" --quiet ${TARGETS:-} || status=$?
[ "$status" -eq 0 ] || echo "facet: the build in $build failed, see above" >&2
exit "$status"
