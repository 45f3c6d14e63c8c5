"""A lot of it, on the embedded home: `plenty.py [TASKS]`, with TRUNKLINE naming a release binary.

One workspace gets so many waiting tasks by import, beside somebody who creates one task after another in another workspace; then the server is killed and started, and the large
workspace deleted, beside the same client. Prints what each took, memory and disk.
"""

import json
import os
import sys
import tempfile
import threading
import time

import requests

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "Acceptance"))

from support import SID, TOKEN, Server, Space, until  # noqa: E402

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000


def memory(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def disk(server):
    return sum(os.path.getsize(os.path.join(server.folder, name)) for name in os.listdir(server.folder)) / 1e6


class Creates:
    """Twenty a second, one at a time; how long each took."""

    def __init__(self, space):
        self.space, self.times, self.failed, self.over = space, [], 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        session = requests.Session()
        session.auth = (SID, TOKEN)
        while not self.over.is_set():
            began = time.monotonic()
            answer = session.post(
                f"{self.space.server.url}{self.space.path}/Tasks", {"Attributes": "{}", "WorkflowSid": self.space.workflow.sid}, timeout=60)
            self.times.append(time.monotonic() - began)
            self.failed += answer.status_code != 201
            self.over.wait(max(0.001, 0.05 - self.times[-1]))

    def end(self, what):
        self.over.set()
        self.thread.join(60)
        sorted_times = sorted(self.times)
        p50, p99 = (sorted_times[int(len(sorted_times) * part)] * 1000 for part in (0.5, 0.99))
        print(f"create in another workspace, {what}: p50 {p50:.1f}, p99 {p99:.1f}, max {sorted_times[-1] * 1000:.0f} ms; {len(self.times)} creates, "
              f"{self.failed} failed", flush=True)


def lines(first, count):
    for number in range(first, first + count):
        yield b'{"attributes":{"skill":9,"number":%d,"title":"a ticket of ordinary length"}}\n' % number


def main():
    server = Server(dev_clock=False, environment={"TRUNKLINE_LOG_LEVEL": "warning"}).start()
    large, small = Space(server), Space(server)
    before = memory(server)
    creates = Creates(small)
    time.sleep(15)
    creates.end("nothing else going on")
    creates = Creates(small)
    began = time.monotonic()
    piece = 100_000
    for first in range(0, TASKS, piece):
        count = min(piece, TASKS - first)
        answer = requests.post(
            f"{server.url}{large.path}/Tasks/Bulk?WorkflowSid={large.workflow.sid}&ImportId=p{first}", data=lines(first, count),
            headers={"Content-Type": "application/x-ndjson"}, auth=(SID, TOKEN), timeout=3600)
        assert answer.status_code == 202, answer.text
        place = f"{server.url}{large.path}/Tasks/Bulk/p{first}"
        while requests.get(place, auth=(SID, TOKEN), timeout=60).json()["decided"] < count:
            time.sleep(0.2)
    took = time.monotonic() - began
    creates.end("beside the import")
    print(f"{TASKS:,} lines decided in {took:.0f} s: {TASKS / took:,.0f}/s; memory {memory(server)} MB, {(memory(server) - before) * 1e6 / TASKS:.0f} B a task; "
          f"disk {disk(server):.0f} MB, {disk(server) * 1e6 / TASKS:.0f} B a task", flush=True)
    time.sleep(3)
    server.kill()
    began = time.monotonic()
    server.spawn()
    until(lambda: answers(server, small), "the small workspace answers", 600)
    first = time.monotonic() - began
    until(lambda: answers(server, large), "the large workspace answers", 600)
    print(f"started again after kill -9: the first request is answered after {first:.1f} s, one of the large workspace after {time.monotonic() - began:.1f} s; "
          f"memory {memory(server)} MB", flush=True)
    creates = Creates(small)
    began = time.monotonic()
    gone = requests.delete(server.url + large.path, auth=(SID, TOKEN), timeout=60)
    print(f"deleting the large workspace is answered with {gone.status_code} after {(time.monotonic() - began) * 1000:.0f} ms", flush=True)
    time.sleep(30)
    creates.end("while it is cleared")
    server.close()


def answers(server, space):
    try:
        return requests.get(f"{server.url}{space.path}/Tasks?PageSize=1", auth=(SID, TOKEN), timeout=30).status_code == 200
    except requests.RequestException:
        return False


if __name__ == "__main__":
    main()
