"""kill -9 again and again under load, and an audit from the journal at the end.

    kill_loop.py SECONDS [SEED]

Clients make tasks with idempotency keys and repeat each request until it is answered; agents accept and finish them; the server is killed at random moments and started
again. Then the journal alone has to prove: every answer is in it exactly once, no task and no worker ever had two holders, every task came to its end, no event is missing.
"""

import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import requests

from support import BINARY, PATIENCE, SID, TOKEN, Server, Space

#: Tasks that may wait for an agent; more would only make the end longer.
MOST_WAITING = 60
ENDS = {"reservation.rejected", "reservation.timeout", "reservation.canceled", "reservation.rescinded", "reservation.completed"}


class KillLoop:
    def __init__(self, seconds, seed=None, folder=None):
        self.seconds = seconds
        self.seed = seed if seed is not None else random.SystemRandom().randrange(1 << 30)
        self.server = Server(dev_clock=False, folder=folder)
        self.accepted, self.finished, self.taken = {}, set(), set()
        self.made = set()
        self.kills = 0
        self.repeats = collections.Counter()
        self.lock = threading.Lock()
        self.closing, self.failed = threading.Event(), []

    def run(self):
        """Plays, and answers what the audit found wrong: nothing, if all is well."""
        self.server.start()
        self.play([Space(self.server) for _ in range(2)], self.kill_at_random)
        status = self.server.terminate()
        return self.failed + ([f"the server ended with {status} at SIGTERM"] if status != 0 else []) + self.audit()

    def play(self, spaces, faults):
        """Clients and agents, while `faults` does what it does; afterwards the agents come to the end of their work."""
        for space in spaces:
            space.workers = [space.worker(f"agent {number}").sid for number in range(2)]
            self.made |= {space.sid, space.workflow.sid, *space.workers}
        threads = [threading.Thread(target=self.guarded, args=(self.create, space), daemon=True) for space in spaces for _ in range(2)]
        agents = [threading.Thread(target=self.guarded, args=(self.work, space), daemon=True) for space in spaces]
        for thread in threads + agents:
            thread.start()
        faults()
        self.closing.set()
        for thread in threads + agents:
            thread.join(PATIENCE * 4)
            if thread.is_alive():
                self.failed.append("a client does not come to its end")
        if not self.failed:
            self.ask_again(spaces)

    def kill_at_random(self):
        source = random.Random(self.seed)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and not self.failed:
            # Also in the middle of a start, now and then.
            self.closing.wait(min(source.expovariate(1 / 2), 8))
            self.server.kill()
            self.kills += 1
            self.server.spawn()
            if source.random() < 0.8:
                self.server.wait_ready()
        self.server.wait_ready()

    def url(self):
        """Where a request goes."""
        return self.server.url

    def guarded(self, work, space):
        try:
            work(space)
        except BaseException as failure:
            self.failed.append(f"{type(failure).__name__}: {failure}")

    # MARK: Load

    def keyed(self, path, form, key, wanted):
        """The answer to a request that is repeated with its key until there is one."""
        deadline = time.monotonic() + PATIENCE * 4
        while True:
            try:
                answer = requests.post(self.url() + path, form, headers={"Idempotency-Key": key}, auth=(SID, TOKEN), timeout=30)
                if answer.status_code in wanted:
                    return answer
                if answer.status_code not in (429, 503):
                    raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            except requests.RequestException as failure:
                answer = failure
            with self.lock:
                self.repeats[path.split("/")[-1][:12] if "Tasks" in path else "other"] += 1
            if time.monotonic() > deadline or self.failed:
                raise AssertionError(f"{path}: no answer; the last: {answer}")
            threading.Event().wait(0.05)

    def form(self, space, key):
        return {"Attributes": json.dumps({"key": key}), "WorkflowSid": space.workflow.sid, "Timeout": "1209600"}

    def create(self, space):
        while not self.closing.is_set() and not self.failed:
            if len(self.accepted) - len(self.finished) > MOST_WAITING:
                self.closing.wait(0.05)
                continue
            key = str(uuid.uuid4())
            sid = self.keyed(f"{space.path}/Tasks", self.form(space, key), key, {201}).json()["sid"]
            with self.lock:
                self.accepted[key] = (space, sid)

    def work(self, space):
        """Accepts and finishes; ends when there is nothing left after the creators have ended."""
        idle_since = None
        while not self.failed:
            busy = False
            for worker in space.workers:
                busy = self.serve(space, worker) or busy
            with self.lock:
                mine = {sid for place, sid in self.accepted.values() if place is space}
            if self.closing.is_set() and mine <= self.finished:
                # A creator may be about to note its last task.
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since > 2 and not busy:
                    return
            else:
                idle_since = None
            if not busy:
                self.closing.wait(0.02) if not self.closing.is_set() else threading.Event().wait(0.05)

    def serve(self, space, worker):
        # Asked for by status, and page after page: a worker may have had more than a page of others.
        page, open_ones = f"{self.url()}{space.path}/Workers/{worker}/Reservations?ReservationStatus=pending,accepted&PageSize=1000", []
        while page:
            try:
                listed = requests.get(page, auth=(SID, TOKEN), timeout=30)
            except requests.RequestException:
                return False
            if listed.status_code != 200:
                return False
            open_ones += listed.json()["reservations"]
            page = listed.json()["meta"]["next_page_url"]
        for offer in open_ones:
            place = f"{space.path}/Workers/{worker}/Reservations/{offer['sid']}"
            if offer["reservation_status"] == "pending":
                # It may have timed out while the server was away; then the task is offered again.
                answer = self.keyed(place, {"ReservationStatus": "accepted"}, f"accept-{offer['sid']}", {200, 400, 404, 410})
                if answer.status_code != 200:
                    continue
                with self.lock:
                    self.taken.add(offer["sid"])
            done = self.keyed(f"{space.path}/Tasks/{offer['task_sid']}", {"AssignmentStatus": "completed"}, f"finish-{offer['task_sid']}", {200})
            assert done.json()["assignment_status"] == "completed", done.text
            with self.lock:
                self.finished.add(offer["task_sid"])
        return bool(open_ones)

    def ask_again(self, spaces):
        """The keys of before still give the same answers."""
        source = random.Random(self.seed)
        for key, (space, sid) in source.sample(sorted(self.accepted.items(), key=lambda pair: pair[0]), min(20, len(self.accepted))):
            again = self.keyed(f"{space.path}/Tasks", self.form(space, key), key, {201}).json()["sid"]
            if again != sid:
                self.failed.append(f"key {key} made {sid}, and {again} when it was asked again")

    # MARK: Audit

    def journal(self):
        """Where the journal is."""
        return ["--data-dir", self.server.folder]

    def audit(self):
        shown = subprocess.Popen([BINARY, "journal", "show", "--json", *self.journal()], stdout=subprocess.PIPE, text=True)
        try:
            audit = Audit()
            for line in shown.stdout:
                if not line.startswith("{"):
                    audit.problems.append(line.strip())
                    continue
                audit.take(json.loads(line))
        finally:
            shown.stdout.close()
            status = shown.wait(PATIENCE * 4)
        if status != 0:
            audit.problems.append(f"journal show ended with {status}")
        self.events, self.refused = audit.events, audit.refused
        return audit.judge({sid for _, sid in self.accepted.values()}, len(self.accepted), set(self.finished), set(self.taken), self.made)


