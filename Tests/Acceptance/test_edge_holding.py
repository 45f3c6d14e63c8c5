"""Clients that hold on to what they were given: slow ones, silent ones, greedy ones, and those that go away in the middle. Limits are lowered, so that nothing waits long."""

import json
import re
import socket
import struct
import unittest

from edge import AUTHORIZATION, FORM, Wire, begin, get, post
from support import HOME, PATIENCE, Server, Space, until

SPACES = "/v1/Workspaces"


@unittest.skipIf(HOME != "embedded", "the edge is the same on both homes")
class HoldingTest(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options).start()
        cls.addClassCleanup(cls.server.close)

    def wire(self, **arguments):
        wire = Wire(self.server, **arguments)
        self.addCleanup(wire.close)
        return wire

    def metric(self, name):
        return float(re.search(rf"(?m)^{name} ([0-9.]+)$", self.server.get("/metrics", auth=None).text)[1])

    def connections(self):
        """Open ones, without the one that asks."""
        return self.metric("trunkline_http_connections") - 1

    def assert_serves(self):
        self.assertEqual(self.server.get("/ready", auth=None).status_code, 200)

    def drip(self, wire, data):
        """Byte by byte, a tenth of a second between them, until the peer has something to say or takes nothing more."""
        wire.socket.settimeout(0.1)
        for place in range(len(data)):
            if not wire.send(data[place]):
                break
            try:
                wire._more()
                break
            except TimeoutError:
                continue
        wire.socket.settimeout(PATIENCE)


class Time(HoldingTest):
    options = ("--header-timeout", "2", "--body-timeout", "2", "--min-body-rate", "1000", "--idle-timeout", "3")

    def test_a_header_that_drips_is_answered_408_and_cut(self):
        wire = self.wire()
        self.drip(wire, get("/health", "X: " + "y" * 1000))
        self.assertEqual([answer.status for answer in wire.rest()], [408])
        self.assert_serves()

    def test_a_connection_that_says_nothing_is_closed_without_a_word(self):
        for sent in ["", get("/health")]:
            with self.subTest(sent[:10]):
                wire = self.wire()
                wire.send(sent)
                if sent:
                    self.assertEqual(wire.answer().status, 200)
                self.assertTrue(wire.ends())

    def test_a_body_that_stops_is_answered_408_and_cut(self):
        for head in [f"Content-Length: 100\r\n\r\nFriendlyName=half", "Transfer-Encoding: chunked\r\n\r\n64\r\nFriendlyName=half"]:
            with self.subTest(head[:10]):
                wire = self.wire()
                wire.send(begin(head))
                self.assertEqual([answer.status for answer in wire.rest()], [408])
        self.assertNotIn("half", self.server.get(SPACES).text)

    def test_a_body_that_drips_is_answered_408_and_cut(self):
        wire = self.wire()
        body = "FriendlyName=" + "d" * 50 + "&X=" + "y" * 3000
        wire.send(begin(f"Content-Length: {len(body)}") + "\r\n\r\n")
        self.drip(wire, body)
        self.assertEqual([answer.status for answer in wire.rest()], [408])
        self.assertNotIn("d" * 50, self.server.get(SPACES).text)

    def test_an_answer_that_is_not_taken_is_given_up(self):
        # Given a workspace whose lists are long
        space = Space(self.server)
        for number in range(60):
            space.worker(f"worker {number} " + "w" * 40, pad="x" * 3000)
        until(lambda: self.connections() == 0, "nobody else is there")
        # When a client asks for them again and again and reads nothing
        wire = self.wire(receive_buffer=4096)
        wire.socket.settimeout(0.2)
        request = get(f"{space.path}/Workers?PageSize=1000").encode()
        sent = 0
        try:
            while sent < 20_000_000:
                sent += wire.socket.send(request * 100)
        except (TimeoutError, ConnectionError):
            pass
        # Then the server stopped to read, served others meanwhile, did not pile answers up, and lets go of it
        self.assertLess(sent, 8_000_000, "a flood is not read without end")
        self.assert_serves()
        self.assertLess(resident(self.server), 400)
        until(lambda: self.connections() == 0, "the connection is cut")

    def test_a_client_that_ends_its_side_gets_its_whole_answer(self):
        wire = self.wire()
        wire.send(get("/health") + get(SPACES))
        wire.end()
        self.assertEqual([answer.status for answer in wire.rest()], [200, 200])

    def test_a_client_that_ends_in_the_middle_gets_nothing_and_changes_nothing(self):
        for text in ["GET /hea", begin("Content-Length: 40") + "\r\n\r\nFriendlyName=torn"]:
            with self.subTest(text[:10]):
                wire = self.wire()
                wire.send(text)
                wire.end()
                self.assertEqual(wire.rest(), [])
        self.assertNotIn("torn", self.server.get(SPACES).text)

    def test_a_stream_whose_reader_vanishes_is_let_go(self):
        space = Space(self.server)
        wire = self.wire()
        wire.send(get(f"{space.path}/Events/Stream?from=beginning"))
        until(lambda: self.metric("trunkline_event_streams") == 1, "the stream has begun")
        # A reset, not an end.
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()
        until(lambda: self.metric("trunkline_event_streams") == 0, "the stream is over")


