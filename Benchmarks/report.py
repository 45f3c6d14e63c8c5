"""Keeps what a run of the benchmarks printed as JSON and tells what changed since the last one.

`report.py [TEXT [PEERS]]`: TEXT is a file with the tables as they were printed, PEERS one with a JSON object a line from programs measured in the same run. Writes
.build/bench/latest.json (the one before becomes previous.json) and prints the ratios: to the last run, which another hour and another load may explain, and to the peers of
this one.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time

FOLDER = ".build/bench"
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1000.0}


def numbers(figure):
    """Durations in milliseconds, all else as it stands: "1.7ms / 3.1ms" -> [1.7, 3.1], "5,243/s" -> [5243]."""
    return [float(number.replace(",", "")) * UNITS.get(unit, 1.0) for number, unit in re.findall(r"(\d[\d,]*\.?\d*)\s?(us|ms|s\b)?", figure)]


def rows(text):
    """Rows of tables; other lines that end with a figure count as rows without a note."""
    home = ""
    for line in text.splitlines():
        if line.startswith("Trunkline, "):
            home = line.split(",")[1].split("(")[0].strip()
        cells = re.split(r"\s{2,}", line.strip())
        alone = re.fullmatch(r"(the log itself.*?), p50 / p99: (.*)", line.strip())
        if alone:
            yield {"what": alone[1], "figure": alone[2], "numbers": numbers(alone[2]), "note": ""}
        if home and len(cells) == 3 and numbers(cells[1]) and not cells[0].startswith("--"):
            yield {"what": f"{home}: {cells[0]}", "figure": cells[1], "numbers": numbers(cells[1]), "note": cells[2]}


def version(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()[0].strip()
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return None


def library(name):
    return version("pkg-config", "--modversion", name)


def found_in(peer, key):
    """All numbers that stand under the key, however deep."""
    for name, value in peer.items():
        if name == key and isinstance(value, (int, float)):
            yield value
        elif isinstance(value, dict):
            yield from found_in(value, key)


def best(peer):
    """What a peer made of its jobs at its best settings, a second, and its latency in milliseconds; None where it has none."""
    rates = [*found_in(peer, "lifecycles_per_s"), *found_in(peer, "lifecycles_insert_many_per_s")]
    delays = [value for name, value in peer.items() if name.startswith("latency") and not name.endswith("insert_call") and isinstance(value, dict) and "p50_ms" in value]
    delay = min(delays, key=lambda one: one["p50_ms"], default={})
    return max(rates, default=None), delay.get("p50_ms"), delay.get("p99_ms")


def beside(now):
    """Ours against the peers of the same run: their lives of a job against ours, which is matched by skill, offered, accepted and told of besides."""
    ours = {row["what"]: row["numbers"] for row in now["rows"]}
    for peer in now["peers"]:
        name = peer.get("system") or peer.get("tool")
        if "sync_always" in peer:
            name += " (sync_always)" if peer["sync_always"] else " (no sync)"
        rate, half, most = best(peer)
        for what, numbers in ours.items():
            if rate and what.endswith("lifecycles through machine and log"):
                yield f"{numbers[0] / rate:.2f} times {name}, {rate:,.0f}/s: {what}"
            if half and len(numbers) == 2 and what.startswith("embedded") and what.endswith("reservation event, p50 / p99"):
                yield f"{numbers[0] / half:.2f} / {numbers[1] / most:.2f} times {name}, {half:.2f} / {most:.2f} ms: {what}"
    for what, numbers in ours.items():
        rate = re.search(r"event at \d+/s", what)
        for yardstick, its in ours.items():
            if rate and yardstick.startswith("the log itself") and rate[0][5:] in yardstick:
                ratio = " / ".join(f"{mine / other:.2f}" for mine, other in zip(numbers, its))
                yield f"{ratio} times {yardstick}: {what}"


def compared(now, before):
    known = {row["what"]: row["numbers"] for row in before.get("rows", [])}
    for row in now["rows"]:
        old = known.get(row["what"])
        if old and len(old) == len(row["numbers"]) and all(old):
            yield row["what"], " / ".join(f"{new / was:.2f}" for new, was in zip(row["numbers"], old))


def main():
    with open(sys.argv[1]) as file:
        found = list(rows(file.read()))
    peers = []
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as file:
            peers = [json.loads(line) for line in file if line.startswith("{")]
    now = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cores": os.cpu_count(), "kernel": platform.release(),
        "commit": version("git", "rev-parse", "--short", "HEAD"), "swift": version("swift", "--version"),
        "libraries": {name: library(name) for name in ["sqlite3", "rdkafka", "hiredis", "libuv", "openssl"]},
        "redis": version("redis-server", "--version"), "rows": found, "peers": peers,
    }
    os.makedirs(FOLDER, exist_ok=True)
    latest, previous = (os.path.join(FOLDER, name) for name in ("latest.json", "previous.json"))
    before = {}
    if os.path.exists(latest):
        os.replace(latest, previous)
        with open(previous) as file:
            before = json.load(file)
    with open(latest, "w") as file:
        json.dump(now, file, indent=1)
    print(", ".join(f"{name} {text}" for name, text in now["libraries"].items()) + f"; {now['swift']}; Linux {now['kernel']}; {now['redis']}")
    print(f"{len(found)} rows and {len(peers)} of peers are in {latest}")
    for line in beside(now):
        print(f"  {line}")
    for what, ratio in compared(now, before):
        print(f"  {ratio} times the run of {before['at']}: {what}")


main()
