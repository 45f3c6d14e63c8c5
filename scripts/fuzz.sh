#!/bin/bash
# Feeds one fuzz target with new inputs: fuzz.sh TARGET SECONDS. Without TARGET: all of them, one after another. What is found new and interesting stays in .build/fuzz-corpus;
# an input that crashes, hangs or takes too much memory is written to .build/fuzz-findings and ends the run with status 1 (docs/testing.md, "Fuzzing").
#   BUILD_FLAGS: extra words for `swift build`.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${2:-60}
targets=${1:-$(ls Tests/Fuzz/corpus)}

# Optimised it does seven times as much a second, and still traps where a debug build does, but for assertions. Both sanitizers in one word: of several `--sanitize` the compiler of Swift hears the last alone.
# shellcheck disable=SC2086  # flags are words
FUZZ=1 swift build --product Fuzz --sanitize fuzzer --scratch-path .build/fuzz -Xswiftc -O -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=address ${BUILD_FLAGS:-} 2>&1 |
  grep -v 'warning: Cannot export local symbol'
[[ ${PIPESTATUS[0]} == 0 ]] || exit 1

status=0
for target in $targets; do
  if [[ ! -d Tests/Fuzz/corpus/$target ]]; then echo "fuzz: no target '$target'; there are: $(ls Tests/Fuzz/corpus | xargs)" >&2; exit 2; fi
  mkdir -p ".build/fuzz-corpus/$target" .build/fuzz-findings
  echo "fuzz: $target, $seconds s"
  # The backtracer of Swift would keep libFuzzer from writing the input that crashed.
  FUZZ_TARGET=$target SWIFT_BACKTRACE=enable=no .build/fuzz/debug/Fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 \
    -max_len=70000 -print_final_stats=1 -verbosity=0 -artifact_prefix=".build/fuzz-findings/$target-" ".build/fuzz-corpus/$target" "Tests/Fuzz/corpus/$target" || status=1
done
exit $status
