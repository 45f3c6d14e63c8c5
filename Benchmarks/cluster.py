"""How long a cluster's partition is away: its worker killed, or stopped in order, with 100,000 tasks in it; and how long until the first right answer after Redis is emptied.

Run by run.sh, on the broker and the Redis of the environment. TASKS sets how many tasks wait.
"""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Tests", "Acceptance"))
from support import KAFKA, REDIS, Space, until  # noqa: E402
from test_cluster import Node, apply_topics, fresh_prefix  # noqa: E402

TASKS = int(os.environ.get("TASKS", "100000"))


def fill(node, space, count):
    root = f"/v1/Workspaces/{space.sid}/Tasks/Bulk"
    for first in range(0, count, 100_000):
        lines = "".join(json.dumps({"attributes": {"number": number, "title": "a ticket of ordinary length"}}) + "\n"
                        for number in range(first, min(count, first + 100_000)))
        answer = node.post(f"{root}?ImportId=bench-{first}&WorkflowSid={space.workflow.sid}", lines.encode(),
                           headers={"Content-Type": "application/x-ndjson"}, timeout=3600)
        assert answer.status_code == 202, answer.text
        until(lambda: node.get(f"{root}/bench-{first}").json()["decided"] == lines.count("\n"), "all lines are decided", 3600)


def create(node, space):
    return node.post(f"/v1/Workspaces/{space.sid}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"}).status_code


def seconds_until(condition):
    start = time.monotonic()
    until(condition, "the partition answers again", 600)
    return time.monotonic() - start


def main():
    prefix = fresh_prefix()
    apply_topics(prefix)
    workers = [Node(prefix, "w1", "worker"), Node(prefix, "w2", "worker")]
    rest = Node(prefix, "rest", "ingress,projector,callout,gateway")
    nodes = [*workers, rest]
    try:
        for node in nodes:
            node.spawn()
        for node in nodes:
            node.wait_ready()
        space = Space(rest)
        fill(rest, space, TASKS)
        for how in ("killed", "stopped in order", "killed"):
            # Whose going makes the workspace wait is its owner; the other one's goes unnoticed.
            for worker in workers:
                worker.kill() if how == "killed" else worker.terminate()
                took = seconds_until(lambda: create(rest, space) == 201)
                worker.start()
                until(lambda: all(node.not_ready() == [] for node in nodes), "all are ready")
                print(f"worker {how} with {TASKS:,} tasks in one partition: a create is answered after {took:.2f} s ({worker.name})", flush=True)
        total = len(rest.get(f"/v1/Workspaces/{space.sid}/Tasks?PageSize=1000").json()["tasks"])
        assert total == 1000
        subprocess.run(["redis-cli", "-u", REDIS, "FLUSHALL"], check=True, capture_output=True)

        def whole():
            answer = rest.get(f"/v1/Workspaces/{space.sid}/Tasks?PageSize=1000")
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                assert len(answer.json()["tasks"]) == 1000, "a shortened list"
            return answer.status_code == 200

        took = seconds_until(whole)
        print(f"Redis emptied with {TASKS:,} tasks in one workspace: the first right answer after {took:.2f} s")
    finally:
        for node in nodes:
            node.close()


main()
