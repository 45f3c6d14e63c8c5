"""Bad days of a cluster: what a node says, what goes on meanwhile, and that it is well again by itself. Runs on the cluster home alone."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import requests

from support import BINARY, HOME, KAFKA, PATIENCE, REDIS, Server, Space, free_port, until
from test_cluster import Load, Node, apply_topics, fresh_prefix, tasks_of

STARTER = os.environ.get("KAFKA_STARTER")
needs_starter = unittest.skipUnless(STARTER, "needs KAFKA_STARTER, to do things to a broker")


def starter(*arguments, patience=PATIENCE * 3):
    done = subprocess.run([STARTER, *arguments], capture_output=True, text=True, timeout=patience)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kcat(*arguments, kafka=KAFKA, data=None):
    done = subprocess.run(["kcat", "-b", kafka, "-q", *arguments], input=data, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


def why(node, part):
    """The reason that `/ready` gives for a part; None while it says nothing about it."""
    try:
        answer = requests.get(node.url + "/ready", timeout=10)
    except requests.RequestException:
        return None
    if answer.status_code == 200:
        return None
    assert answer.headers.get("Retry-After"), answer.headers
    body = answer.json()
    return body["reasons"].get(part, "") if part in body["not_ready"] else None


def refusal(ask, what):
    """The first 503 of `ask()`."""
    answer = until(lambda: [answer for answer in [ask()] if answer.status_code == 503], what)[0]
    assert "Retry-After" in answer.headers, answer.headers
    return answer


class SharedBroker(unittest.TestCase):
    """What happens on the broker that the tests are given, each class on topics of its own."""

    @classmethod
    def setUpClass(cls):
        if HOME != "cluster":
            raise unittest.SkipTest("needs a broker and Redis")
        cls.prefix = fresh_prefix()
        cls.redis = REDIS
        if cls is not DeletedTopics:
            apply_topics(cls.prefix)

    @classmethod
    def make(cls, name="n", roles="ingress,worker,projector,callout,gateway", *options, **keywords):
        keywords.setdefault("redis", cls.redis)
        node = Node(cls.prefix, name, roles, *options, **keywords)
        cls.addClassCleanup(node.close)
        return node

    def create(self, space, **headers):
        return space.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"}, headers=headers)

    def made(self, space):
        answer = self.create(space)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["sid"]

    def lines(self, topic):
        """The partitions of a topic's records, one for each."""
        return kcat("-C", "-t", self.prefix + topic, "-o", "beginning", "-e", "-f", "%p\n").split()


class Redis:
    """A Redis of the test's own."""

    def __init__(self, *options):
        self.port, self.options, self.process = free_port(), options, None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes", *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: "PONG" in self.say("PING", check=False) or "NOAUTH" in self.say("PING", check=False), "Redis answers")

    def say(self, *words, check=True, password=None):
        login = ["--no-auth-warning", "-a", password] if password else []
        done = subprocess.run(["redis-cli", "-p", str(self.port), *login, *words], capture_output=True, text=True, timeout=PATIENCE)
        assert not check or done.stdout.strip() == "OK", done.stdout + done.stderr
        return done.stdout + done.stderr

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


