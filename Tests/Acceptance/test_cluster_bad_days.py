"""Bad days of a cluster: what a node says, what goes on meanwhile, and that it is well again by itself. Runs on the cluster home alone."""

import json
import re
import signal
import subprocess
import tempfile
import unittest

from bad_days import SharedBroker, kcat, refusal, why
from support import PATIENCE, Space, free_port, until
from test_cluster import Load, tasks_of


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
        load = Load(lambda _: self.node, self.spaces)
        self.addCleanup(load.stop)
        try:
            load.grow(10)
            begin()
            # A cut connection may be told first.
            until(lambda: re.search(reason, why(self.node, "redis") or ""), f"it says of Redis: {reason}", PATIENCE * 2)
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
        load = Load(lambda _: self.node, self.spaces)
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
        # What it says before it has tried is true, too.
        refused = lambda: (lambda told: told if told and "no attempt was made yet" not in told else None)(why(node, "redis"))
        told = until(refused, "it says that Redis refuses")
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
            projector = until(lambda: why(node, f"projector/work/{bad}"), "so does its projector")
            self.assertRegex(projector, rf"work.journal\[{bad}\].*schema version 99.*run a release that reads it")
            self.made(other)
            # Nor is it skipped by a start.
            node.terminate()
            node.spawn()
        until(told, "after a start")
        self.assertLessEqual(kept, tasks_of(node, stopped.sid), "what was decided can still be read")


if __name__ == "__main__":
    unittest.main()
