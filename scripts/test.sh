#!/bin/bash
# Builds and runs all tests and counts them: the last line is "N passed, M failed". Called by `make test`, after format and architecture were checked.
# The cluster home is tested on a real broker and a real Redis: TRUNKLINE_TEST_KAFKA names a broker that runs (HOST:PORT), or KAFKA_STARTER a script with `start DIR --port P`
# and `clean DIR` that brings one; Redis is the distribution's, on a port of its own. Without a broker those tests are skipped, loudly, and with TRUNKLINE_REQUIRE_CLUSTER=1 they fail.
#   BUILD_FLAGS, TEST_FLAGS: extra words for `swift build` and `swift test`; TEST_TIMEOUT: seconds that one run of `swift test` may take (1000);
#   SIMULATED_SEEDS: histories of the simulation, which is built in release (2000).
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .build
log=
passed=0
failed=0
limit=${TEST_TIMEOUT:-1000}

. scripts/test-home.sh
trap end_home EXIT

# What each stage took, beside its budget (docs/testing.md). Told and never judged: no test depends on speed.
took=()
timed() {  # budget in seconds, name, command…
  local budget=$1 name=$2 begun=$SECONDS
  shift 2
  "$@"
  took+=("$(printf '%-22s %5d s of %5d' "$name" $((SECONDS - begun)) "$budget")")
}

finish() {
  printf 'test: %s\n' "${took[@]}"
  echo "$passed passed, $failed failed"
  [[ $failed == 0 && $passed != 0 ]]
  exit
}
problem() {
  echo "test: $*" >&2
  failed=$((failed + 1))
}

# `swift test` leaves its child behind when it is stopped itself.
end_left_behind() {
  local process executable
  for process in /proc/[0-9]*; do
    executable=$(readlink "$process/exe" 2>/dev/null) || continue
    if [[ $executable == "$PWD"/.build/*PackageTests.xctest ]]; then kill -KILL "${process#/proc/}" 2>/dev/null; fi
  done
}

# An exit code of 0 is not enough: a run of no tests has it too, and a crash leaves no closing line.
count_swift_tests() {  # exit code
  local closing total bad skipped
  closing=$(grep -aE 'Test run with [0-9]+ tests?' "$log" | tail -1)
  if [[ -z $closing ]]; then problem "the tests stopped before their closing line (exit $1): a crash, or out of time; see $log"; return; fi
  total=$(sed -E 's/.*Test run with ([0-9]+) tests?.*/\1/' <<<"$closing")
  # Marks before "Test" are several bytes where the locale is C. Cases of one test count as that test.
  bad=$(grep -avE '^[^ ]+ Test (case|run with) ' "$log" | grep -acE '^[^ ]+ Test .* failed after [0-9.]+ seconds')
  skipped=$(grep -acE '^[^ ]+ Test .* skipped' "$log")
  if [[ $skipped != 0 ]]; then echo "test: $skipped skipped (not counted)"; fi
  passed=$((passed + total - bad - skipped))
  failed=$((failed + bad))
  if [[ $total == 0 ]]; then problem "no tests were run"; fi
  if [[ $bad == 0 && ( $1 != 0 || $closing != *passed* ) ]]; then problem "the run failed (exit $1): $closing"; fi
}

# A script of ours that ends with "N passed, M failed".
counted() {  # name, command…
  local name=$1 line code
  shift
  "$@" 2>&1 | tee ".build/$name.log"
  code=${PIPESTATUS[0]}
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' ".build/$name.log" | tail -1)
  if [[ -z $line ]]; then problem "$name stopped before its closing line (exit $code)"; return; fi
  passed=$((passed + ${line%% passed*}))
  line=${line#*, }
  failed=$((failed + ${line%% failed*}))
  if [[ $code != 0 && ${line%% failed*} == 0 ]]; then problem "$name failed (exit $code)"; fi
}

simulate() {
  # shellcheck disable=SC2086
  swift build -c release --product Simulate ${BUILD_FLAGS:-} && timeout -k 10 "$limit" scripts/simulate.sh --seeds "${SIMULATED_SEEDS:-2000}"
}

counts() {
  # shellcheck disable=SC2086
  swift build -c release --product Counts ${BUILD_FLAGS:-} && timeout -k 10 "$limit" "$(swift build -c release --show-bin-path)/Counts"
}

timed 30 architecture counted architecture python3 scripts/test_check_architecture.py
timed 10 metrics counted metrics python3 scripts/test_check_metrics.py
timed 120 model counted model scripts/check-model.sh
timed 10 mutations counted mutations scripts/mutate.sh --check

# shellcheck disable=SC2086  # flags are words
build_tests() { swift build --build-tests ${BUILD_FLAGS:-} || { problem "the tests do not build"; finish; }; }
timed 420 build build_tests
swift_tests() {  # log, words for `swift test`
  local code
  log=$1
  shift
  # shellcheck disable=SC2086
  timeout -k 10 "$limit" swift test --skip-build --disable-xctest "$@" ${TEST_FLAGS:-} 2>&1 | tee "$log" |
    grep --line-buffered -avE ' (started\.|Test case .* passed after .*)$'
  code=${PIPESTATUS[0]}
  if [[ $code == 124 || $code == 137 ]]; then end_left_behind; fi
  count_swift_tests "$code"
}

start_home
if [[ ${TEST_FLAGS:-} == *--filter* ]]; then
  swift_tests .build/test.log
else
  # What waits for servers blocks threads; beside it whatever has a time limit of its own would meet it.
  on_servers='^(ContractsTests|RedisClientTests|KafkaAdminTests)\.'
  timed 240 "Swift tests" swift_tests .build/test.log --skip "$on_servers"
  timed 120 "Swift tests, servers" swift_tests .build/test-servers.log --no-parallel --filter "$on_servers"
  timed 360 simulation counted simulation simulate
  timed 120 counts counted counts counts
fi

if [[ -x Tests/Acceptance/run.sh ]]; then
  timed 420 acceptance counted acceptance Tests/Acceptance/run.sh
  if [[ -n ${TRUNKLINE_TEST_KAFKA:-} && -n ${TRUNKLINE_TEST_REDIS:-} ]]; then
    # Takeovers wait for the group's time-outs.
    export ACCEPTANCE_HOME=cluster ACCEPTANCE_LIMIT=800
    timed 480 "acceptance, cluster" counted acceptance-cluster Tests/Acceptance/run.sh
  elif [[ ${TRUNKLINE_REQUIRE_CLUSTER:-} == 1 ]]; then
    problem "the cluster home was not tested: there is no broker or no Redis"
  else
    echo "test: SKIPPED: the cluster home on Kafka and Redis: name a broker with TRUNKLINE_TEST_KAFKA=HOST:PORT" >&2
  fi
fi
finish
