#!/bin/bash
# Runs tests of a build folder and ends with `N passed, N failed, N skipped`.
# usage: scripts/test.sh BUILD [meson test options]
set -uo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
mkdir -p "$build/meson-logs"
rm -f "$build/meson-logs/testlog.json"
meson test -C "$build" --no-rebuild --print-errorlogs "$@"
tests=$?
/usr/bin/python3 scripts/test_summary.py "$build/meson-logs/testlog.json"
counted=$?
[ "$tests" -eq 0 ] && [ "$counted" -eq 0 ]
