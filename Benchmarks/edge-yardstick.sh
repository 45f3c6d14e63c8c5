#!/bin/bash
# CPU time a request of EdgeBench beside a yardstick in C, in the same run: a 300-byte POST answered with 300 bytes, 50 connections kept alive.
#   Benchmarks/edge-yardstick.sh FILE.c [ROUNDS] [SECONDS]
# FILE.c takes a port as its argument; needs wrk, libuv1-dev, libhttp-parser-dev, libssl-dev and a C compiler.
set -euo pipefail
source_file=${1:?usage: edge-yardstick.sh FILE.c [ROUNDS] [SECONDS]}
rounds=${2:-4}
seconds=${3:-5}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

cc -O2 "$source_file" -o "$work/yardstick" -luv -lhttp_parser -lcrypto
swift build -c release --product EdgeBench >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
bench=$(swift build -c release --show-bin-path)/EdgeBench
cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = string.rep("x", 300)
LUA

"$work/yardstick" 18081 >/dev/null & pids+=($!)
"$bench" 18082 >/dev/null & pids+=($!)
c=${pids[0]}
swift=${pids[1]}
sleep 1

# User and system time of process $1, in clock ticks.
ticks() { awk '{ sub(/^.*\) /, ""); print $12, $13 }' "/proc/$1/stat"; }

# Loads port $2 of process $1; prints user and system microseconds a request and requests a second.
load() {
  local before after out requests
  before=$(ticks "$1")
  out=$(wrk -t1 -c50 -d"${seconds}s" -s "$work/post.lua" "http://127.0.0.1:$2/")
  after=$(ticks "$1")
  requests=$(awk '/requests in/ { print $1 }' <<<"$out")
  grep -q 'Non-2xx' <<<"$out" && { echo "answers other than 2xx from port $2" >&2; exit 1; }
  awk -v b="$before" -v a="$after" -v n="$requests" -v hz="$(getconf CLK_TCK)" -v s="$seconds" 'BEGIN {
    split(b, x); split(a, y); printf "%.3f %.3f %.0f\n", (y[1] - x[1]) / hz * 1e6 / n, (y[2] - x[2]) / hz * 1e6 / n, n / s }'
}

printf '%-8s %-10s %14s %14s %12s\n' round server 'user us/req' 'system us/req' req/s
for round in $(seq "$rounds"); do
  line=$(load "$c" 18081); echo "$line" >>"$work/c"
  printf '%-8s %-10s %14s %14s %12s\n' "$round" yardstick $line
  line=$(load "$swift" 18082); echo "$line" >>"$work/swift"
  printf '%-8s %-10s %14s %14s %12s\n' "$round" EdgeBench $line
done
paste "$work/c" "$work/swift" | awk '{ cu += $1; cs += $2; su += $4; ss += $5 } END {
  printf "CPU us/request: yardstick %.2f (user %.2f), EdgeBench %.2f (user %.2f); ratio %.2f\n",
    (cu + cs) / NR, cu / NR, (su + ss) / NR, su / NR, (su + ss) / (cu + cs) }'
