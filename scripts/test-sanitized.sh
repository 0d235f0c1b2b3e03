#!/bin/bash
# Builds with a sanitizer in a folder of its own and runs the tests there.
# usage: scripts/test-sanitized.sh asan|tsan
# Left out: `style` and `headers` judge text, not code; `data` runs real networks over thousands of
# faces, which takes a sanitizer more than an hour; `bench` measures; `page` drives a browser; `aarch64` is built without it.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
asan) sanitizer=address,undefined ;;
tsan) sanitizer=thread ;;
*) echo "usage: scripts/test-sanitized.sh asan|tsan" >&2; exit 2 ;;
esac
build=build-$1
scripts/build.sh "$build" -Db_sanitize=$sanitizer -Db_lundef=false -Dbuildtype=debugoptimized

export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
run=()
# TSan's fixed memory map does not fit every kernel's address randomisation.
if [ "$1" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    run=(setarch "$(uname -m)" -R)
fi
"${run[@]}" scripts/test.sh "$build" --timeout-multiplier 6 \
    --no-suite style --no-suite headers --no-suite data --no-suite bench --no-suite page --no-suite aarch64
