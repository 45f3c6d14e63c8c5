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
        if home and len(cells) == 3 and numbers(cells[1]) and not cells[0].startswith("--"):
            yield {"what": f"{home}: {cells[0]}", "figure": cells[1], "numbers": numbers(cells[1]), "note": cells[2]}


def version(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()[0].strip()
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return None


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
        "commit": version("git", "rev-parse", "--short", "HEAD"), "swift": version("swift", "--version"), "rows": found, "peers": peers,
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
    print(f"{len(found)} rows and {len(peers)} of peers are in {latest}")
    for what, ratio in compared(now, before):
        print(f"  {ratio} times the run of {before['at']}: {what}")


main()
