"""A long import on the embedded home: `stream.py [LINES]`, with TRUNKLINE naming a release binary.

A file of so many lines goes through `trunkline ingest` into one workspace whose items end by their timeout and are purged: ten million lines, at most a million of them alive at
a time. The product's time runs ten times as fast, so that what is over goes within half a minute. Beside the first tenth somebody creates one task after another in another workspace;
an import stands back for whoever is there, so the rest has the machine to itself. The command is killed at 30 % and run again, the server at 60 %. Prints memory, disk and the
times of those creates.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import requests

# A start with a million tasks takes its time, which is printed.
os.environ.setdefault("ACCEPTANCE_PATIENCE", "600")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from plenty import Creates, disk, memory  # noqa: E402
from support import SID, TOKEN, Server, Space, until  # noqa: E402

LINES = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
# Of the product's time: half a minute by the clock on the wall.
TIMEOUT, RATE = 300, 10


def write(path):
    with open(path, "w", encoding="utf-8") as file:
        for number in range(LINES):
            file.write('{"attributes":{"number":%d,"title":"a ticket of ordinary length"},"timeout":%d}\n' % (number, TIMEOUT))


class Import:
    def __init__(self, server, space, path):
        self.server, self.space = server, space
        self.command = [os.environ["TRUNKLINE"], "ingest", path, "--url", server.url, "--account-sid", SID, "--auth-token", TOKEN,
                        "--workspace", space.sid, "--workflow", space.workflow.sid, "--import-id", "stream"]
        self.process = None

    def run(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def status(self):
        answer = requests.get(f"{self.server.url}{self.space.path}/Tasks/Bulk/stream", auth=(SID, TOKEN), timeout=60)
        return answer.json() if answer.status_code == 200 else {"decided": 0}

    def kill(self):
        self.process.kill()
        self.process.wait()


def main():
    folder = tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/tmp"))
    path = os.path.join(folder, "lines.ndjson")
    write(path)
    server = Server(environment={"TRUNKLINE_LOG_LEVEL": "warning"}).start()
    large, small = Space(server), Space(server)
    creates = Creates(small)
    time.sleep(15)
    creates.end("nothing else going on")
    requests.post(f"{server.url}/dev/clock", json={"rate": RATE}, auth=(SID, TOKEN), timeout=600).raise_for_status()
    work = Import(server, large, path)
    work.run()
    began, cuts = time.monotonic(), {0.3: "the command", 0.6: "the server"}
    most, last, at = 0, (0, began), 0
    # How far it was when: what was made since the last time-out is alive, at most.
    samples, alive = [(0, began)], 0
    creates = Creates(small)
    while at < LINES:
        time.sleep(10)
        at = work.status()["decided"]
        now = time.monotonic()
        samples.append((at, now))
        alive = max(alive, at - max(number for number, when in samples if when <= max(began, now - TIMEOUT / RATE)))
        most = max(most, memory(server))
        print(f"{at:,} lines: {(at - last[0]) / (now - last[1]):,.0f}/s; memory {memory(server)} MB, disk {disk(server):.0f} MB", flush=True)
        last = (at, now)
        if creates and at >= 0.1 * LINES:
            creates.end(f"beside the first {at:,} lines")
            creates = None
        for part in [part for part in cuts if at >= part * LINES]:
            what = cuts.pop(part)
            print(f"killing {what}", flush=True)
            work.kill()
            if what == "the server":
                server.kill()
                server.spawn()
                server.wait_ready()
                print(f"ready again after {time.monotonic() - now:.1f} s", flush=True)
                requests.post(f"{server.url}/dev/clock", json={"rate": RATE}, auth=(SID, TOKEN), timeout=600).raise_for_status()
            work.run()
    until(lambda: work.process.poll() is not None, "the command ends", 600)
    took = time.monotonic() - began
    status = work.status()
    # The import's own count of what it made: each line once, whatever was sent again.
    assert (status["decided"], status["accepted"], status["rejected"]) == (LINES, LINES, 0), status
    print(f"{LINES:,} lines in {took:.0f} s: {LINES / took:,.0f}/s; at most {most} MB and {alive:,} alive; {json.dumps(work.status())}; the command ended with {work.process.poll()}", flush=True)
    server.close()
    os.unlink(path)
    os.rmdir(folder)


if __name__ == "__main__":
    main()
