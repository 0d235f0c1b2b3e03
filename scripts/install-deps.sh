#!/bin/bash
# Installs what is missing from Debian's packages, by group, and nothing else.
# usage: scripts/install-deps.sh GROUP...      groups: build test fuzz fresh deb
# No recommended packages, no questions, and no service is started that was not there before.
set -euo pipefail

build="gcc libc6-dev meson ninja-build pkg-config ca-certificates python3
    libsodium-dev libjansson-dev libyaml-dev libsqlite3-dev libprotobuf-c-dev protobuf-c-compiler libonnx-dev
    libturbojpeg0-dev libspng-dev zlib1g-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libgnutls28-dev
    libcurl4-openssl-dev libmosquitto-dev libnghttp2-dev libssl-dev scdoc"
test="libcmocka-dev g++ libopencv-dnn-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user git
    libgstrtspserver-1.0-dev libgstreamer-plugins-base1.0-dev gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    mosquitto mosquitto-clients faketime openssl nghttp2-client wrk"
# Checks of the units; nothing is started.
test="$test systemd"
# Stores on a server.
test="$test libpq-dev postgresql-15"
# The GStreamer element.
test="$test libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev gstreamer1.0-tools gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav"
# The page is built and driven in a browser: any Node 18 or newer does.
test="$test chromium"
command -v npm >/dev/null || test="$test nodejs npm"
fuzz="clang libclang-rt-14-dev llvm-14"
fresh="debootstrap"
deb="debhelper dpkg-dev fakeroot libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libpq-dev"

is_installed()
{
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for group in "$@"; do
    case $group in
    build | test | fuzz | fresh | deb) ;;
    *) echo "facet: install-deps: there is no group '$group' (build test fuzz fresh deb)" >&2; exit 2 ;;
    esac
    for package in ${!group}; do
        is_installed "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

line="apt-get install --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "facet: this is not a Debian system; install what these packages hold: ${missing[*]}" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        root=(sudo)
    else
        echo "facet: Debian packages are missing, and only root may install them. Run as root:" >&2
        echo "    $line" >&2
        exit 1
    fi
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
kept=
placed=

restore()
{
    rm -f "$log"
    [ -n "$placed" ] || return 0
    if [ -n "$kept" ]; then
        "${root[@]}" mv -f "$kept" "$policy"
    else
        "${root[@]}" rm -f "$policy"
    fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# While packages are configured, tell Debian to start no service.
if [ -e "$policy" ]; then
    kept=$policy.facet-kept
    "${root[@]}" mv -f "$policy" "$kept"
fi
placed=yes
printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
"${root[@]}" chmod 755 "$policy"

apt()
{
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1
}

echo "facet: installing ${#missing[@]} Debian packages: ${missing[*]}"
if ! apt install -s --no-install-recommends "${missing[@]}"; then
    apt update || true      # old lists may still do; what is missing is told below
fi
if ! apt install --no-install-recommends "${missing[@]}"; then
    apt update || true
    if ! apt install --no-install-recommends "${missing[@]}"; then
        tail -n 15 "$log" >&2
        echo "facet: cannot install packages; see above, then try: $line" >&2
        exit 1
    fi
fi
