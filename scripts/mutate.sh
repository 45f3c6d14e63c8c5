#!/bin/bash
# Breaks one rule of docs/journal.md at a time and looks whether the simulation notices: every patch in Tests/Simulate/Mutations, or those that are named, is applied to a
# copy of the tree, the simulation is built there and run until a seed fails. The table goes to .build/mutations/table.md; a patch that does not apply or compile is an error.
# `--check` only looks whether every patch still applies. Without fuzz: a patch whose neighbours have changed may land somewhere else, and survives there.
#   MUTATION_SEEDS: histories until a mutation counts as survived (300); SIMULATE_JOBS; BUILD_FLAGS: extra words for `swift build`.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
patches=Tests/Simulate/Mutations
work=.build/mutations
tree=$work/tree
table=$work/table.md
seeds=${MUTATION_SEEDS:-300}
export SWIFT_DETERMINISTIC_HASHING=1

if [[ ${1:-} == --check ]]; then
  # Only whether every patch still applies: quick enough for every run of the tests.
  good=0 bad=0
  for patch in "$patches"/*.patch; do
    if patch -p1 -s -f -F0 --dry-run <"$patch" >/dev/null 2>&1; then good=$((good + 1)); else bad=$((bad + 1)); echo "mutate: $patch does not apply" >&2; fi
  done
  echo "$good passed, $bad failed"
  [[ $bad == 0 ]]
  exit
fi

mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
git ls-files -z Package.swift Sources Tests Benchmarks | tar --null -T - -c | tar -x -C "$tree"

# Optimised, but file by file: a mutation is rebuilt in seconds, and the histories run about as fast as in release.
build() {
  # shellcheck disable=SC2086  # flags are words
  (cd "$tree" && swift build -c debug -Xswiftc -O --product Simulate ${BUILD_FLAGS:-}) >"$work/build.log" 2>&1
}
restore() {  # patch
  local file
  # Without keeping times: what is put back has to be built again.
  sed -n 's|^+++ b/||p' "$1" | while read -r file; do cp "$root/$file" "$tree/$file"; done
}

names=("$@")
if [[ ${#names[@]} == 0 ]]; then
  for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

build || { cat "$work/build.log"; echo "mutate: the tree itself does not build" >&2; exit 1; }
caught=0 survived=0 errors=0
{
  echo "| Mutation | Rule | Caught by | Histories |"
  echo "|---|---|---|---|"
} >"$table"
for name in "${names[@]}"; do
  patch=$patches/$name.patch
  [[ -f $patch ]] || { echo "mutate: there is no $patch" >&2; errors=$((errors + 1)); continue; }
  rule=$(sed -n '1s/^Rule: //p' "$patch")
  if ! patch -d "$tree" -p1 -s -f -F0 --no-backup-if-mismatch <"$patch" >"$work/patch.log" 2>&1; then
    what="**does not apply**" count="" errors=$((errors + 1))
  elif ! build; then
    what="**does not compile**" count="" errors=$((errors + 1))
    grep -m 3 'error:' "$work/build.log" >&2
  else
    # A history that never ends is caught too.
    out=$(timeout -k 5 "${MUTATION_TIMEOUT:-300}" "$tree/.build/debug/Simulate" --seeds "$seeds" --failures 1 --jobs "${SIMULATE_JOBS:-$(nproc)}" 2>&1)
    code=$?
    failure=$(grep -m 1 '^simulate: seed ' <<<"$out")
    if [[ -n $failure ]]; then
      caught=$((caught + 1))
      count=$(sed -E 's/^simulate: seed [0-9]+ after ([0-9]+):.*/\1/' <<<"$failure")
      what=$(sed -E 's/^simulate: seed [0-9]+ after [0-9]+: //; s/[|`]/ /g; s/[0-9a-f]{32}/…/g; s/; \[.*//' <<<"$failure" | cut -c1-110)
    elif [[ $code == 0 ]]; then
      survived=$((survived + 1))
      what="**survived**" count=$seeds
    elif [[ $code == 124 ]]; then
      caught=$((caught + 1))
      what="a history that does not end" count=""
    else
      caught=$((caught + 1))
      what="a trap (exit $code)" count=""
    fi
  fi
  echo "| $name | $rule | $what | $count |" | tee -a "$table"
  restore "$patch"
done
echo "mutate: $caught caught, $survived survived, $errors in error; $table"
[[ $errors == 0 ]]
