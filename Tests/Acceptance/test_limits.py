"""Bad input: sizes, rates, types, methods; and the doors for operators (/health, /ready, /metrics)."""

import base64
import json
import re
import socket
import unittest

from support import HOME, PATIENCE, SID, TOKEN, AcceptanceTest, Server, Space, in_parallel, until


class RawConnection:
    """A socket that says what it is told and reads one answer."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)

    def send(self, data):
        try:
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self):
        """(status, headers, body) of the next answer."""
        with self.socket.makefile("rb") as file:
            line = file.readline()
            if not line:
                return None
            headers = {}
            for header in iter(file.readline, b"\r\n"):
                if not header:
                    break
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            return int(line.split()[1]), headers, file.read(int(headers.get("content-length", 0)))

    def close(self):
        self.socket.close()


AUTHORIZATION = "Authorization: Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()


class Limits(AcceptanceTest):
    def raw(self):
        connection = RawConnection(self.server)
        self.addCleanup(connection.close)
        return connection

    def test_a_body_too_large_is_refused_without_reading_it(self):
        space = self.space()
        connection = self.raw()
        connection.send(f"POST {space.path}/Tasks HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000000\r\n\r\n")
        status, headers, body = connection.answer()
        self.assertEqual(status, 413)
        self.assertEqual(json.loads(body)["status"], 413)
        # Chunked says no length: refused once it is over.
        pieces = (b"x" * 65536 for _ in range(80))
        try:
            answer = self.server.post(f"{space.path}/Tasks", data=pieces, headers={"Content-Type": "application/x-www-form-urlencoded"})
            self.assertEqual(answer.status_code, 413)
        except Exception as failure:  # the answer may be lost when the connection is cut under what is still being sent
            self.assertIn("Connection", type(failure).__name__ + str(failure))
        self.assertEqual(space.task().assignment_status, "pending", "the server goes on")

    def test_a_workflow_of_full_size_fits(self):
        space = self.space()
        filters = [{"expression": f"n == {number}", "filter_friendly_name": "x" * 900, "targets": [{"queue": space.queue.sid}]} for number in range(1000)]
        text = json.dumps({"task_routing": {"filters": filters, "default_filter": {"queue": space.queue.sid}}})
        self.assertGreater(len(text), 1_000_000 - 50_000)
        made = space.api.workflows.create(friendly_name="large", configuration=text[:1_038_576])
        self.assertEqual(len(space.api.workflows(made.sid).fetch().configuration), len(text))
        self.assert_error(self.server.post(f"{space.path}/Workflows", {"FriendlyName": "larger", "Configuration": text + " " * 40_000 + " " * (1_038_577 - len(text))}), 400, 20001, "Configuration")

    def test_a_header_too_large_is_refused(self):
        connection = self.raw()
        connection.send(f"GET /v1/Workspaces HTTP/1.1\r\nHost: x\r\nX-Long: {'y' * 40000}\r\n\r\n")
        self.assertEqual(connection.answer()[0], 431)
        fits = self.server.get("/v1/Workspaces", headers={"X-Long": "y" * 20000})
        self.assertEqual(fits.status_code, 200)

    def test_what_is_no_http_is_refused(self):
        for text in ["nonsense\r\n\r\n", "GET /v1/Workspaces HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                     "POST /v1/Workspaces HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     "POST /v1/Workspaces HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "GET /v1/Workspaces HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n"]:
            with self.subTest(text[:40]):
                connection = self.raw()
                connection.send(text)
                answer = connection.answer()
                self.assertTrue(answer is None or 400 <= answer[0] < 600 and answer[0] != 500, answer)

    def test_pipelined_requests_are_answered_in_order(self):
        connection = self.raw()
        names = [f"WS{number:032x}" for number in range(6)]
        connection.send("".join(f"GET /v1/Workspaces/{name} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n\r\n" for name in names))
        with connection.socket.makefile("rb") as file:
            seen = []
            while len(seen) < len(names):
                length = 0
                self.assertIn(b"404", file.readline())
                for header in iter(file.readline, b"\r\n"):
                    if header.lower().startswith(b"content-length"):
                        length = int(header.split(b":")[1])
                seen.append(re.search("WS[0-9a-f]{32}", file.read(length).decode())[0])
        self.assertEqual(seen, names)

    def test_missing_and_wrong_fields_are_named(self):
        space = self.space()
        table = [
            ("/v1/Workspaces", {}, "FriendlyName"), ("/v1/Workspaces", {"FriendlyName": ""}, "FriendlyName"), ("/v1/Workspaces", {"FriendlyName": "x" * 65}, "FriendlyName"),
            ("/v1/Workspaces", {"FriendlyName": "x", "EventCallbackUrl": "nonsense"}, "EventCallbackUrl"), ("/v1/Workspaces", {"FriendlyName": "x", "PrioritizeQueueOrder": "RANDOM"}, "PrioritizeQueueOrder"),
            ("/v1/Workspaces", {"FriendlyName": "x", "Template": "LIFO"}, "Template"), (f"{space.path}/Activities", {}, "FriendlyName"), (f"{space.path}/Workers", {}, "FriendlyName"),
            (f"{space.path}/Workers", {"FriendlyName": "w", "Attributes": "{"}, "Attributes"), (f"{space.path}/Workers", {"FriendlyName": "w", "ActivitySid": "WA" + "0" * 32}, "ActivitySid"),
            (f"{space.path}/TaskQueues", {}, "FriendlyName"), (f"{space.path}/Workflows", {"FriendlyName": "f"}, "Configuration"), (f"{space.path}/Workflows", {"Configuration": "{}"}, "FriendlyName"),
            (f"{space.path}/TaskChannels", {"FriendlyName": "c"}, "UniqueName"), (f"{space.path}/TaskChannels", {"UniqueName": "c"}, "FriendlyName"),
            (f"{space.path}/Tasks", {"Attributes": '{"a":1}', "WorkflowSid": "WQ" + "0" * 32}, "WorkflowSid")]
        for path, form, word in table:
            with self.subTest(f"{path} {form}"):
                self.assert_error(self.server.post(path, form), 400, 20001, word)
        missing = self.server.post(f"{space.path}/Workers", {})
        self.assertEqual(missing.json()["message"], "Missing required parameter FriendlyName in the post body")

    def test_the_workflow_must_be_named_when_there_are_several(self):
        space = self.space()
        self.assertEqual(self.server.post(f"{space.path}/Tasks", {"Attributes": "{}"}).status_code, 201)
        space.api.workflows.create(friendly_name="second", configuration=json.dumps({"task_routing": {"default_filter": {"queue": space.queue.sid}}}))
        self.assert_error(self.server.post(f"{space.path}/Tasks", {"Attributes": "{}"}), 400, 20001, "WorkflowSid")

    def test_broken_json_says_where(self):
        space = self.space()
        for text in ['{"a": }', '{"a": 1', '{"a": 1} x', "{'a': 1}", '{"a": 01}', '{"a": "\\ud800"}', "[" * 2000, '{"a":' * 700 + "1" + "}" * 700]:
            with self.subTest(text[:20]):
                answer = self.server.post(f"{space.path}/Tasks", {"Attributes": text, "WorkflowSid": space.workflow.sid})
                self.assert_error(answer, 400, 20001, "Attributes")

    def test_broken_forms_are_refused(self):
        space = self.space()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for body in [b"Attributes=%", b"Attributes=%zz", b"Attributes=%ff%fe", b"\xff\xfe=1", b"Attributes=%7B%22a%22%3A%22%00%22%7D"]:
            with self.subTest(body):
                self.assert_error(self.server.post(f"{space.path}/Tasks", data=body, headers=form), 400, 20001)
        self.assert_error(self.server.post(f"{space.path}/Tasks", data=b'{"Attributes":{}}', headers={"Content-Type": "application/json"}), 415)
        unknown = self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "RequiredAttention": "yes"})
        self.assertEqual(unknown.status_code, 201, "unknown keys are ignored")

    def test_unknown_sids_and_paths(self):
        space = self.space()
        for path in ["/v1/Nothing", "/v2/Workspaces", "/", "/v1/Workspaces/WS123", f"{space.path}/Tasks/WT123", f"{space.path}/Tasks/{space.sid}", f"{space.path}/Nothing",
                     f"{space.path}/Workers/WK{'0' * 32}", f"{space.path}/Workers/WK{'0' * 32}/Reservations", f"{space.path}/Tasks/WT{'0' * 32}/Reservations/WR{'0' * 32}",
                     f"/2010-04-01/Accounts/AC{'0' * 32}.json", f"{space.path}/TaskChannels/nothing", f"{space.path}/Tasks/%2e%2e", f"{space.path}/Tasks/" + "x" * 3000]:
            with self.subTest(path[:80]):
                self.assert_error(self.server.get(path), 404, 20404)

    def test_wrong_methods(self):
        space = self.space()
        task = space.task()
        for method, path in [("PUT", "/v1/Workspaces"), ("DELETE", "/v1/Workspaces"), ("PATCH", space.path), ("PUT", f"{space.path}/Tasks/{task.sid}"), ("DELETE", f"{space.path}/Tasks"),
                             ("POST", f"{space.path}/Tasks/{task.sid}/Reservations"), ("DELETE", f"/2010-04-01/Accounts/{SID}.json")]:
            with self.subTest(f"{method} {path}"):
                self.assert_error(self.server.request(method, path), 405, 20004)

    def test_capitals_in_sids_are_the_same(self):
        space = self.space()
        task = space.task()
        self.assertEqual(self.server.get(f"{space.path}/Tasks/WT{task.sid[2:].upper()}").json()["sid"], task.sid)


class Operators(AcceptanceTest):
    def test_health_ready_metrics_need_no_key(self):
        for path in ["/health", "/ready"]:
            answer = self.server.get(path, auth=None)
            self.assertEqual(answer.status_code, 200)
            self.assertIn("status", answer.json())
        space = self.space()
        space.task()
        answer = self.server.get("/metrics", auth=None)
        self.assertEqual(answer.status_code, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
        families = set()
        for line in answer.text.splitlines():
            if line.startswith("# TYPE "):
                families.add(line.split()[2])
            elif line and not line.startswith("#"):
                self.assertRegex(line, r'^[a-z_:][a-zA-Z0-9_:]*(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.eInfNa]+$')
        self.assertTrue(any("request" in name for name in families), families)

    def test_the_dev_clock(self):
        one = self.server.advance(1000)["now"]
        two = self.server.advance(0)["now"]
        self.assertGreaterEqual(two, one)
        for body in ["", "{}", '{"advance": -1}', '{"advance": "soon"}', '{"rate": 0}', "[1]"]:
            self.assert_error(self.server.post("/dev/clock", data=body), 400, 20001)
        self.assert_error(self.server.post("/dev/clock", data='{"advance": 1}', auth=None), 401)
        self.assert_error(self.server.get("/dev/clock"), 405)

    def test_urls_follow_the_host_of_the_request_or_the_public_url(self):
        answer = self.server.post("/v1/Workspaces", {"FriendlyName": "x"}, headers={"Host": "work.example.com:8443"})
        self.assertTrue(answer.json()["url"].startswith("http://work.example.com:8443/v1/"), answer.json()["url"])
        spoofed = self.server.get("/v1/Workspaces", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example.com"})
        self.assertTrue(spoofed.json()["meta"]["url"].startswith(self.server.url))
        self.assert_error(self.server.get("/v1/Workspaces", headers={"Host": "a b<script>"}), 400)

    def test_a_method_that_is_not_allowed_says_which_are(self):
        space = self.space()
        worker, task = space.worker("alice"), space.task()
        offer = space.offer(worker.sid)
        channel = space.api.workers(worker.sid).worker_channels.list()[0].sid
        accounts = "/2010-04-01/Accounts"
        paths = ["/health", "/ready", "/metrics", *(["/dev/clock"] if HOME == "embedded" else []), f"{accounts}.json", f"{accounts}/{SID}.json", f"{accounts}/{SID}/AuthToken.json",
                 "/v1/Workspaces", space.path, f"{space.path}/Events/Stream", f"{space.path}/Tasks/Bulk", f"{space.path}/Tasks/Bulk/nothing",
                 f"{space.path}/Tasks/{task.sid}/Reservations", f"{space.path}/Tasks/{task.sid}/Reservations/{offer.sid}",
                 f"{space.path}/Workers/{worker.sid}/Reservations/{offer.sid}", f"{space.path}/Workers/{worker.sid}/Channels",
                 f"{space.path}/Workers/{worker.sid}/Channels/{channel}", f"{space.path}/Tasks/{task.sid}",
                 *(f"{space.path}/{name}" for name in ["Activities", "Workers", "TaskChannels", "TaskQueues", "Workflows", "Tasks"])]
        for path in paths:
            with self.subTest(path):
                answer = self.server.request("PATCH", path)
                self.assert_error(answer, 405)
                allowed = answer.headers["Allow"].split(", ")
                self.assertIn("OPTIONS", allowed)
                for method in {"GET", "HEAD", "POST", "PUT", "DELETE"} - set(allowed):
                    refused = self.server.request(method, path)
                    self.assertEqual((refused.status_code, refused.headers.get("Allow")), (405, answer.headers["Allow"]), method)
                # What changes nothing is tried too; the stream would never end.
                if "GET" in allowed and "Stream" not in path:
                    for method in ["GET", "HEAD"]:
                        self.assertNotEqual(self.server.request(method, path).status_code, 405, method)

    def test_cross_origin_reads(self):
        answer = self.server.request("OPTIONS", "/v1/Workspaces", auth=None)
        self.assertIn(answer.status_code, (200, 204))
        self.assertEqual(self.server.get("/v1/Workspaces").headers["Access-Control-Allow-Origin"], "*")


def answers(server):
    try:
        return server.get("/ready", auth=None, timeout=5).status_code == 200
    except Exception:
        return False


class Rates(unittest.TestCase):
    def test_429_with_retry_after_over_the_rate(self):
        server = Server("--rate-limit", "20").start()
        self.addCleanup(server.close)
        answers = [answer for found in in_parallel(4, lambda _: [server.get("/v1/Workspaces") for _ in range(40)]) for answer in found]
        limited = [answer for answer in answers if answer.status_code == 429]
        self.assertTrue(limited)
        self.assertGreaterEqual(sum(answer.status_code == 200 for answer in answers), 20)
        for answer in limited:
            self.assertEqual(answer.json()["code"], 20429)
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(server.get("/ready", auth=None).status_code, 200, "probes are not limited")

    def test_429_when_too_many_commands_wait(self):
        server = Server("--max-waiting", "2").start()
        self.addCleanup(server.close)
        space = Space(server)
        form = {"WorkflowSid": space.workflow.sid, "Attributes": "{}"}
        answers = [answer for found in in_parallel(12, lambda _: [server.post(f"{space.path}/Tasks", form) for _ in range(15)]) for answer in found]
        self.assertEqual({answer.status_code for answer in answers}, {201, 429})
        for answer in answers:
            if answer.status_code == 429:
                self.assertEqual(answer.json()["code"], 20429)
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        made = {answer.json()["sid"] for answer in answers if answer.status_code == 201}
        self.assertEqual({task.sid for task in space.api.tasks.list(page_size=1000)}, made, "what was refused does not exist")

    def test_a_header_that_does_not_come_ends_the_connection(self):
        server = Server("--header-timeout", "1", "--idle-timeout", "1").start()
        self.addCleanup(server.close)
        for text in ["", "GET /v1/Work", "GET /ready HTTP/1.1\r\nHost: x\r\n"]:
            connection = RawConnection(server)
            self.addCleanup(connection.close)
            connection.send(text)
            answer = connection.answer()
            self.assertTrue(answer is None or answer[0] == 408, answer)
        self.assertEqual(server.get("/ready", auth=None).status_code, 200)

    def test_connections_over_the_limit_harm_nobody(self):
        server = Server("--max-connections", "20").start()
        self.addCleanup(server.close)
        connections = [RawConnection(server) for _ in range(60)]
        for connection in connections:
            connection.close()
        until(lambda: answers(server), "the server answers again")

    def test_without_the_flag_there_is_no_dev_clock_and_private_options_are_checked(self):
        server = Server(dev_clock=False).start()
        self.addCleanup(server.close)
        self.assertEqual(server.post("/dev/clock", json={"advance": 1}).status_code, 404)


if __name__ == "__main__":
    unittest.main()
