#!/bin/bash
# How many requests a second a server answers, and how fast: by wrk (HTTP/1.1) and h2load (HTTP/2), with the errors counted.
# usage: bench/load.sh [BUILD] [SECONDS]         one line a case: requests/s, p50 and p99 in ms, errors
# Starts a server of its own on a free port, in a temporary folder; PICTURE is a file with a face (default: the demo's).
set -euo pipefail

build=$(cd "${1:-build}" && pwd)
seconds=${2:-5}
connections=${CONNECTIONS:-16}
facet=$build/src/cli/facet
picture=${PICTURE:-${FACET_MIRROR:-$build/../../shared}/data/group/bbt1.jpg}
for tool in wrk h2load curl; do
    command -v $tool >/dev/null || { echo "load: $tool is missing (Debian: wrk nghttp2-client curl)" >&2; exit 1; }
done

dir=$(mktemp -d)
pid=
finish()
{
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

"$facet" serve --port 0 --keys "$dir/keys.json" --gallery "$dir/gallery.db" --events "$dir/events.db" >"$dir/out" 2>&1 &
pid=$!
for _ in $(seq 300); do
    grep -q listening "$dir/out" && break
    kill -0 $pid 2>/dev/null || { cat "$dir/out" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listening at \(.*\)\/$/\1/p' "$dir/out")
key=$(grep -o 'fct_[A-Za-z0-9_-]*' "$dir/out")

cat >"$dir/post.lua" <<EOF
local f = io.open("$picture", "rb")
wrk.method = "POST"
wrk.headers["content-type"] = "image/jpeg"
wrk.body = f:read("*a")
f:close()
EOF

# "12.3us", "4.5ms", "1.2s" to milliseconds
to_ms()
{
    awk -v t="$1" 'BEGIN { n = t + 0; if (t ~ /us$/) n /= 1000; else if (t !~ /ms$/) n *= 1000; printf "%.2f", n }'
}

run_wrk()
{
    local name=$1 path=$2 script=${3:-}
    wrk -t2 -c"$connections" -d"${seconds}s" --timeout 30s --latency -H "x-api-key: $key" ${script:+-s "$script"} "$url$path" >"$dir/wrk"
    local p50 p99 rate bad
    p50=$(to_ms "$(awk '$1 == "50%" { print $2 }' "$dir/wrk")")
    p99=$(to_ms "$(awk '$1 == "99%" { print $2 }' "$dir/wrk")")
    rate=$(awk '/Requests\/sec/ { print $2 }' "$dir/wrk")
    bad=$(awk '/Non-2xx/ { n += $NF } /Socket errors/ { gsub(",", ""); n += $4 + $6 + $8 + $10 } END { print n + 0 }' "$dir/wrk")
    printf '%-28s %10s requests/s  p50 %8s ms  p99 %8s ms  errors %s\n' "$name" "$rate" "$p50" "$p99" "$bad"
}

run_h2()
{
    local name=$1 path=$2
    h2load -t1 -c4 -m4 -D"$seconds" -H "x-api-key: $key" "$url$path" >"$dir/h2"
    awk -v name="$name" '/^finished in/ { rate = $4 } /^requests:/ { bad = $10 + $12 + $14 } /^status codes:/ { bad += $5 + $7 + $9 }
        /^time for request:/ { mean = $6; max = $5 }
        END { printf "%-28s %10s requests/s  mean %7s     max %8s     errors %d\n", name, rate, mean, max, bad }' "$dir/h2"
}

echo "# $(nproc) processors shared with the clients, $connections connections, $seconds s each"
run_wrk "GET /v1/health" /v1/health
run_wrk "GET /v1/people" /v1/people
run_h2 "GET /v1/health (h2)" /v1/health
run_wrk "POST /v1/detect" /v1/detect "$dir/post.lua"
run_wrk "POST /v1/identify" /v1/identify "$dir/post.lua"
