#!/bin/sh
# Kills a server under load again and again for so many seconds, then audits its journal. A second argument is the seed of the moments. TRUNKLINE names the binary.
#   scripts/kill-loop.sh 600
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
seconds=${1:?how many seconds: scripts/kill-loop.sh SECONDS [SEED]}
TRUNKLINE=${TRUNKLINE:-$root/.build/release/trunkline}
case $TRUNKLINE in /*) ;; *) TRUNKLINE=$root/$TRUNKLINE ;; esac
if [ ! -x "$TRUNKLINE" ]; then echo "kill-loop: there is no $TRUNKLINE: make build, or TRUNKLINE=…" >&2; exit 1; fi
export TRUNKLINE
python=$("$root/scripts/python.sh")
exec "$python" Tests/Acceptance/kill_loop.py "$seconds" ${2:+"$2"}
