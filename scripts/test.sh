#!/usr/bin/env bash
# Builds and runs all tests. Fails when a test fails, when the run did not come to its end, and when no test ran:
# the test runner by itself leaves with 0 in the last case.
#
#   scripts/test.sh [FILTER]    FILTER: a regular expression on Target.Suite/test(); acceptance tests then stay out
set -euo pipefail
cd "$(dirname "$0")/.."
filter=${1:-}
mkdir -p .build
log=.build/test.log
summary=.build/test-summary
rm -f "$summary"

swift build --build-tests
arguments=(--skip-build --disable-xctest)
[ -z "$filter" ] || arguments+=(--filter "$filter")
status=0
# Not the whole of it on the screen: a thousand passed tests hide the one that failed.
swift test "${arguments[@]}" >"$log" 2>&1 || status=$?

# The last one: exit tests run the binary again and print lines of their own.
closing=$(grep -aoE 'Test run with [0-9]+ tests?.*' "$log" | tail -n 1 || true)
if [ -z "$closing" ]; then
  tail -n 40 "$log" >&2
  echo "test: the run ended without its closing line (exit code $status), so a test has ended the process; all of it: $log" >&2
  exit 1
fi
count=$(grep -oE '[0-9]+' <<<"$closing" | head -n 1)
if [ "$count" -eq 0 ]; then
  echo "test: no test ran${filter:+ (no test matches '$filter')}" >&2
  exit 1
fi
if [ "$status" -ne 0 ]; then
  grep -aE '^(✘|↳|.*error:)' "$log" | head -n 80 >&2 || true
  echo "test: $closing" >&2
  echo "all of it: $log" >&2
  exit 1
fi
echo "$closing"
skipped=$(grep -acE '^➜ .* skipped' "$log" || true)
[ "$skipped" -eq 0 ] || echo "(of these $skipped skipped)"
passed=$count

if [ -z "$filter" ] && [ -e Tests/Acceptance/run.sh ]; then
  accepted=.build/acceptance.log
  if ! bash Tests/Acceptance/run.sh 2>&1 | tee "$accepted"; then
    echo "test: the acceptance tests failed; all of it: $accepted" >&2
    exit 1
  fi
  # Its last line says "N passed"; a run that says nothing has tested nothing.
  more=$(grep -aoE '[0-9]+ passed' "$accepted" | tail -n 1 | grep -oE '[0-9]+' || true)
  if [ -z "$more" ] || [ "$more" -eq 0 ]; then
    echo "test: the acceptance tests ran no test (their output must end with 'N passed, …')" >&2
    exit 1
  fi
  passed=$((passed + more))
fi
echo "$passed" >"$summary"
echo "$passed passed, 0 failed"
