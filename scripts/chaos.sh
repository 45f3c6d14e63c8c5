#!/bin/sh
# A cluster on bad days for so many minutes, then an audit of its journal. A second argument is the seed of the bad days. TRUNKLINE names the binary, KAFKA_STARTER a script with
# start, stop, kill, pause, resume, resume-node and clean for a broker.
#   scripts/chaos.sh 30
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
minutes=${1:?how many minutes: scripts/chaos.sh MINUTES [SEED]}
TRUNKLINE=${TRUNKLINE:-$root/.build/release/trunkline}
case $TRUNKLINE in /*) ;; *) TRUNKLINE=$root/$TRUNKLINE ;; esac
if [ ! -x "$TRUNKLINE" ]; then echo "chaos: there is no $TRUNKLINE: make build, or TRUNKLINE=…" >&2; exit 1; fi
export TRUNKLINE ACCEPTANCE_HOME=cluster
python=$("$root/scripts/python.sh")
exec "$python" Tests/Acceptance/chaos.py "$minutes" ${2:+"$2"}
