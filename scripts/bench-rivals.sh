#!/bin/bash
# usage: scripts/bench-rivals.sh BUILD-FOLDER [options of facet bench engine]
# Fetches the rivals and races them: ONNX Runtime's library from npm (the tarball alone, nothing is installed
# and no script of it runs) into .cache/rivals, oneDNN and XNNPACK from Debian where they are missing (and then
# builds their modules). By hand only, never in CI: it downloads 110 MB. FACET_ORT_LIB names another library.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/bench-rivals.sh BUILD-FOLDER}
shift
version=1.30.0
dir=.cache/rivals

fetch_onnxruntime() {
    case $(uname -m) in
        x86_64) arch=x64 ;;
        aarch64) arch=arm64 ;;
        *) echo "no ONNX Runtime for $(uname -m) is known here: set FACET_ORT_LIB"; return ;;
    esac
    command -v npm > /dev/null || { echo "npm is missing, so ONNX Runtime is left out: apt-get install npm"; return; }
    mkdir -p "$dir"
    tarball=$(cd "$dir" && npm pack --silent --ignore-scripts "onnxruntime-node@$version")
    tar -xzf "$dir/$tarball" -C "$dir" --wildcards "package/bin/napi-v*/linux/$arch/libonnxruntime.so*"
    mv "$dir"/package/bin/napi-v*/linux/"$arch"/libonnxruntime.so* "$dir/"
    rm -rf "$dir/package" "${dir:?}/$tarball"
}

fetch_debian() {
    [ "$(id -u)" = 0 ] || { echo "not root, so these are left out: apt-get install $*"; return; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" > /dev/null || echo "left out: $*"
}

[ -n "${FACET_ORT_LIB:-}" ] || [ -e "$dir/libonnxruntime.so.1" ] || fetch_onnxruntime
if [ ! -e "$build/src/modules/facet-onednn.so" ] || [ ! -e "$build/src/modules/facet-xnnpack.so" ]; then
    fetch_debian libdnnl-dev libxnnpack-dev libpthreadpool-dev libfaiss-dev
    meson setup --reconfigure "$build" > /dev/null
    ninja -C "$build" > /dev/null
fi
[ -n "${FACET_ORT_LIB:-}" ] || [ ! -e "$dir/libonnxruntime.so.1" ] || export FACET_ORT_LIB="$PWD/$dir/libonnxruntime.so.1"
exec "$build/src/cli/facet" bench engine "$@"
