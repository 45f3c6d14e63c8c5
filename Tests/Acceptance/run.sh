#!/bin/sh
# Acceptance tests from outside, against a built server. TRUNKLINE names the binary (default: .build/debug/trunkline, built if missing).
# Arguments: names of test files, to run only those (run.sh test_events).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
TRUNKLINE=${TRUNKLINE:-$root/.build/debug/trunkline}
case $TRUNKLINE in /*) ;; *) TRUNKLINE=$root/$TRUNKLINE ;; esac
if [ ! -x "$TRUNKLINE" ]; then swift build --product trunkline; fi
export TRUNKLINE
python=$("$root/scripts/python.sh")
exec "$python" "$here/runner.py" "$@"
