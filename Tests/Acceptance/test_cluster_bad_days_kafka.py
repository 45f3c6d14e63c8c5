"""Bad days of a cluster whose broker says no: passwords and rights. Runs on the cluster home alone."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import requests

from bad_days import STARTER, needs_starter, refusal, start_broker, starter, why
from support import HOME, PATIENCE, Space, until
from test_cluster import Node, apply_topics, fresh_prefix


@needs_starter
class KafkaSecurity(unittest.TestCase):
    """A broker that asks who comes: its plain listener may do all, that of the nodes what rights say."""

    @classmethod
    def setUpClass(cls):
        if HOME != "cluster":
            raise unittest.SkipTest("needs a broker and Redis")
        cls.folder = tempfile.mkdtemp(prefix="trunkline-secure-")
        cls.addClassCleanup(lambda: subprocess.run([STARTER, "clean", cls.folder], capture_output=True))
        cls.admin = f"127.0.0.1:{start_broker(cls.folder, '--secure')}"
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

    def acl(self, change, operations, kind, name):
        words = [word for operation in operations for word in ("--operation", operation)]
        starter(
            "tool", "acls", "--bootstrap-server", self.admin, change, *(["--force"] if change == "--remove" else []), "--allow-principal", "User:app",
            *words, f"--{kind}", name, "--resource-pattern-type", "prefixed")

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
                lacks = until(lambda: node.not_ready() == [] or {right[:2] for right in self.denied(node)} - given, "it is ready, or names a right", PATIENCE * 4)
            except AssertionError as failure:
                raise AssertionError(f"{failure}\n{given}\n{requests.get(node.url + '/ready').text}\n{node.log_tail()}") from None
            if lacks is True:
                break
            given |= lacks
            for kind in {kind for _, kind in lacks}:
                self.acl("--add", [operation for operation, named in lacks if named == kind], kind, self.prefix)
        self.assertLessEqual(
            {("DescribeConfigs", "topic"), ("Read", "topic"), ("Write", "topic"), ("Read", "group"), ("Write", "transactional-id")}, given)
        space = Space(node)
        self.assertEqual(self.create(space).status_code, 201)
        self.acl("--remove", ["Write"], "topic", self.prefix)
        refusal(lambda: self.create(space), "it is refused")
        until(lambda: any(right[:2] == ("Write", "topic") for right in self.denied(node)), "the right is named")
        self.acl("--add", ["Write"], "topic", self.prefix)
        until(lambda: self.create(space).status_code == 201, "it goes on", PATIENCE * 2)
        until(lambda: node.not_ready() == [], "it is ready again", PATIENCE * 2)

    def create(self, space):
        return space.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"})


if __name__ == "__main__":
    unittest.main()
