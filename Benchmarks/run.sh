#!/usr/bin/env bash
# Figures of both homes, a table each, and what the broker itself takes beside them in the same run: `make bench`. SECONDS_EACH sets how long each measurement takes (5),
# LINES how long the import is that somebody works beside (100000). The cluster home needs a broker: TRUNKLINE_TEST_KAFKA=HOST:PORT of one that runs, or KAFKA_STARTER
# (scripts/test-home.sh); its topics stay there when that is not the starter's.
# PEERS names a program that measures others in the same run: it gets REDIS and KAFKA as HOST:PORT and prints a JSON object a line.
# What is printed is kept as JSON too, and compared with the run before (report.py).
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -z ${BENCH_TEXT:-} ]]; then
  mkdir -p .build/bench
  export BENCH_TEXT=$PWD/.build/bench/latest.txt BENCH_PEERS=$PWD/.build/bench/peers.jsonl
  : >"$BENCH_PEERS"
  "$0" "$@" | tee "$BENCH_TEXT"
  exec python3 Benchmarks/report.py "$BENCH_TEXT" "$BENCH_PEERS"
fi
. scripts/test-home.sh
problem() { echo "bench: $*" >&2; exit 1; }
trap end_home EXIT
seconds=${SECONDS_EACH:-5}
swift build -c release --product TrunklineBench
swift build -c release --product trunkline
binaries=$(swift build -c release --show-bin-path)

"$binaries/TrunklineBench" "$seconds" embedded
start_home
if [[ -z ${TRUNKLINE_TEST_KAFKA:-} || -z ${TRUNKLINE_TEST_REDIS:-} ]]; then
  echo "bench: no figures of the cluster home: it needs a broker (TRUNKLINE_TEST_KAFKA or KAFKA_STARTER) and redis-server" >&2
  exit 0
fi

if [[ -n ${PEERS:-} ]]; then
  echo "others, in the same run: $PEERS"
  REDIS=${TRUNKLINE_TEST_REDIS#redis://} KAFKA=$TRUNKLINE_TEST_KAFKA "$PEERS" | tee "$BENCH_PEERS" || problem "$PEERS failed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"; end_home' EXIT
cc -O2 -Wall Benchmarks/log-yardstick.c -o "$work/yardstick" -lrdkafka
yardstick() {
  local rate
  for rate in 10 100 500; do
    printf 'the log itself, produce -> consume -> produce at %d/s, %s, p50 / p99: %s ms\n' "$rate" "$1" \
      "$("$work/yardstick" "$TRUNKLINE_TEST_KAFKA" "$topic" "$rate" "$seconds" 2>/dev/null | sed 's, , / ,')"
  done
}
topic=yardstick-$$
yardstick before
"$binaries/TrunklineBench" "$seconds" cluster "$TRUNKLINE_TEST_KAFKA" "$TRUNKLINE_TEST_REDIS"
yardstick after
ACCEPTANCE_HOME=cluster TRUNKLINE=$binaries/trunkline "$(scripts/python.sh)" Benchmarks/cluster.py