class Sizes(HoldingTest):
    options = ("--max-header", "2048", "--max-header-fields", "16", "--max-body", "2048", "--max-line", "1024")

    def test_every_size_has_its_option(self):
        table = [
            (get("/" + "a" * 3000), 414), (get("/health", "X: " + "y" * 3000), 431), (get("/health", *["X: y"] * 20), 431),
            (begin("Content-Length: 3000") + "\r\n\r\n", 413), (begin("Transfer-Encoding: chunked") + "\r\n\r\nffff\r\n" + "x" * 3000, 413)]
        for request, status in table:
            with self.subTest(status):
                wire = self.wire()
                wire.send(request)
                answers = wire.rest()
                self.assertEqual([answer.status for answer in answers], [status])
                self.assertEqual(answers[0].headers["connection"], "close")
        for request in [get("/" + "a" * 1500), get("/health", *["X: y"] * 12), post(SPACES, "FriendlyName=fits&X=" + "y" * 1500)]:
            wire = self.wire()
            wire.send(request)
            self.assertIn(wire.answer().status, (200, 201, 404))

    def test_a_long_line_of_an_import_is_an_error_of_that_line(self):
        space = Space(self.server)
        lines = "\n".join(json.dumps({"attributes": {"n": text}}) for text in ["a", "b" * 2000, "c"])
        answer = self.server.post(f"{space.path}/Tasks/Bulk?WorkflowSid={space.workflow.sid}&ImportId=i1", data=lines, headers={"Content-Type": "application/x-ndjson"})
        self.assertEqual((answer.json()["accepted"], answer.json()["rejected"]), (2, 1), answer.text)
        self.assertEqual(answer.json()["errors"][0]["line"], 2)


class Crowd(HoldingTest):
    options = ("--max-connections", "20")

    def test_connections_beyond_the_limit_are_refused_and_those_within_go_on(self):
        until(lambda: self.connections() == 0, "nobody else is there")
        # Whoever counted them may still be on its way out.
        within = [until(self.admitted, "there is room") for _ in range(20)]
        # Beyond the limit there is an answer; far beyond it there is none.
        beyond = [self.wire() for _ in range(100)]
        answers = [[answer.status for answer in wire.rest()] for wire in beyond]
        self.assertLessEqual({tuple(statuses) for statuses in answers}, {(503,), ()})
        self.assertIn([503], answers)
        for wire in within:
            wire.send(post(SPACES, "FriendlyName=within"))
            self.assertEqual(wire.answer().status, 201)
        for wire in within + beyond:
            wire.close()
        until(lambda: self.answers(), "there is room again")

    def admitted(self):
        wire = self.wire()
        wire.send(get("/health"))
        answer = wire.answer()
        if answer is not None and answer.status == 200:
            return wire
        wire.close()
        return None

    def answers(self):
        wire = Wire(self.server)
        try:
            wire.send(get("/health"))
            answer = wire.answer()
            return answer is not None and answer.status == 200
        finally:
            wire.close()

    def test_pipelined_requests_are_all_answered_in_their_order(self):
        until(lambda: self.answers(), "there is room")
        wire = self.wire()
        names = [f"WS{number:032x}" for number in range(300)]
        wire.send("".join(get(f"{SPACES}/{name}") for name in names))
        wire.end()
        answers = wire.rest()
        self.assertEqual([re.search("WS[0-9a-f]{32}", answer.body.decode())[0] for answer in answers], names)


class Uploads(HoldingTest):
    def abort(self, data):
        wire = Wire(self.server)
        wire.send(data)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()

    def test_an_upload_that_was_cut_off_is_sent_again_and_doubles_nothing(self):
        space = Space(self.server)
        lines = [json.dumps({"attributes": {"n": number}}) + "\n" for number in range(500)]
        path = f"{space.path}/Tasks/Bulk?WorkflowSid={space.workflow.sid}&ImportId=cut"
        head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", AUTHORIZATION, "Content-Type: application/x-ndjson"])
        whole = "".join(lines)
        for count in (10, 200, 333):
            # In the middle of a line, with more announced than comes.
            self.abort(f"{head}\r\nContent-Length: {len(whole)}\r\n\r\n{''.join(lines[:count])}{lines[count][:9]}")
        answer = self.server.post(path, data=whole, headers={"Content-Type": "application/x-ndjson"})
        self.assertEqual(answer.status_code // 100, 2, answer.text)
        self.assertEqual(answer.json()["accepted"] + answer.json()["duplicates"], 500, answer.text)
        found = until(lambda: (lambda tasks: tasks if len(tasks) >= 500 else None)(space.api.tasks.list(page_size=1000)), "all are tasks")
        self.assertEqual(sorted(json.loads(task.attributes)["n"] for task in found), list(range(500)))

    def test_a_form_that_was_cut_off_is_nothing(self):
        for number in range(50):
            self.abort(begin("Content-Length: 400") + f"\r\n\r\nFriendlyName=cut-{number}")
            self.abort(begin("Transfer-Encoding: chunked") + f"\r\n\r\n14\r\nFriendlyName=cut-{number:03}\r\n")
        until(lambda: self.connections() == 0, "all are gone")
        self.assertNotIn("cut-", self.server.get(SPACES).text)


def resident(server):
    """MiB."""
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) // 1024


if __name__ == "__main__":
    unittest.main()
