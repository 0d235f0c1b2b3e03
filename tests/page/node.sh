#!/bin/bash
# usage: node.sh SOURCE-ROOT BUILD-ROOT FILE.mjs
# Runs a test in Node with what web/package.json names, and a real browser.
set -euo pipefail
root=$1 build=$2 file=$3
command -v node >/dev/null || { echo "node is missing: apt-get install nodejs npm" >&2; exit 1; }
command -v chromium >/dev/null || { echo "chromium is missing: apt-get install chromium" >&2; exit 1; }
"$root/scripts/web-deps.sh"
export FACET="$build/src/cli/facet" FACET_TEST_PICTURES="$build/page"
mkdir -p "$FACET_TEST_PICTURES"
exec node --test "$file"
