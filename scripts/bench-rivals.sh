#!/bin/bash
# usage: scripts/bench-rivals.sh BUILD-FOLDER [options of facet bench engine]
# Fetches ONNX Runtime's library from npm (the tarball alone, nothing is installed and no script of
# it runs) into .cache/rivals, and races it. By hand only, never in CI: it downloads 110 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/bench-rivals.sh BUILD-FOLDER}
shift
version=1.30.0
dir=.cache/rivals
case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "no ONNX Runtime for $(uname -m) is known here: set FACET_ORT_LIB"; exit 1 ;;
esac
if [ ! -e "$dir/libonnxruntime.so.1" ]; then
    command -v npm > /dev/null || { echo "npm is missing: apt-get install npm"; exit 1; }
    mkdir -p "$dir"
    tarball=$(cd "$dir" && npm pack --silent --ignore-scripts "onnxruntime-node@$version")
    tar -xzf "$dir/$tarball" -C "$dir" --wildcards "package/bin/napi-v*/linux/$arch/libonnxruntime.so*"
    mv "$dir"/package/bin/napi-v*/linux/"$arch"/libonnxruntime.so* "$dir/"
    rm -rf "$dir/package" "${dir:?}/$tarball"
fi
exec "$build/src/cli/facet" bench engine --rival "$dir/libonnxruntime.so.1" "$@"
