#!/bin/bash
# usage: scripts/test-aarch64.sh BUILD-FOLDER
# Builds the kernels and their tests for arm64 and runs them under qemu: the NEON kernels against
# the C kernels. Needs no arm64 library but libc.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?usage: scripts/test-aarch64.sh BUILD-FOLDER}/kernels-aarch64
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" > /dev/null || {
        echo "$tool is missing: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
        exit 1
    }
done
cpu=src/engine/backends/cpu
mkdir -p "$(dirname "$out")"
aarch64-linux-gnu-gcc -std=c11 -O2 -D_GNU_SOURCE -DFACET_KERNELS_ARM -Wall -Wextra -Werror \
    -ffp-contract=off -Iinclude -Isrc -Itests "$cpu"/kernels.c "$cpu"/pack.c "$cpu"/pnet.c "$cpu"/pnet_u8.c "$cpu"/c/*.c "$cpu"/arm/*.c \
    tests/kernels/cases.c tests/kernels/check.c tests/kernels/stored.c tests/kernels/check_stored.c tests/kernels/check_rows.c tests/kernels/convpool.c tests/kernels/pnet_u8.c tests/kernels/main_alone.c -o "$out" -lm
qemu-aarch64 -L /usr/aarch64-linux-gnu "$out"
aarch64-linux-gnu-gcc -std=c11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude -Isrc -Itests \
    src/base/scan.c src/base/arm/scan.c tests/kernels/scan_cases.c tests/kernels/scan_alone.c -o "$out-scan"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$out-scan"
