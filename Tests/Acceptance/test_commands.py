"""The commands beside `serve`: ingest, tail, account, doctor, journal show, help."""

import ctypes
import gzip
import json
import os
import re
import subprocess
import tempfile
import unittest

from support import BINARY, HOME, KAFKA, PATIENCE, SID, TOKEN, AcceptanceTest, Server, Space, until, embedded_only


def trunkline(*arguments, **environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
    env.update(environment)
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=PATIENCE * 2, env=env, stdin=subprocess.DEVNULL)


def without_low_ports():
    """Root may have every port; without this capability it may not."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 10, 0, 0, 0)


class Commands(AcceptanceTest):
    def connection(self, space):
        return ["--url", self.server.url, "--account-sid", SID, "--auth-token", TOKEN, "--workspace", space.sid]

    def file(self, name, content):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_ingest_twice_doubles_nothing(self):
        space = self.space()
        body = b"".join(b'{"attributes":{"n":%d}}\n' % n for n in range(700))
        for name, content in [("a.ndjson", body), ("b.ndjson.gz", gzip.compress(body)), ("c.csv", b'attributes,priority\n"{""n"":1}",4\n')]:
            with self.subTest(name):
                path = self.file(name, content)
                before = len(space.api.tasks.list(page_size=1000))
                for _ in range(2):
                    done = trunkline("ingest", path, "--workflow", space.workflow.sid, *self.connection(space))
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertEqual(len(space.api.tasks.list(page_size=1000)) - before, 1 if name.endswith("csv") else 700)

    def test_ingest_tells_bad_lines(self):
        space = self.space()
        path = self.file("bad.ndjson", b'{"attributes":{}}\nnonsense\n')
        done = trunkline("ingest", path, "--workflow", space.workflow.sid, *self.connection(space))
        self.assertIn("2", done.stdout + done.stderr)
        self.assertEqual(len(space.api.tasks.list()), 1)
        missing = trunkline("ingest", "/nowhere/file.csv", *self.connection(space))
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("/nowhere/file.csv", missing.stdout + missing.stderr)

    def test_ingest_says_what_is_wrong_with_what_it_was_given(self):
        space = self.space()
        where = ["--workflow", space.workflow.sid, *self.connection(space)]
        # Files without a line are nothing to complain about
        for name, content in [("empty.ndjson", b""), ("empty.csv", b""), ("header.csv", b"attributes\n"), ("blank.ndjson", b"\n\n"), ("empty.ndjson.gz", gzip.compress(b""))]:
            with self.subTest(name):
                done = trunkline("ingest", self.file(name, content), *where)
                self.assertEqual((done.returncode, "has no lines" in done.stdout), (0, True), done.stdout + done.stderr)
        # What is no file, or not readable, is named in one line
        folder = os.path.dirname(self.file("x.csv", b""))
        for path, word in [(folder, "it is a folder"), ("/nowhere/file.csv", "No such file")]:
            done = trunkline("ingest", path, *where)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
            self.assertIn(f"{path} cannot be read: {word}", done.stderr)
        done = trunkline("ingest", self.file("y.ndjson", b"{}"), "--url", self.server.url, "--account-sid", SID, "--auth-token", TOKEN, "--workspace", "WS1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("'WS1' is no workspace SID", done.stderr)
        for path, word in [(folder, "it is a folder"), ("/nowhere/trunkline.conf", "No such file")]:
            done = trunkline("serve", "--print-config", "--config", path)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
            self.assertIn(word, done.stderr)

    def test_ingest_fails_when_every_line_was_refused(self):
        space = self.space()
        where = ["--workflow", space.workflow.sid, *self.connection(space)]
        done = trunkline("ingest", self.file("bad.ndjson", b"a\nb\n"), *where)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("every line was refused", done.stderr)
        pigeon = b'{"attributes":{},"task_channel":"pigeon"}\n'
        done = trunkline("ingest", self.file("late.ndjson", pigeon), *where)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("0 tasks made, 1 lines refused, 1 of them in deciding", done.stdout)
        done = trunkline("ingest", self.file("some.ndjson", b'x\n{"attributes":{}}\n' + pigeon), *where)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 tasks made, 2 lines refused, 1 of them in deciding", done.stdout)

    def test_tail_prints_events_as_they_are(self):
        space = self.space()
        task = space.task()
        process = subprocess.Popen([BINARY, "tail", "--json", "--from", "beginning", *self.connection(space)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        numbers = []
        for line in process.stdout:
            event = json.loads(line)
            numbers.append(event["data"]["sequence"])
            if event["type"].endswith(".task-queue.entered"):
                self.assertEqual(event["data"]["payload"]["task_sid"], task.sid)
                break
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_tail_prints_line_by_line_into_a_pipe(self):
        # Given a workspace of which there is little to tell
        space = self.space()
        process = subprocess.Popen([BINARY, "tail", "--from", "beginning", *self.connection(space)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        # Then its first line is there although many more would fit into a buffer, and so is what happens next
        self.assertIn("workspace.created", process.stdout.readline())
        task = space.task()
        for line in process.stdout:
            if "task.created" in line:
                self.assertIn(task.sid, line)
                break

    def journal(self, *arguments):
        place = ["--data-dir", self.server.folder] if HOME == "embedded" else ["--kafka", KAFKA, "--topic-prefix", self.server.prefix]
        done = trunkline("journal", "show", *place, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_journal_of_a_running_server(self):
        space, other = self.space(), self.space()
        task = space.task()
        text = self.journal("--json")
        records = [json.loads(line) for line in text.splitlines()]
        self.assertTrue(any(record["kind"] == "open" for record in records))
        self.assertIn(space.sid, text, "the workspace")
        self.assertIn(task.sid, text, "the item")
        self.assertIn(f"put task {task.sid}", self.journal())
        # Narrowed to a workspace: all of it, and nothing else.
        mine = [json.loads(line) for line in self.journal("--json", "--workspace", space.sid).splitlines()]
        self.assertEqual({step["scope"] for record in mine for step in record["steps"]}, {space.sid})
        self.assertEqual({record["partition"] for record in mine}, {record["partition"] for record in records if any(
            step["scope"] == space.sid for step in record.get("steps", []))})
        self.assertNotIn(other.sid[2:], self.journal("--workspace", space.sid))
        # From an offset on, of one partition.
        last = mine[-1]
        rest = [json.loads(line) for line in self.journal("--json", "--partition", str(last["partition"]), "--from", str(last["offset"])).splitlines()]
        self.assertEqual({record["partition"] for record in rest}, {last["partition"]})
        self.assertEqual(rest[0]["offset"], last["offset"])
        self.assertIn(f'"scope":"{SID}"', self.journal("--json", "--family", "account"))
        self.assertIn(f"put account {SID}", self.journal("--family", "account"))

    def test_the_journal_says_why(self):
        # Given a task that was offered to the only worker and canceled then
        space = self.space()
        worker, task = space.worker("alice"), space.task()
        offer = space.offer(worker.sid)
        space.api.tasks(task.sid).update(assignment_status="canceled", reason="changed my mind")
        # Then the offer says by which rule among how many and from which step of the workflow, and the end says its reason
        lines = self.journal("--workspace", space.sid).splitlines()
        line = next(line for line in lines if f"reservation.created {offer.sid} {task.sid} {worker.sid} {space.queue.sid}" in line)
        self.assertRegex(line, "by only_candidate among 1; (default filter|filter [0-9]+, target [0-9]+); task reserved, priority 0")
        self.assertTrue(any(f"task.canceled {task.sid}" in line and "changed my mind" in line for line in lines))
        steps = [step for line in self.journal("--json", "--workspace", space.sid).splitlines() for step in json.loads(line)["steps"]]
        made = next(step for step in steps if step.get("event") == "reservation.created")
        self.assertEqual((made["subjects"], made["routing_rule"], made["routing_candidates"], made["task_status"]),
                         ([offer.sid, task.sid, worker.sid, space.queue.sid], "only_candidate", 1, "reserved"))
        self.assertEqual(set(made) & {"workflow_filter", "workflow_target"}, {"workflow_filter", "workflow_target"})
        self.assertEqual(next(step for step in steps if step.get("event") == "task.canceled")["reason"], "changed my mind")

    def test_journal_says_what_is_wrong(self):
        wrong = trunkline("journal", "show", "--workspace", "WS1", "--data-dir", self.server.folder)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("WS1", wrong.stderr)
        if HOME == "embedded":
            done = trunkline("journal", "show", "--partition", "99", "--data-dir", self.server.folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("there is no partition 99", done.stderr)
        if HOME == "cluster":
            table = [(["--topic-prefix", "nobody."], "--topic-prefix"), (["--topic-prefix", self.server.prefix, "--partition", "77"], "there is no partition 77")]
            for arguments, word in table:
                done = trunkline("journal", "show", "--kafka", KAFKA, *arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)

    @embedded_only
    def test_doctor_knows_the_server_of_the_folder_from_a_stranger(self):
        address = f"127.0.0.1:{self.server.port}"
        # The server of this folder is as it should be
        mine = trunkline("doctor", "--data-dir", self.server.folder, "--http", address)
        self.assertEqual(mine.returncode, 0, mine.stdout)
        self.assertIn("this folder's server", mine.stdout)
        # Somebody else's is in the way
        with tempfile.TemporaryDirectory() as folder:
            other = trunkline("doctor", "--data-dir", folder, "--http", address)
        self.assertEqual(other.returncode, 1, other.stdout)
        self.assertRegex(other.stdout, "BAD +port: .*in use by pid")

    @embedded_only
    def test_doctor_says_that_a_port_may_not_be_taken(self):
        # Given somebody who is not root, where ports below 1024 are root's
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            if int(file.read()) <= 81:
                self.skipTest("everybody may have these ports here")
        done = subprocess.run(
            [BINARY, "doctor", "--data-dir", "/tmp/nobody-was-here", "--http", "127.0.0.1:81"], capture_output=True, text=True, timeout=PATIENCE,
            preexec_fn=without_low_ports)
        self.assertIn("127.0.0.1:81: permission denied", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_doctor_and_help_and_version(self):
        done = trunkline("doctor", "--data-dir", self.server.folder, "--http", f"127.0.0.1:{self.server.port}")
        self.assertIn(str(self.server.port), done.stdout + done.stderr)
        for arguments in [["--help"], ["serve", "--help"], ["ingest", "--help"], ["tail", "--help"], ["account", "--help"], ["journal", "show", "--help"]]:
            done = trunkline(*arguments)
            self.assertEqual(done.returncode, 0)
            self.assertIn("trunkline", done.stdout)
        self.assertEqual(trunkline("--version").returncode, 0)
        wrong = trunkline("sevre")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("serve", wrong.stdout + wrong.stderr)


class AccountsOfARunningServer(AcceptanceTest):
    """The same on both homes: whoever has an account's token looks after what is below it."""

    def account(self, *arguments):
        done = trunkline("account", *arguments, "--url", self.server.url, TRUNKLINE_ACCOUNT_SID=SID, TRUNKLINE_AUTH_TOKEN=TOKEN)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_create_list_and_rotate_over_a_url(self):
        # Given a subaccount made over the API
        made = dict(line.split("=") for line in self.account("create", "--name", "Second tenant").splitlines())
        sid, token = made["TRUNKLINE_ACCOUNT_SID"], made["TRUNKLINE_AUTH_TOKEN"]
        self.assertIn(sid, self.account("list"))
        self.assertNotIn(token, self.account("list"))
        self.assertEqual(self.server.get("/v1/Workspaces", auth=(sid, token)).json()["workspaces"], [])
        # When its token is replaced
        fresh = dict(line.split("=") for line in self.account("rotate", sid).splitlines())["TRUNKLINE_AUTH_TOKEN"]
        # Then the old one is nobody's
        self.assertEqual(self.server.get("/v1/Workspaces", auth=(sid, fresh)).status_code, 200)
        self.assertEqual(self.server.get("/v1/Workspaces", auth=(sid, token)).status_code, 401)

    def test_a_folder_of_the_server_is_enough(self):
        for arguments in [("list",), ("create", "--name", "Third tenant")]:
            done = trunkline("account", *arguments, "--data-dir", self.server.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, "AC[0-9a-f]{32}")

    def test_brokers_are_not_asked_for_accounts(self):
        done = trunkline("account", "list", "--kafka", "127.0.0.1:1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--url", done.stderr)


