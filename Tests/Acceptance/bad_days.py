"""What the tests of bad days share: a node on the given broker, what it says of itself, and hands to do things to servers."""

import os
import subprocess
import unittest

import requests

from support import BROKER_PORTS, HOME, KAFKA, PATIENCE, REDIS, free_port, until
from test_cluster import Node, apply_topics, fresh_prefix

STARTER = os.environ.get("KAFKA_STARTER")
needs_starter = unittest.skipUnless(STARTER, "needs KAFKA_STARTER, to do things to a broker")


def starter(*arguments, patience=PATIENCE * 3):
    done = subprocess.run([STARTER, *arguments], capture_output=True, text=True, timeout=patience)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def start_broker(folder, *options):
    """Starts one in the folder; its port. It takes several ports in a row, and a neighbour may have one of them: then elsewhere."""
    for attempt in range(5):
        port = free_port(BROKER_PORTS)
        try:
            starter("start", folder, "--port", str(port), *options)
            return port
        except AssertionError as error:
            if "Address already in use" not in str(error) or attempt == 4:
                raise
            subprocess.run([STARTER, "clean", folder], capture_output=True)
            os.makedirs(folder, exist_ok=True)


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