class Audit:
    """Folds the journal's facts as an auditor would, without the product."""

    def __init__(self):
        self.problems, self.events = [], 0
        self.created, self.completed, self.taken = collections.Counter(), collections.Counter(), collections.Counter()
        self.named = set()
        self.holders, self.busy, self.sequences = {}, {}, {}
        self.owners, self.refused = {}, 0

    def counts(self, record):
        """The acceptance rule: the last Open says who decides, and only the next of their decisions counts."""
        partition, said = (record["topic"], record["partition"]), (record.get("incarnation"), record.get("epoch"), record.get("sequence"))
        if record["kind"] == "open":
            self.owners[partition] = (record["incarnation"], record["offset"], 0)
            return False
        if self.owners.get(partition) != said:
            self.refused += 1
            return False
        self.owners[partition] = (*said[:2], said[2] + 1)
        return True

    def take(self, record):
        counts = self.counts(record)
        if record["kind"] == "decision" and record.get("accepted") is not counts:
            self.problems.append(f"{record['topic']}[{record['partition']}] @{record['offset']} is shown as accepted: {record.get('accepted')}, and should be {counts}")
        if not counts:
            return
        for step in record.get("steps", []):
            if "event" not in step:
                continue
            self.events += 1
            scope, name, subjects = step["scope"], step["event"], step["subjects"]
            expected = self.sequences.get(scope, 0) + 1
            if step["sequence"] != expected:
                self.problems.append(f"{scope}: event {step['sequence']} where {expected} comes next")
            self.sequences[scope] = step["sequence"]
            self.named |= {scope, *subjects} if name.endswith(".created") else set()
            if name == "task.created":
                self.created[subjects[0]] += 1
            elif name == "task.completed":
                self.completed[subjects[0]] += 1
            elif name == "reservation.created":
                reservation, task, worker = subjects[:3]
                for what, held in ((task, self.holders), (worker, self.busy)):
                    if what in held:
                        self.problems.append(f"{what} has two holders: {held[what]} and {reservation}")
                    held[what] = reservation
            elif name == "reservation.accepted":
                self.taken[subjects[0]] += 1
                if self.holders.get(subjects[1]) != subjects[0]:
                    self.problems.append(f"{subjects[0]} was accepted, but {self.holders.get(subjects[1])} holds {subjects[1]}")
            elif name in ENDS:
                reservation, task, worker = subjects[:3]
                for what, held in ((task, self.holders), (worker, self.busy)):
                    if held.get(what) == reservation:
                        del held[what]

    def judge(self, accepted, keys, finished, taken, made):
        """Compares with what clients were told."""
        if len(accepted) != keys:
            self.problems.append(f"{keys} keys gave {len(accepted)} tasks")
        tables = [("accepted, not in the journal", accepted - set(self.created)), ("in the journal, never accepted", set(self.created) - accepted),
                  ("finished, not in the journal", finished - set(self.completed)), ("forgotten: created, never finished", set(self.created) - set(self.completed)),
                  ("created more than once", {sid for sid, count in self.created.items() if count > 1}),
                  ("finished more than once", {sid for sid, count in self.completed.items() if count > 1}), ("held at the end", set(self.holders))]
        for what, sids in tables:
            if sids:
                self.problems.append(f"{len(sids)} tasks {what}: {sorted(sids)[:5]}")
        # An accept may be in the journal and its answer have met a later state, so only one direction.
        for what, sids in [("offers accepted, not in the journal", taken - set(self.taken)), ("offers accepted more than once", {sid for sid, count in self.taken.items() if count > 1}),
                           ("workspaces, workflows and workers made, not in the journal", made - self.named)]:
            if sids:
                self.problems.append(f"{len(sids)} {what}: {sorted(sids)[:5]}")
        if not accepted:
            self.problems.append("nothing was accepted at all")
        return self.problems


def main(seconds, seed=None):
    folder = tempfile.mkdtemp(prefix="trunkline-kill-loop-")
    loop = KillLoop(float(seconds), int(seed) if seed else None, folder)
    print(f"kill-loop: {seconds} s, seed {loop.seed}, data {folder}", flush=True)
    try:
        problems = loop.run()
    except BaseException:
        print(loop.server.log_tail(), flush=True)
        raise
    finally:
        if loop.server.process.poll() is None:
            loop.server.kill()
    print(f"kill-loop: {loop.kills} kills, {len(loop.accepted)} tasks accepted, {len(loop.finished)} finished, {sum(loop.repeats.values())} requests repeated, "
          f"{loop.events} events audited", flush=True)
    for problem in problems:
        print(f"kill-loop: WRONG: {problem}", flush=True)
    if problems:
        print(f"kill-loop: the folder stays for whoever looks: {folder}; the server's log: {loop.server.log}", flush=True)
        return 1
    loop.server.owns_folder = True
    loop.server.close()
    print("kill-loop: every answer is in the journal exactly once, one holder each, nothing forgotten", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
