#!/usr/bin/env bash
# Builds the benchmarks in release and runs them one after another. Each prints its own lines; arguments are handed on.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=()
for folder in Benchmarks/*/; do
  [ -d "$folder" ] || continue
  programs+=("$(basename "$folder")")
done
if [ ${#programs[@]} -eq 0 ]; then
  echo "bench: there is no program in Benchmarks" >&2
  exit 1
fi
# The composed figures live in one program; where it exists the others are its parts and are run by name.
for program in "${programs[@]}"; do
  if [ "$program" = Bench ]; then programs=(Bench); break; fi
done
for program in "${programs[@]}"; do
  swift build -c release --product "$program"
  echo "== $program"
  ".build/release/$program" "$@"
done
