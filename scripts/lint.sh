#!/usr/bin/env bash
# Format and architecture, without building. Prints only what is wrong, and a line for each check.
set -euo pipefail
cd "$(dirname "$0")/.."

folders=()
for folder in Sources Tests Benchmarks Examples Package.swift; do [ ! -e "$folder" ] || folders+=("$folder"); done
if swift format lint --strict --parallel -r "${folders[@]}"; then
  echo "format: clean"
else
  echo "format: the lines above are not as 'make format' writes them, or break a rule of .swift-format" >&2
  exit 1
fi
python3 scripts/check-architecture.py
for script in .ci/run scripts/*.sh Tests/Acceptance/*.sh; do [ ! -e "$script" ] || bash -n "$script"; done
