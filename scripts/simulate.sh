#!/bin/bash
# Runs the built simulation (`make simulate` builds it). The same seed must give the same history in every process, so hashing is told not to draw a seed of its own.
set -euo pipefail
export SWIFT_DETERMINISTIC_HASHING=1
exec "${SIMULATE:-$(dirname "$0")/../.build/release/Simulate}" --jobs "${SIMULATE_JOBS:-$(nproc)}" "$@"
