#!/usr/bin/env bash
# First figures of the embedded home, one table: `make bench`. SECONDS_EACH sets how long each measurement takes (5).
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release --product TrunklineBench
exec "$(swift build -c release --show-bin-path)/TrunklineBench" "${SECONDS_EACH:-5}"