class RedisDays(SharedBroker):
    """The memory is away in one way or another: decisions go on, readers are told to come back, and nothing is missing afterwards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.memory = Redis()
        cls.addClassCleanup(cls.memory.stop)
        cls.memory.start()
        cls.redis = cls.memory.url
        cls.node = cls.make()
        cls.node.start()
        cls.spaces = [Space(cls.node), Space(cls.node)]

    def setUp(self):
        self.node.wait_ready()

    def decided(self):
        return len(self.lines("work.journal"))

    def bad_day(self, begin, end, reason, reads=True):
        known = {space.sid: tasks_of(self.node, space.sid) for space in self.spaces}
        load = Load([self.node], self.spaces)
        try:
            load.grow(10)
            begin()
            told = until(lambda: why(self.node, "redis"), "it says that Redis is not as it must be", PATIENCE * 2)
            self.assertRegex(told, reason)
            if reads:
                refusal(lambda: self.node.get(f"{self.spaces[0].path}/Tasks"), "reads are told to come back")
            # Commands that are in the log are decided, whoever may read them.
            before = self.decided()
            self.submit_blindly()
            until(lambda: self.decided() > before, "deciding goes on")
        finally:
            end()
        load.grow(10)
        load.stop()
        self.assertEqual(load.failures, [])
        self.node.wait_ready()
        for space in self.spaces:
            expected = load.accepted[space.sid] | known[space.sid] | self.blind(space)
            self.assertEqual(tasks_of(self.node, space.sid), expected, "accepted and there, once each")

    def submit_blindly(self):
        """A task by the log alone: no account has to be looked up for it."""
        space = self.spaces[0]
        record = {"workspace_sid": space.sid, "workflow_sid": space.workflow.sid, "attributes": {"blind": True}}
        kcat("-P", "-t", self.prefix + "work.bulk", "-k", space.sid, data=json.dumps(record).encode())

    def blind(self, space):
        """Tasks that came by the log: whoever made them was told no SID."""
        return {task.sid for task in space.api.tasks.list() if "blind" in task.attributes}

    def test_a_server_that_is_stopped_for_a_while(self):
        self.bad_day(self.memory.stop, self.memory.start, "cannot be reached|closed")

    def test_a_server_that_has_become_a_replica(self):
        self.bad_day(
            lambda: self.memory.say("REPLICAOF", "127.0.0.1", str(free_port())), lambda: self.memory.say("REPLICAOF", "NO", "ONE"), "not a master")

    def test_a_server_without_memory(self):
        self.bad_day(
            lambda: self.memory.say("CONFIG", "SET", "maxmemory", "1"), lambda: self.memory.say("CONFIG", "SET", "maxmemory", "0"), "maxmemory", reads=False)

    def test_a_server_that_does_not_answer(self):
        self.bad_day(
            lambda: self.memory.process.send_signal(signal.SIGSTOP), lambda: self.memory.process.send_signal(signal.SIGCONT), "in time|cannot be reached")

    def test_a_server_whose_password_was_changed(self):
        def begin():
            self.memory.say("CONFIG", "SET", "requirepass", "another-secret")
            for kind in ("normal", "pubsub"):
                self.memory.say("CLIENT", "KILL", "TYPE", kind, check=False, password="another-secret")

        self.bad_day(begin, lambda: self.memory.say("CONFIG", "SET", "requirepass", "", password="another-secret"), "denies access.*no password")

    def test_a_server_that_is_slow_for_a_moment_is_waited_for(self):
        load = Load([self.node], self.spaces)
        load.grow(5)
        self.memory.say("DEBUG", "SLEEP", "2")
        load.grow(5)
        load.stop()
        self.assertEqual(load.failures, [])
        for space in self.spaces:
            self.assertLessEqual(load.accepted[space.sid], tasks_of(self.node, space.sid))


class RedisPassword(SharedBroker):
    def test_a_wrong_password_is_named_and_never_shown(self):
        memory = Redis("--requirepass", "right-secret")
        self.addCleanup(memory.stop)
        memory.start()
        node = self.make(redis=f"redis://:wrong-secret@127.0.0.1:{memory.port}")
        node.spawn()
        told = until(lambda: why(node, "redis"), "it says that Redis refuses")
        self.assertRegex(told, "denies access: AUTH at 127.0.0.1:.*WRONGPASS")
        self.assertNotIn("wrong-secret", told + node.log_text())
        memory.say("CONFIG", "SET", "requirepass", "wrong-secret", password="right-secret")
        node.wait_ready()
        self.made(Space(node))


class TooLarge(SharedBroker):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node = cls.make()
        cls.node.start()

    def test_a_create_whose_record_the_log_does_not_take_is_refused_before_it(self):
        space = Space(self.node)
        before = len(self.lines("work.commands"))
        answer = self.node.post(
            f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}", "RoutingTarget": "x" * 1_200_000})
        self.assertEqual(answer.status_code, 413, answer.text)
        self.assertEqual(answer.json()["code"], 20413)
        self.assertIn("1048576", answer.json()["message"])
        self.assertEqual(len(self.lines("work.commands")), before)
        self.made(space)

    def test_a_large_record_of_another_system_is_rejected_and_holds_nobody_up(self):
        space = Space(self.node)
        record = b"no JSON \xff" + b"x" * 1_500_000
        with tempfile.NamedTemporaryFile() as file:
            file.write(record)
            file.flush()
            kcat("-P", "-t", self.prefix + "work.bulk", "-X", "message.max.bytes=3000000", "-k", space.sid, file.name)
        rejected = until(
            lambda: kcat("-C", "-t", self.prefix + "rejects", "-o", "beginning", "-e", "-X", "fetch.message.max.bytes=3000000").splitlines(), "it is in rejects")
        kept = json.loads(rejected[0])
        self.assertEqual(kept["value_bytes"], len(record))
        self.assertEqual(bytes.fromhex(kept["value_hex"]), record[:65_536])
        good = {"workspace_sid": space.sid, "workflow_sid": space.workflow.sid, "attributes": {}}
        kcat("-P", "-t", self.prefix + "work.bulk", "-k", space.sid, data=json.dumps(good).encode())
        until(lambda: len(space.api.tasks.list()) == 1, "the next one is a task")


class NewerRelease(SharedBroker):
    def test_a_journal_record_of_a_newer_release_stops_its_partition_and_no_other(self):
        node = self.make()
        node.start()
        # Two workspaces on different partitions.
        places = {}
        while len(places) < 2:
            before = self.lines("work.commands")
            space = Space(node)
            after = self.lines("work.commands")
            [place] = {number for number in set(after) if after.count(number) > before.count(number)}
            places[place] = space
        (bad, stopped), (_, other) = places.items()
        self.made(stopped)
        kept = tasks_of(node, stopped.sid)
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes([2, 99]) + b"of a release to come")
            file.flush()
            kcat("-P", "-t", self.prefix + "work.journal", "-p", bad, file.name)
        refused = self.create(stopped, **{"Idempotency-Key": "kept"})
        self.assertEqual(refused.status_code, 503, refused.text)
        self.assertIn("Retry-After", refused.headers)

        def told():
            reason = why(node, f"work/{bad}")
            return reason if reason and "schema version" in reason else None

        for _ in range(2):
            reason = until(told, "it says which partition and why")
            self.assertRegex(reason, rf"work.journal\[{bad}\].*schema version 99.*run a release that reads it")
            self.assertIn("schema version 99", node.log_text())
            self.made(other)
            # Nor is it skipped by a start.
            node.terminate()
            node.spawn()
        until(told, "after a start")
        self.assertLessEqual(kept, tasks_of(node, stopped.sid), "what was decided can still be read")


@needs_starter
class DeletedTopics(SharedBroker):
    """Somebody deletes topics under a node that serves."""

    def setUp(self):
        type(self).prefix = fresh_prefix()
        apply_topics(self.prefix)

    def delete(self, *topics):
        for topic in topics:
            starter("tool", "topics", "--bootstrap-server", KAFKA, "--delete", "--topic", self.prefix + topic)

    def repair(self, node, *topics):
        """Does what the node says."""

        def told():
            reason = why(node, "topics")
            return reason if reason and all(self.prefix + topic in reason for topic in topics) else None

        reason = until(told, "it names the topics", PATIENCE * 2)
        self.assertIn(reason.split(";")[0], node.log_text())
        [command] = re.findall(r"run: trunkline (topics apply [^;]*)", reason)
        done = subprocess.run([BINARY, *command.split()], capture_output=True, text=True, timeout=PATIENCE * 2)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_topic_of_commands(self):
        node = self.make()
        node.start()
        space = Space(node)
        known = {self.made(space) for _ in range(5)}
        self.delete("work.commands")
        refusal(lambda: self.create(space), "requests are refused")
        self.repair(node, "work.commands")
        node.wait_ready()
        known |= {self.made(space) for _ in range(5)}
        self.assertLessEqual(known, tasks_of(node, space.sid))
        # The ledger knows the new topic's positions by now.
        node.restart()
        known.add(self.made(space))
        self.assertLessEqual(known, tasks_of(node, space.sid))

    def test_topics_that_are_made_from_the_journal(self):
        node = self.make(name="other")
        node.start()
        space = Space(node)
        self.made(space)
        self.delete("events", "callouts")
        self.repair(node, "events", "callouts")
        node.wait_ready()
        stream = space.events()
        self.addCleanup(stream.close)
        sid = self.made(space)
        stream.wait_for("task.created", where=lambda payload: payload["task_sid"] == sid)


@needs_starter
class KafkaSecurity(unittest.TestCase):
    """A broker that asks who comes: its plain listener may do all, that of the nodes what rights say."""

    @classmethod
    def setUpClass(cls):
        if HOME != "cluster":
            raise unittest.SkipTest("needs a broker and Redis")
        cls.folder = tempfile.mkdtemp(prefix="trunkline-secure-")
        cls.addClassCleanup(lambda: subprocess.run([STARTER, "clean", cls.folder], capture_output=True))
        # The broker and those beside it want several ports in a row.
        cls.admin = f"127.0.0.1:{free_port()}"
        starter("start", cls.folder, "--port", cls.admin.split(":")[1], "--secure")
        cls.sasl = starter("bootstrap", cls.folder, "sasl").strip()

    def setUp(self):
        self.prefix = fresh_prefix()
        apply_topics(self.prefix, self.admin)

    def node(self, password):
        file = os.path.join(tempfile.mkdtemp(prefix="trunkline-security-"), "kafka.properties")
        self.addCleanup(shutil.rmtree, os.path.dirname(file))
        with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
            out.write(f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=app\nsasl.password={password}\n")
        node = Node(self.prefix, "n", "ingress,worker,projector,callout,gateway", "--kafka-config", file, kafka=self.sasl)
        self.addCleanup(node.close)
        return node.spawn()

    def acl(self, change, operation, kind, name):
        starter(
            "tool", "acls", "--bootstrap-server", self.admin, change, *(["--force"] if change == "--remove" else []), "--allow-principal", "User:app",
            "--operation", operation, f"--{kind}", name, "--resource-pattern-type", "prefixed")

    def denied(self, node):
        """Rights that it says it lacks: operation, kind and name of the resource."""
        return re.findall(r"does not let this user (\w+) on (topic|group|transactional-id) (\S+?):", why(node, "kafka") or "")

    def test_a_refused_password_is_named_and_never_shown(self):
        node = self.node("not-the-password")
        told = until(lambda: (lambda reason: reason if reason and "refuses" in reason else None)(why(node, "kafka")), "it says that Kafka refuses")
        self.assertRegex(told, "refuses to let this node in: .*Invalid username or password; see .*--kafka-config")
        self.assertIn("kafka refuses", node.log_text())
        self.assertNotIn("not-the-password", told + node.log_text())
        self.assertEqual(node.get("/v1/Workspaces").status_code, 503)
        self.assertEqual(node.terminate(), 0)

    def test_rights_are_named_until_all_are_there_and_one_taken_away_is_named_again(self):
        node = self.node("app-secret")
        given = set()
        # An operator who gives what is named, and nothing else.
        while True:
            try:
                lacks = until(lambda: node.not_ready() == [] or {right[:2] for right in self.denied(node)} - given, "it is ready, or names a right", PATIENCE)
            except AssertionError as failure:
                raise AssertionError(f"{failure}\n{given}\n{requests.get(node.url + '/ready').text}\n{node.log_tail()}") from None
            if lacks is True:
                break
            for operation, kind in lacks:
                given.add((operation, kind))
                self.acl("--add", operation, kind, self.prefix)
        self.assertLessEqual(
            {("DescribeConfigs", "topic"), ("Read", "topic"), ("Write", "topic"), ("Read", "group"), ("Write", "transactional-id")}, given)
        space = Space(node)
        self.assertEqual(self.create(space).status_code, 201)
        self.acl("--remove", "Write", "topic", self.prefix)
        refusal(lambda: self.create(space), "it is refused")
        until(lambda: any(right[:2] == ("Write", "topic") for right in self.denied(node)), "the right is named")
        self.acl("--add", "Write", "topic", self.prefix)
        until(lambda: self.create(space).status_code == 201, "it goes on", PATIENCE * 2)
        until(lambda: node.not_ready() == [], "it is ready again", PATIENCE * 2)

    def create(self, space):
        return space.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"})


if __name__ == "__main__":
    unittest.main()
