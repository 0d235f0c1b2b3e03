#!/bin/bash
# Builds the fuzz targets with clang and runs each FUZZ_SECONDS (5 unless set) from its corpus.
# What a run finds new is thrown away; what breaks it is left in build-fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-5}
build=build-fuzz
CC=${FUZZ_CC:-clang} scripts/build.sh "$build" -Dfuzz=true -Dtests=false -Db_sanitize=address,undefined \
    -Db_lundef=false -Dbuildtype=debugoptimized -Dc_args=-fsanitize=fuzzer-no-link

export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
found=$build/found
mkdir -p "$found"
passed=0
failed=0
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ ! -d "$target" ] || continue
    name=$(basename "$target")
    fresh=$(mktemp -d)
    corpus=(fuzz/corpus/"${name#fuzz_}")
    [ -d "${corpus[0]}" ] || corpus=()
    log=$(mktemp)
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -artifact_prefix="$found/$name-" \
        -print_final_stats=1 "$fresh" "${corpus[@]}" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok      $name: $runs inputs in $seconds s"
        passed=$((passed + 1))
    else
        tail -n 40 "$log"
        echo "FAILED  $name: input in $found"
        failed=$((failed + 1))
    fi
    rm -rf "$fresh" "$log"
done
if [ $((passed + failed)) -eq 0 ]; then
    echo "facet: there is no fuzz target" >&2
    exit 1
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
