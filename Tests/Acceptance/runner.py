"""Runs the test files beside each other, each in a process of its own, and adds up. One file in this process: `runner.py --one NAME`."""

import json
import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
AT_ONCE = int(os.environ.get("ACCEPTANCE_JOBS", "4"))
#: Seconds that one file may take before it counts as hanging.
LIMIT = int(os.environ.get("ACCEPTANCE_LIMIT", "500"))
#: These take longest, so they start first.
FIRST = [
    "test_cluster", "test_cluster_bad_days_kafka", "test_cluster_bad_days_topics", "test_cluster_bad_days", "test_kill_loop", "test_crash",
    "test_callback_wd13_wd15_wd25", "test_restart", "test_bulk"]


class Collector(unittest.TextTestResult):
    """Keeps names of what passed, failed or is known to fail; each test's time."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.passed, self.times = [], {}

    def startTest(self, test):
        super().startTest(test)
        self.times[test.id()] = -time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.times[test.id()] += time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test.id())


def run_one(name):
    sys.path.insert(0, HERE)
    module, _, rest = name.partition(".")
    suite = unittest.defaultTestLoader.loadTestsFromName(name if rest else module)
    runner = unittest.TextTestRunner(stream=sys.stderr, verbosity=2, resultclass=Collector)
    result = runner.run(suite)
    failed = [test.id() for test, _ in result.failures + result.errors] + [test.id() for test in result.unexpectedSuccesses]
    print(json.dumps({
        "passed": result.passed, "failed": failed, "known": [test.id() for test, _ in result.expectedFailures],
        "skipped": [test.id() for test, _ in result.skipped], "times": result.times}))


def run_apart(name):
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "--one", name], capture_output=True, text=True, timeout=LIMIT, errors="replace")
        report = json.loads(done.stdout.strip().splitlines()[-1])
        output = done.stderr
    except subprocess.TimeoutExpired as late:
        output = (late.stderr or b"").decode(errors="replace") if isinstance(late.stderr, bytes) else late.stderr or ""
        report = {"passed": [], "failed": [f"{name} (not finished within {LIMIT} s)"], "known": [], "skipped": [], "times": {}}
    except (IndexError, ValueError):
        output = done.stderr + done.stdout
        report = {"passed": [], "failed": [f"{name} (could not run)"], "known": [], "skipped": [], "times": {}}
    state = "ok" if not report["failed"] else "FAILED"
    print(f"{name}: {len(report['passed'])} passed, {len(report['failed'])} failed, {time.monotonic() - began:.0f} s {state}", flush=True)
    if report["failed"]:
        print(output, flush=True)
    return report


def main(names):
    every = sorted(file[:-3] for file in os.listdir(HERE) if file.startswith("test_") and file.endswith(".py"))
    names = names or [name for name in FIRST if name in every] + [name for name in every if name not in FIRST]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        reports = list(pool.map(run_apart, names))
    times = sorted(((seconds, test) for report in reports for test, seconds in report["times"].items()), reverse=True)
    if os.environ.get("ACCEPTANCE_TIMES"):
        for seconds, test in times[:20]:
            print(f"{seconds:7.1f} s  {test}")
    for report in reports:
        for test in report["known"]:
            print(f"known to fail: {test}")
        for test in report["skipped"]:
            print(f"skipped: {test}")
        for test in report["failed"]:
            print(f"failed: {test}")
    passed = sum(len(report["passed"]) for report in reports)
    failed = sum(len(report["failed"]) for report in reports)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        run_one(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
