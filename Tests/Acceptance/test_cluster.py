"""Several nodes on one log and one memory: who dies, who takes over, what nobody notices. Runs on the cluster home alone."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import requests

from support import BINARY, BROKER_PORTS, HOME, KAFKA, PATIENCE, REDIS, SID, TOKEN, Server, Space, free_port, until


class Node(Server):
    """One node of a cluster whose topics are there already."""

    def __init__(self, prefix, name, roles, *options, kafka=None, redis=None):
        super().__init__("--roles", roles, *options, dev_clock=False)
        self.shared_prefix, self.name = prefix, name
        self.kafka, self.redis = kafka or KAFKA, redis or REDIS

    def cluster_options(self):
        return ["--kafka", self.kafka, "--redis", self.redis, "--topic-prefix", self.shared_prefix, "--node", self.name]

    def not_ready(self):
        """What it says it lacks; None while nobody answers there."""
        try:
            answer = requests.get(self.url + "/ready", timeout=10)
        except requests.RequestException:
            return None
        return [] if answer.status_code == 200 else answer.json().get("not_ready")


def apply_topics(prefix, kafka=KAFKA):
    made = subprocess.run(
        [BINARY, "topics", "apply", "--kafka", kafka, "--topic-prefix", prefix, "--development", "--partitions", "4"],
        capture_output=True, text=True, timeout=PATIENCE * 2)
    assert made.returncode == 0, made.stdout + made.stderr


def redis_of_its_own(test):
    folder, port = tempfile.mkdtemp(prefix="trunkline-redis-"), free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL)

    def end():
        server.kill()
        server.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)

    test.addCleanup(end)
    address = f"redis://127.0.0.1:{port}"
    until(lambda: subprocess.run(["redis-cli", "-u", address, "PING"], capture_output=True, text=True).stdout == "PONG\n", "Redis answers")
    return address


def fresh_prefix():
    return f"ac-{uuid.uuid4().hex[:8]}."


@unittest.skipIf(HOME != "cluster", "needs a broker and Redis")
class ClusterTest(unittest.TestCase):
    kafka = KAFKA
    redis = REDIS

    def setUp(self):
        self.prefix = fresh_prefix()
        self.nodes = []

    def tearDown(self):
        for node in self.nodes:
            node.close()

    def node(self, name, roles, *options, **keywords):
        keywords.setdefault("kafka", self.kafka)
        keywords.setdefault("redis", self.redis)
        node = Node(self.prefix, name, roles, *options, **keywords)
        self.nodes.append(node)
        return node

    def start(self, *nodes):
        for node in nodes:
            node.spawn()
        for node in nodes:
            node.wait_ready()


class Balancer:
    """What stands before the ingresses: asks each for its `/ready`, and gives requests to those that said yes the last time."""

    def __init__(self, ingresses):
        self.ingresses, self.open = ingresses, list(ingresses)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self):
        while not self.ending.wait(0.02):
            self.open = [ingress for ingress in self.ingresses if ingress.not_ready() == []]

    def choose(self, number):
        candidates = until(lambda: self.open, "an ingress is ready")
        return candidates[number % len(candidates)]

    def close(self):
        self.ending.set()
        self.thread.join(PATIENCE)


class Load:
    """Clients that create tasks with idempotency keys, over several ingresses, and try again until each is accepted.

    `choose` tells which ingress takes a request of this number."""

    def __init__(self, choose, spaces):
        self.choose, self.spaces = choose, spaces
        self.accepted = {space.sid: set() for space in spaces}
        self.refused, self.failures = [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(space, index), daemon=True) for index, space in enumerate(spaces)]
        for thread in self.threads:
            thread.start()

    def _run(self, space, index):
        session = requests.Session()
        session.auth = (SID, TOKEN)
        number = 0
        while not self.stopping.is_set():
            number += 1
            key = uuid.uuid4().hex
            # An outage is as long as the broker needs to come back on a busy machine; `grow` is what waits for the end of it.
            deadline = time.monotonic() + PATIENCE * 4
            while True:
                base = self.choose(index + number).url
                try:
                    answer = session.post(
                        f"{base}/v1/Workspaces/{space.sid}/Tasks", data={"WorkflowSid": space.workflow.sid, "Attributes": json.dumps({"key": key})},
                        headers={"Idempotency-Key": key}, timeout=PATIENCE * 3)
                except requests.RequestException as failure:
                    self.refused.append((0, str(failure)))
                else:
                    if answer.status_code == 201:
                        self.accepted[space.sid].add(answer.json()["sid"])
                        break
                    self.refused.append((answer.status_code, answer.text))
                    if answer.status_code not in (429, 503):
                        self.failures.append((answer.status_code, answer.text))
                        return
                if time.monotonic() > deadline:
                    self.failures.append((0, "never accepted"))
                    return
                time.sleep(0.05)

    @property
    def count(self):
        return sum(len(sids) for sids in self.accepted.values())

    def grow(self, by):
        before = self.count
        until(lambda: self.failures or self.count >= before + by, "the load goes on", PATIENCE * 3)

    def grow_everywhere(self, by):
        before = {sid: len(sids) for sid, sids in self.accepted.items()}
        until(
            lambda: self.failures or all(len(sids) >= before[sid] + by for sid, sids in self.accepted.items()),
            "all workspaces go on", PATIENCE * 3)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE * 5)


def tasks_of(server, workspace):
    found, url = set(), f"{server.url}/v1/Workspaces/{workspace}/Tasks?PageSize=1000"
    while url:
        answer = until(lambda: (lambda a: a if a.status_code != 503 else None)(server.get(url)), "a readable list")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found |= {task["sid"] for task in page["tasks"]}
        url = page["meta"]["next_page_url"]
    return found


class UnderLoad(ClusterTest):
    def prepare(self, *options):
        """Two workers, two ingresses, one node for the rest."""
        apply_topics(self.prefix, self.kafka)
        self.workers = [self.node("w1", "worker", *options), self.node("w2", "worker", *options)]
        self.ingresses = [self.node("i1", "ingress", *options), self.node("i2", "ingress", *options)]
        self.rest = self.node("rest", "projector,callout,gateway")
        self.start(*self.workers, *self.ingresses, self.rest)
        self.spaces = []
        for _ in range(6):
            self.spaces.append(Space(self.ingresses[0]))
        return Load(lambda number: self.ingresses[number % len(self.ingresses)], self.spaces)

    def check(self, load):
        load.stop()
        self.assertEqual(load.failures, [])
        for space in self.spaces:
            self.assertEqual(tasks_of(self.ingresses[1], space.sid), load.accepted[space.sid], "accepted and there, once each")


class Takeover(UnderLoad):
    def test_a_worker_killed_under_load_loses_nothing(self):
        load = self.prepare()
        load.grow(100)
        self.workers[0].kill()
        load.grow(200)
        # Those of the dead worker too.
        load.grow_everywhere(1)
        self.workers[0].start()
        load.grow(50)
        self.check(load)

    def test_a_paused_worker_does_no_harm_when_it_wakes(self):
        load = self.prepare()
        load.grow(50)
        self.workers[0].process.send_signal(signal.SIGSTOP)
        try:
            # The other worker has taken over.
            load.grow_everywhere(6)
        finally:
            self.workers[0].process.send_signal(signal.SIGCONT)
        load.grow(200)
        self.check(load)

    def test_an_emptied_memory_is_filled_again_and_never_answers_short(self):
        # One of its own: others work on the shared one at the same time.
        self.redis = redis_of_its_own(self)
        load = self.prepare()
        load.grow(100)
        known = {space.sid: set(load.accepted[space.sid]) for space in self.spaces}
        self.assertEqual(subprocess.run(["redis-cli", "-u", self.redis, "FLUSHALL"], capture_output=True, text=True, check=True).stdout, "OK\n")
        for _ in range(20):
            for space in self.spaces:
                answer = self.ingresses[1].get(f"/v1/Workspaces/{space.sid}/Tasks?PageSize=1000")
                self.assertIn(answer.status_code, (200, 503), answer.text)
                if answer.status_code == 200 and len(known[space.sid]) < 900:
                    self.assertLessEqual(known[space.sid], {task["sid"] for task in answer.json()["tasks"]}, "a shortened list")
                elif answer.status_code == 503:
                    self.assertIn("Retry-After", answer.headers)
        load.grow(50)
        self.check(load)

    def test_a_memory_that_is_emptied_while_nobody_owns_a_partition_is_filled_by_the_next_owner(self):
        self.redis = redis_of_its_own(self)
        load = self.prepare()
        load.grow(50)
        for worker in self.workers:
            worker.kill()
        subprocess.run(["redis-cli", "-u", self.redis, "FLUSHALL"], capture_output=True, text=True, check=True)
        for space in self.spaces:
            path = f"/v1/Workspaces/{space.sid}/Tasks"
            for answer in (self.ingresses[0].get(path), self.ingresses[1].post(path, {"WorkflowSid": space.workflow.sid})):
                self.assertEqual((answer.status_code, answer.json()["code"]), (503, 20503), answer.text)
                self.assertIn("being filled", answer.json()["message"])
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        for worker in self.workers:
            worker.start()
        load.grow_everywhere(2)
        self.check(load)

    def test_a_rolling_restart_fails_no_request(self):
        # However long a busy machine needs to start a process: an answer that is lost is one that never comes.
        long = str(round(PATIENCE * 2))
        load = self.prepare("--answer-timeout", long, "--grace", long, "--shutdown-delay", "3600")
        balancer = Balancer(self.ingresses)
        self.addCleanup(balancer.close)
        load.choose = balancer.choose
        # What was chosen before is answered.
        load.grow_everywhere(2)
        for node in [*self.workers, self.rest, *self.ingresses]:
            load.grow(30)
            if node in self.ingresses:
                node.process.send_signal(signal.SIGTERM)
                until(lambda: node.not_ready() == ["stopping"], "it says that it stops")
                until(lambda: node not in balancer.open, "the balancer hears of it")
                load.grow_everywhere(2)
            # The delay ends with the second signal: how fast this machine asks and answers does not matter.
            self.assertEqual(node.terminate(), 0)
            node.start()
            until(lambda: set(balancer.open) == set(self.ingresses), "the balancer uses all of them")
        load.grow(30)
        self.check(load)
        self.assertEqual(load.refused, [])

    def test_a_command_that_nobody_decides_in_time_is_answered_503_and_its_repeat_finds_the_result(self):
        self.prepare().stop()
        space = self.spaces[0]
        hasty = self.node("i3", "ingress", "--answer-timeout", "1")
        self.start(hasty)
        for worker in self.workers:
            self.assertEqual(worker.terminate(), 0)

        def create(ingress):
            return requests.post(
                f"{ingress.url}/v1/Workspaces/{space.sid}/Tasks", auth=(SID, TOKEN), headers={"Idempotency-Key": "one-and-the-same"},
                data={"WorkflowSid": space.workflow.sid, "Attributes": '{"call":"late"}'}, timeout=PATIENCE)

        refused = create(hasty)
        self.assertEqual((refused.status_code, refused.json()["code"]), (503, 20503), refused.text)
        self.assertIn("recorded but not decided yet", refused.json()["message"])
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        for worker in self.workers:
            worker.start()
        made = until(lambda: (lambda answer: answer if answer.status_code == 201 else None)(create(self.ingresses[0])), "the repeat is answered")
        late = [task for task in space.api.tasks.list(page_size=1000) if json.loads(task.attributes).get("call") == "late"]
        self.assertEqual([task.sid for task in late], [made.json()["sid"]], "made once")


class Roles(ClusterTest):
    def test_any_node_reads_what_another_wrote_and_roles_refuse_what_is_not_theirs(self):
        apply_topics(self.prefix)
        a, b = self.node("a", "ingress"), self.node("b", "ingress,gateway")
        worker, rest = self.node("w", "worker", "--lanes", "2"), self.node("rest", "projector,callout")
        self.start(worker, rest, a, b)
        space = Space(a)
        for _ in range(20):
            made = a.post(f"/v1/Workspaces/{space.sid}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"})
            self.assertEqual(made.status_code, 201, made.text)
            self.assertEqual(b.get(f"/v1/Workspaces/{space.sid}/Tasks/{made.json()['sid']}").status_code, 200)
        refused = worker.get("/v1/Workspaces")
        self.assertEqual(refused.status_code, 421, refused.text)
        self.assertIn("ingress", refused.json()["message"])

    def test_one_name_twice_the_later_one_stays(self):
        apply_topics(self.prefix)
        first, second = self.node("same", "worker,ingress,projector"), self.node("same", "worker,ingress,projector")
        self.start(first)
        second.spawn()
        until(lambda: "identity" in (first.not_ready() or []), "the first says that its name was taken")
        self.assertIn("name was taken", first.log_text())
        first.terminate()
        second.wait_ready()
        self.assertEqual(second.get("/v1/Workspaces").status_code, 200)


@unittest.skipUnless(os.environ.get("KAFKA_STARTER"), "needs KAFKA_STARTER, a broker of its own to stop")
class Outage(UnderLoad):
    """The broker goes away in the middle, and comes back."""

    def broker(self, *arguments):
        done = subprocess.run([os.environ["KAFKA_STARTER"], *arguments], capture_output=True, text=True, timeout=PATIENCE * 3)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="trunkline-broker-")
        self.kafka = f"127.0.0.1:{free_port(BROKER_PORTS)}"
        self.broker("start", self.folder, "--port", self.kafka.split(":")[1])
        self.addCleanup(lambda: subprocess.run([os.environ["KAFKA_STARTER"], "clean", self.folder], capture_output=True))

    def outage(self, begin, end):
        load = self.prepare()
        load.grow(60)
        self.broker(*begin)
        until(lambda: any(status == 503 for status, _ in load.refused), "requests are refused while the broker is away")
        until(lambda: "kafka" in (self.ingresses[0].not_ready() or []), "the node says what it lacks")
        self.broker(*end)
        load.grow(200)
        self.check(load)
        rejected = subprocess.run(
            ["kcat", "-b", self.kafka, "-q", "-C", "-t", self.prefix + "rejects", "-o", "beginning", "-e"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(rejected.stdout, "", "an outage rejects nothing")
        until(lambda: all(node.not_ready() == [] for node in self.nodes), "all are ready again")

    def test_a_broker_that_is_silent_for_a_while(self):
        self.outage(("pause", self.folder, "1"), ("resume", self.folder, "1"))

    def test_a_broker_that_is_killed_and_started_again(self):
        self.outage(("kill", self.folder, "1"), ("resume-node", self.folder, "1"))


class OtherSystems(ClusterTest):
    def kcat(self, *arguments, text=None):
        done = subprocess.run(["kcat", "-b", KAFKA, "-q", *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_records_that_others_publish_become_tasks_or_are_rejected_with_the_reason(self):
        apply_topics(self.prefix)
        node = self.node("n", "ingress,worker,projector,callout,gateway")
        self.start(node)
        space = Space(node)
        good = [
            json.dumps({"workspace_sid": space.sid, "workflow_sid": space.workflow.sid, "priority": number, "attributes": {"n": number}})
            for number in range(40)
        ]
        # Without keys they land in every partition; each is passed on to its workspace's.
        self.kcat("-P", "-t", self.prefix + "work.bulk", text="\n".join(good) + "\n")
        # By the workspace's SID, as the documents say.
        self.kcat("-P", "-t", self.prefix + "work.bulk", "-k", space.sid, text="\n".join(good[:5]) + "\n")
        found = until(lambda: (lambda tasks: tasks if len(tasks) >= 45 else None)(space.api.tasks.list()), "all are tasks")
        self.assertEqual(len(found), 45)
        self.assertEqual(sorted(task.priority for task in found), sorted([*range(40), *range(5)]))
        bad = {
            "{broken": "not JSON",
            json.dumps({"workspace_sid": space.sid, "attributes": {}, "extra": 1}): "unknown key 'extra'",
            json.dumps({"workspace_sid": "WS1", "attributes": {}}): "workspace_sid must be WS",
            json.dumps({"workspace_sid": "WS" + "0" * 32, "attributes": {}}): "not found",
            json.dumps({"workspace_sid": space.sid, "workflow_sid": "WW" + "0" * 32, "attributes": {}}): "WW" + "0" * 32,
        }
        self.kcat("-P", "-t", self.prefix + "work.bulk", text="\n".join(bad) + "\n")

        def rejects():
            lines = self.kcat("-C", "-t", self.prefix + "rejects", "-o", "beginning", "-e").splitlines()
            return lines if len(lines) >= len(bad) else None

        rejected = [json.loads(line) for line in until(rejects, "all are rejected")]
        reasons = " | ".join(record["reason"] for record in rejected)
        for text in bad.values():
            self.assertIn(text, reasons)
        self.assertEqual(len(space.api.tasks.list()), 45)


class BadDays(ClusterTest):
    def test_missing_topics_are_named_with_the_command_that_makes_them(self):
        node = self.node("n", "ingress,worker,projector,callout,gateway")
        node.spawn()
        until(lambda: "topics" in (node.not_ready() or []), "it says that topics are missing")
        until(lambda: f"trunkline topics apply --kafka {KAFKA} --topic-prefix {self.prefix}" in node.log_text(), "it says what to run")
        apply_topics(self.prefix)
        node.wait_ready()

    def test_a_broker_that_is_away_at_the_start_is_waited_for(self):
        node = self.node("n", "ingress,worker", kafka="127.0.0.1:1")
        node.spawn()
        until(lambda: "kafka" in (node.not_ready() or []), "it says that Kafka is away")
        answer = node.get("/v1/Workspaces")
        self.assertEqual(answer.status_code, 503, answer.text)
        self.assertIn("Retry-After", answer.headers)
        self.assertEqual(node.terminate(), 0)

    def test_a_refused_password_of_redis_is_named(self):
        apply_topics(self.prefix)
        address = REDIS.split("://", 1)[1]
        node = self.node("n", "ingress,worker", redis=f"redis://nobody:wrong@{address}")
        node.spawn()
        until(lambda: "redis" in (node.not_ready() or []), "it says that Redis refuses")
        self.assertNotIn("wrong@", node.log_text())


if __name__ == "__main__":
    unittest.main()
