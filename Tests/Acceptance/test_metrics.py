"""What an operator sees: metrics as docs/metrics.md has them, logs as lines of one fact each without a secret in them, and a node that names what is not ready."""

import base64
import json
import os
import re
import socket
import sqlite3
import unittest

from support import HOME, SID, TOKEN, AcceptanceTest, Server, Space, embedded_only, free_port, until

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/metrics.md")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)')


def documented():
    """Name to (kind, labels, where it is)."""
    found = {}
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 5 and re.fullmatch("`[a-z_]+`", cells[0]):
                found[cells[0].strip("`")] = (cells[1], set(re.findall(r"`([a-z_]+)`", cells[2])), cells[3].strip("`"))
    assert len(found) > 40, found
    return found


class Scrape:
    """One reading of /metrics: every line is understood."""

    def __init__(self, server):
        answer = server.get("/metrics", auth=None)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.kinds, self.samples = {}, []
        for line in answer.text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.kinds, f"{name} twice"
                self.kinds[name] = kind
            elif not line.startswith("# HELP "):
                match = SAMPLE.fullmatch(line)
                assert match, f"not understood: {line}"
                self.samples.append((match[1], dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])))

    def sum(self, name, **labels):
        return sum(value for found, has, value in self.samples if found == name and labels.items() <= has.items())

    def family(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return base if self.kinds.get(base) == "histogram" else name


class Metrics(AcceptanceTest):
    def scrape(self):
        return Scrape(self.server)

    def expected(self):
        known = documented()
        missing = {"--tls-cert"} | (set() if HOME == "embedded" else {"embedded"})
        return known, {name for name, (_, _, where) in known.items() if where not in missing}

    def test_all_that_is_documented_is_there_and_nothing_else(self):
        known, expected = self.expected()
        scrape = self.scrape()
        self.assertEqual(set(scrape.kinds) - set(known), set(), "not documented")
        self.assertEqual(expected - set(scrape.kinds), set(), "documented, and not there")
        for name, kind in scrape.kinds.items():
            self.assertEqual(kind, known[name][0], name)

    def test_labels_are_those_of_the_page_and_their_values_few(self):
        space = self.space()
        space.worker("alice")
        space.task()
        self.server.get("/v1/Workspaces/WS" + "9" * 32 + "/Tasks/WT" + "8" * 32)
        known, _ = self.expected()
        scrape = self.scrape()
        for name, labels, _ in scrape.samples:
            family = scrape.family(name)
            self.assertEqual(set(labels) - {"le"}, known[family][1], family)
            for value in labels.values():
                self.assertNotRegex(value, "[0-9a-f]{32}", f"{family}: an identifier is a label")

    def test_histograms_add_up(self):
        self.space().task()
        scrape = self.scrape()
        for name, kind in scrape.kinds.items():
            if kind != "histogram":
                continue
            series = {}
            for found, labels, value in scrape.samples:
                if found == name + "_bucket":
                    key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
                    series.setdefault(key, []).append((float(labels["le"]), value))
            for key, buckets in series.items():
                self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets), (name, key))
                self.assertEqual(buckets[-1], (float("inf"), scrape.sum(name + "_count", **dict(key))), (name, key))

    def test_work_is_counted(self):
        before = self.scrape()
        space = self.space()
        task = space.task()
        worker = space.worker("alice")
        space.accept(space.offer(worker.sid))
        space.finish(task.sid)
        self.server.get(space.path + "/Tasks/WT" + "8" * 32)
        lines = '{"attributes":{}}\nnonsense\n'
        done = self.server.post(
            f"{space.path}/Tasks/Bulk?WorkflowSid={space.workflow.sid}", data=lines, headers={"Content-Type": "application/x-ndjson"})
        self.assertEqual(done.status_code, 202, done.text)

        def grew(name, least=1, **labels):
            return until(lambda: self.scrape().sum(name, **labels) - before.sum(name, **labels) >= least, f"{name} {labels}")

        grew("trunkline_http_requests_total", route="tasks", method="POST", status="2xx", least=2)
        grew("trunkline_http_requests_total", route="tasks", method="GET", status="4xx")
        grew("trunkline_http_request_duration_seconds_count", route="reservations", method="POST")
        grew("trunkline_http_requests_total", route="bulk", method="POST", status="2xx")
        grew("trunkline_import_lines_total", outcome="accepted")
        grew("trunkline_import_lines_total", outcome="rejected")
        grew("trunkline_imports_total")
        grew("trunkline_commands_decided_total", family="work", least=5)
        grew("trunkline_decisions_total", family="work", least=5)
        grew("trunkline_decision_commands_count", family="work", least=5)
        grew("trunkline_journal_bytes_total", family="work", least=500)
        grew("trunkline_journal_append_duration_seconds_count", family="work", least=5)
        grew("trunkline_hot_state_apply_duration_seconds_count", family="work", least=5)
        grew("trunkline_events_written_total", least=10)
        grew("trunkline_http_connections_total")
        # Everything is projected soon, and said to be.
        until(lambda: self.scrape().sum("trunkline_projector_lag_records") == 0, "nothing is left to project")
        self.assertEqual(self.scrape().sum("trunkline_projector_lag_seconds"), 0)

    def test_what_stands_is_plausible(self):
        until(lambda: self.scrape().sum("trunkline_partition_ready") > 0, "the partitions' owners have told how they stand")
        scrape = self.scrape()
        self.assertEqual(scrape.sum("trunkline_ready"), 1)
        partitions = 4 if HOME == "embedded" else 2
        for family in ("work", "account"):
            self.assertEqual(scrape.sum("trunkline_partition_ready", family=family), partitions)
            self.assertEqual(scrape.sum("trunkline_projector_running", family=family), partitions)
        self.assertEqual(scrape.sum("trunkline_build_info", home=HOME), 1)
        pid = self.server.process.pid
        resident = scrape.sum("process_resident_memory_bytes")
        self.assertTrue(5e6 < resident < 2e9, resident)
        self.assertLess(abs(scrape.sum("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))), 20)
        started = scrape.sum("process_start_time_seconds")
        self.assertLess(abs(started - os.stat(f"/proc/{pid}").st_ctime), 5)
        if HOME == "embedded":
            self.assertEqual(scrape.sum("trunkline_log_file_bytes", file="database"), os.stat(self.server.folder + "/log.sqlite").st_size)
            self.assertGreater(scrape.sum("trunkline_disk_free_bytes"), 0)

    def test_refused_before_anybody_handled_it(self):
        before = self.scrape().sum("trunkline_http_refused_total", status="400")
        with socket.create_connection(("127.0.0.1", self.server.port)) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wire.recv(1000)
        self.assertEqual(self.scrape().sum("trunkline_http_refused_total", status="400"), before + 1)


class Throttled(AcceptanceTest):
    OPTIONS = ("--rate-limit", "2")

    def test_429_is_counted(self):
        for _ in range(6):
            self.server.get("/v1/Workspaces")
        self.assertGreaterEqual(Scrape(self.server).sum("trunkline_http_throttled_total"), 1)


class Logs(unittest.TestCase):
    def serve(self, *options):
        server = Server("--log-level", "debug", *options)
        self.addCleanup(server.close)
        return server.start()

    def work(self, server):
        """Everything that has a secret: accounts, tokens, wrong ones, callbacks that fail with passwords and keys in their URLs. The secrets."""
        made = server.post("/2010-04-01/Accounts.json", {"FriendlyName": "sub"}).json()
        rotated = server.post(f"/2010-04-01/Accounts/{made['sid']}/AuthToken.json")
        self.assertIn(rotated.status_code, (200, 201), rotated.text)
        wrong = "w" * 32
        server.get("/v1/Workspaces", auth=(SID, wrong))
        nobody = f"127.0.0.1:{free_port()}"
        callback = f"http://user:passw0rdA@{nobody}/hook?key=secretB"
        space = Space(server, callback=callback)
        space.api.update(event_callback_url=f"http://user:passw0rdC@{nobody}/events?key=secretD")
        space.worker("alice")
        space.task({"card": "secretE"})
        until(lambda: "an assignment callback failed" in server.log_text() and "an event callback failed" in server.log_text(), "both fail")
        # A token in the path or query of a request that fails is not written down either.
        server.get("/v1/Workspaces?token=secretF")
        server.get("/v1/Nothing?token=secretF")
        basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        return [TOKEN, made["auth_token"], rotated.json()["auth_token"], wrong, basic, "passw0rdA", "secretB", "passw0rdC", "secretD", "secretE", "secretF"]

    def assert_no_secrets(self, server, secrets):
        server.terminate()
        text = server.log_text()
        for secret in secrets:
            self.assertNotIn(secret, text)
        return text

    def test_json_is_one_object_a_line(self):
        server = self.serve("--log-format", "json")
        text = self.assert_no_secrets(server, self.work(server))
        lines = [json.loads(line) for line in text.splitlines()]
        messages = {line["message"] for line in lines}
        self.assertLessEqual({"serving", "partition opened", "an assignment callback failed", "stopping", "stopped"}, messages)
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
            self.assertTrue(all(isinstance(value, str) for value in line.values()), line)
        failed = next(line for line in lines if line["message"] == "an assignment callback failed")
        self.assertRegex(failed["url"], r"^http://127\.0\.0\.1:\d+/hook$")
        counted = [line for line in lines if line["level"] == "warning"]
        self.assertTrue(counted)

    def test_text_is_one_line_a_fact(self):
        server = self.serve()
        text = self.assert_no_secrets(server, self.work(server))
        for line in text.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +\S")

    def test_lines_are_counted_by_level(self):
        server = self.serve("--log-format", "json")
        self.work(server)
        lines = [json.loads(line) for line in server.log_text().splitlines()]
        for level in ("info", "warning"):
            counted = Scrape(server).sum("trunkline_log_lines_total", level=level)
            self.assertGreaterEqual(counted, sum(line["level"] == level for line in lines))

    def test_the_level_is_kept(self):
        server = Server("--log-level", "error")
        self.addCleanup(server.close)
        server.start()
        server.terminate()
        self.assertEqual([line for line in server.log_text().splitlines() if " ERROR " not in line and "DEV CLOCK" not in line], [])


@embedded_only
class NotReady(unittest.TestCase):
    """A journal with a record of a release to come: it is told where and why, and nothing is passed over."""

    def test_a_partition_that_cannot_be_read_is_named_with_the_cause(self):
        server = Server()
        self.addCleanup(server.close)
        server.start()
        space = Space(server)
        space.task()
        server.kill()
        database = sqlite3.connect(server.folder + "/log.sqlite")
        derived = sqlite3.connect(server.folder + "/derived.sqlite")
        damaged = None
        for number, identifier in database.execute("SELECT number, id FROM partitions WHERE topic = 'work.journal'").fetchall():
            last = database.execute(f"SELECT max(\"offset\") FROM p{identifier}").fetchone()[0]
            states = derived.execute("SELECT id FROM partitions WHERE topic = 'work.state' AND number = ?", (number,)).fetchone()[0]
            if last is None or last < 3:
                continue
            # The snapshot goes too, so that the journal is read from its beginning.
            derived.execute(f"DELETE FROM p{states}")
            database.execute(f"UPDATE p{identifier} SET value = X'63' || substr(value, 2) WHERE \"offset\" = ?", (last - 1,))
            damaged = number
        for file in (database, derived):
            file.commit()
            file.close()
        self.assertIsNotNone(damaged)
        server.spawn()

        def answer():
            try:
                found = server.get("/ready", auth=None)
            except Exception:
                return None
            return found.json() if found.status_code == 503 and f"projector/work/{damaged}" in found.json()["not_ready"] else None

        missing = until(answer, "the stopped projector is named")
        self.assertIn(f"work.journal[{damaged}]", missing["reasons"][f"projector/work/{damaged}"])
        self.assertIn("version", missing["reasons"][f"projector/work/{damaged}"])
        until(lambda: "version" in (answer() or {}).get("reasons", {}).get(f"work/{damaged}", ""), "the stopped owner too")
        scrape = Scrape(server)
        self.assertEqual(scrape.sum("trunkline_projector_running", family="work", partition=str(damaged)), 0)
        self.assertEqual(scrape.sum("trunkline_projector_running", family="work"), 3)
        self.assertEqual(scrape.sum("trunkline_not_ready", part=f"projector/work/{damaged}"), 1)
        self.assertEqual(scrape.sum("trunkline_ready"), 0)
        self.assertEqual(server.get("/health", auth=None).status_code, 200)


if __name__ == "__main__":
    unittest.main()
