#!/bin/bash
# usage: scripts/web-deps.sh
# What building and testing the page needs, in web/node_modules: TypeScript, Vite, uPlot, playwright-core, as
# web/package-lock.json pins them. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/../web"
mark=node_modules/.facet-lock
cmp -s package-lock.json "$mark" && exit 0
command -v npm >/dev/null || { echo "facet: web-deps: npm is missing: apt-get install nodejs npm" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm install --no-save --no-audit --no-fund >"$log" 2>&1 ||
    { cat "$log" >&2; echo "facet: web-deps: npm could not fetch what web/package-lock.json names" >&2; exit 1; }
cp package-lock.json "$mark"
