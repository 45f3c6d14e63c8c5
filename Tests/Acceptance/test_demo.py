"""`trunkline demo`, on both homes: a node of its own, and through a server that runs."""

import os
import re
import signal
import subprocess
import tempfile
import unittest

from test_cluster import Node, apply_topics, fresh_prefix, redis_of_its_own
from test_metrics import Scrape
from support import BINARY, HOME, KAFKA, PATIENCE, REDIS, SID, TOKEN, Server, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORDING = os.path.join(ROOT, "Examples", "sf-fire-dispatch", "calls.csv")


class DemoTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="trunkline-demo-test-")
        self.addCleanup(folder.cleanup)
        self.report = os.path.join(folder.name, "made", "report.html")
        # The first of the day: as real as the rest, and soon over.
        self.data = os.path.join(folder.name, "calls.csv")
        with open(RECORDING) as whole, open(self.data, "w") as part:
            part.writelines(line for number, line in enumerate(whole) if number <= 80)

    def command(self, *arguments):
        return [BINARY, "demo", "--data", self.data, "--report", self.report, *arguments]

    def demo(self, *arguments, **environment):
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
        env.update(environment)
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE * 4, env=env, stdin=subprocess.DEVNULL)

    def assert_clean(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for row, value in [("tasks in", "80"), ("finished", "80"), ("lost", "0"), ("assigned twice", "0"), ("waited although somebody was free", "0")]:
            self.assertRegex(done.stdout, rf"(?m)^{row} +{value}$", done.stdout)
        with open(self.report) as page:
            self.assertIn("Nothing lost, nothing assigned twice.", page.read())


def own_node():
    """What puts the demo's own node on the home that is tested."""
    return [] if HOME == "embedded" else ["--kafka", KAFKA, "--redis", REDIS]


def topics(prefix):
    listed = subprocess.run(["kcat", "-b", KAFKA, "-L"], capture_output=True, text=True, timeout=PATIENCE)
    return re.findall(rf'topic "({re.escape(prefix)}[^"]*)"', listed.stdout)


def keys(prefix):
    return subprocess.run(["redis-cli", "-u", REDIS, "--scan", "--pattern", prefix + "*"], capture_output=True, text=True, timeout=PATIENCE).stdout.split()


class OwnNode(DemoTest):
    def test_a_day_on_a_node_of_its_own_leaves_a_report_and_nothing_else(self):
        done = self.demo("--seconds", "5", *own_node())
        self.assert_clean(done)
        if HOME == "cluster":
            self.assertIn("Time there is real", done.stdout)
            prefix = re.search(r"(demo-[0-9a-f]{8}\.)", done.stdout)[1]
            until(lambda: topics(prefix) == [], "the topics are removed")
            self.assertEqual(keys(prefix), [])
        else:
            self.assertIn("Product time stood still", done.stdout)

    def test_an_interrupted_demo_cleans_up_too(self):
        process = subprocess.Popen(self.command("--seconds", "600", *own_node()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        seen = ""
        for line in process.stdout:
            seen += line
            if line.startswith("Workspace"):
                break
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 128 + signal.SIGINT, seen + process.stdout.read())
        if HOME == "cluster":
            prefix = re.search(r"(demo-[0-9a-f]{8}\.)", seen)[1]
            until(lambda: topics(prefix) == [], "the topics are removed")


@unittest.skipIf(HOME != "cluster", "needs a broker and Redis")
class OnACluster(DemoTest):
    def test_topics_under_a_prefix_that_was_named_stay_and_are_taken_by_nobody_else(self):
        prefix = f"at-demo-{os.getpid()}."
        self.assert_clean(self.demo("--seconds", "5", "--topic-prefix", prefix, *own_node()))
        shown = subprocess.run([BINARY, "journal", "show", "--kafka", KAFKA, "--topic-prefix", prefix], capture_output=True, text=True, timeout=PATIENCE)
        self.assertIn("put reservation", shown.stdout)
        again = self.demo("--topic-prefix", prefix, *own_node())
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("already: choose another --topic-prefix", again.stderr)

    def test_a_worker_that_dies_with_the_memory_emptied_before_anybody_takes_over(self):
        prefix, redis = fresh_prefix(), redis_of_its_own(self)
        apply_topics(prefix)
        front, worker = (Node(prefix, name, roles, redis=redis) for name, roles in [("front", "ingress,projector,callout,gateway"), ("w1", "worker")])
        for node in (front, worker):
            self.addCleanup(node.close)
            node.spawn()
        for node in (front, worker):
            node.wait_ready()
        environment = {**os.environ, "TRUNKLINE_ACCOUNT_SID": SID, "TRUNKLINE_AUTH_TOKEN": TOKEN}
        process = subprocess.Popen(
            self.command("--url", front.url, "--seconds", "20"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.communicate()))

        def posts(**labels):
            return Scrape(front).sum("trunkline_http_requests_total", method="POST", **labels)

        until(lambda: process.poll() is not None or posts(route="tasks") > 10, "the day begins")
        worker.kill()
        subprocess.run(["redis-cli", "-u", redis, "FLUSHALL"], capture_output=True, check=True)
        # Each is asked again after a second; whoever gave up soon would have lost some by now.
        until(lambda: process.poll() is not None or posts(status="5xx") > 20, "the driver is refused", PATIENCE * 2)
        worker.start()
        out, error = process.communicate(timeout=PATIENCE * 4)
        self.assert_clean(subprocess.CompletedProcess(process.args, process.returncode, out, error))
        self.assertNotIn("REFUSED", out)

    def test_what_cannot_be_is_said(self):
        table = [
            (["--kafka", KAFKA], "go together"), ([*own_node(), "--url", "http://127.0.0.1:1"], "choose"), (["--url", "http://127.0.0.1:1"], "as whom?"),
            ([*own_node(), "--seconds", "0"], "--seconds 0")]
        for arguments, word in table:
            with self.subTest(" ".join(arguments)):
                done = self.demo(*arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)


class RunningServer(DemoTest):
    def replay(self, dev_clock):
        server = Server(dev_clock=dev_clock)
        self.addCleanup(server.close)
        server.start()
        done = self.demo("--url", server.url, "--seconds", "5", TRUNKLINE_ACCOUNT_SID=SID, TRUNKLINE_AUTH_TOKEN=TOKEN)
        self.assert_clean(done)
        # The workspace stays, with all that became of its tasks.
        workspace = re.search("WS[0-9a-f]{32}", done.stdout)[0]
        self.assertEqual(server.get(f"/v1/Workspaces/{workspace}").json()["friendly_name"], "Replayed")
        return done

    def test_through_a_server_whose_time_is_real(self):
        self.assertIn("Time there is real", self.replay(dev_clock=False).stdout)

    @unittest.skipIf(HOME != "embedded", "only the embedded home has this")
    def test_through_a_server_whose_time_can_be_moved(self):
        self.assertIn("Product time stood still", self.replay(dev_clock=True).stdout)


if __name__ == "__main__":
    unittest.main()