@unittest.skipIf(HOME != "cluster", "needs a broker and Redis")
class AccountsOfAStoppedNode(unittest.TestCase):
    def test_its_folder_keeps_none_and_is_left_alone(self):
        server = Server().start()
        self.addCleanup(server.close)
        server.terminate()
        done = trunkline("account", "create", "--data-dir", server.folder)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--url", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(server.folder, "log.sqlite")))


class Accounts(unittest.TestCase):
    @embedded_only
    def test_accounts_of_a_stopped_folder(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        # While the server runs, the same commands go over its API, as the folder's own account.
        sub = trunkline("account", "create", "--name", "While it runs", "--data-dir", server.folder)
        self.assertEqual(sub.returncode, 0, sub.stderr)
        sub_sid = re.search("AC[0-9a-f]{32}", sub.stdout)[0]
        self.assertIn(sub_sid, trunkline("account", "list", "--data-dir", server.folder).stdout)
        self.assertEqual(trunkline("account", "rotate", sub_sid, "--data-dir", server.folder).returncode, 0)
        server.terminate()
        self.assertIn(sub_sid, trunkline("account", "list", "--data-dir", server.folder).stdout)
        created = trunkline("account", "create", "--name", "Second tenant", "--data-dir", server.folder)
        self.assertEqual(created.returncode, 0, created.stderr)
        sid = re.search("AC[0-9a-f]{32}", created.stdout)[0]
        token = re.search(r"\b[0-9a-f]{32,64}\b", created.stdout.replace(sid, ""))[0]
        listed = trunkline("account", "list", "--data-dir", server.folder)
        self.assertIn(sid, listed.stdout)
        self.assertNotIn(token, listed.stdout)
        rotated = trunkline("account", "rotate", sid, "--data-dir", server.folder)
        self.assertEqual(rotated.returncode, 0, rotated.stderr)
        fresh = re.search(r"\b[0-9a-f]{32,64}\b", rotated.stdout.replace(sid, ""))[0]
        server.start()
        self.assertEqual(server.get("/v1/Workspaces", auth=(sid, token)).status_code, 401)
        self.assertEqual(server.get("/v1/Workspaces", auth=(sid, fresh)).json()["workspaces"], [])
        self.assertEqual(space.api.fetch().sid, space.sid)
        self.assertEqual(server.get(space.path, auth=(sid, fresh)).status_code, 404)


if __name__ == "__main__":
    unittest.main()
