#!/usr/bin/env bash
# Checks docs/journal.pml with Spin: two owners, three commands, one wipe of hot state, every interleaving. Ends with "N passed, M failed".
set -euo pipefail
cd "$(dirname "$0")/.."
model=$PWD/docs/journal.pml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
spin -a -DOWNERS=2 -DCOMMANDS=3 -DWIPES=1 "$model"
cc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
./pan -m100000 > out.txt
grep -E "states, stored|errors:" out.txt
if grep -q "errors: 0" out.txt && ! grep -q "max search depth too small" out.txt; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; exit 1; fi
