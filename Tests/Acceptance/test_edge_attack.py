"""The edge under attack, over raw sockets: requests that mean one thing to a proxy and another to us, and clients that hold on to what they were given.

Of a request whose end is in doubt nothing behind it may be executed: each such request is followed by one that would make a workspace.
"""

import itertools
import unittest

from edge import AUTHORIZATION, FORM, Wire, begin, get, post
from support import HOME, AcceptanceTest

BODY = "FriendlyName=first"
SIZE = len(BODY)
CHUNKED = begin("Transfer-Encoding: chunked") + "\r\n\r\n"
numbers = itertools.count(1)


def fields(*lines, body=BODY):
    """A POST with these fields, then `body`."""
    return begin(*lines) + "\r\n\r\n" + body


def chunks(*parts, last="0\r\n\r\n"):
    return CHUNKED + "".join(parts) + last


def part(text=BODY, extension="", size=None, end="\r\n"):
    return f"{size if size is not None else format(len(text), 'x')}{extension}\r\n{text}{end}"


#: What must be refused: name, statuses that are right, bytes.
REFUSED = [
    # Two statements about where the body ends (RFC 9112, section 6.3).
    ("CL and TE", {400}, fields(f"Content-Length: {SIZE}", "Transfer-Encoding: chunked", body=part() + "0\r\n\r\n")),
    ("TE and CL", {400}, fields("Transfer-Encoding: chunked", f"Content-Length: {SIZE}", body=part() + "0\r\n\r\n")),
    ("TE and CL 0", {400}, fields("Transfer-Encoding: chunked", "Content-Length: 0", body=part() + "0\r\n\r\n")),
    ("CL twice, different", {400}, fields(f"Content-Length: {SIZE}", f"Content-Length: {SIZE + 1}")),
    ("CL twice, the same", {400}, fields(f"Content-Length: {SIZE}", f"Content-Length: {SIZE}")),
    ("CL as a list", {400}, fields(f"Content-Length: {SIZE}, {SIZE}")),
    ("CL +", {400}, fields(f"Content-Length: +{SIZE}")),
    ("CL -", {400}, fields(f"Content-Length: -{SIZE}")),
    ("CL inner space", {400}, fields("Content-Length: 1 8")),
    ("CL hex", {400}, fields(f"Content-Length: {SIZE:#x}")),
    ("CL decimal point", {400}, fields(f"Content-Length: {SIZE}.0")),
    ("CL empty", {400}, fields("Content-Length:")),
    ("CL beyond 64 bits", {400}, fields("Content-Length: 18446744073709551634")),
    ("CL vertical tab", {400}, fields(f"Content-Length: \x0b{SIZE}")),
    ("CL quoted", {400}, fields(f'Content-Length: "{SIZE}"')),
    ("TE chunked, identity", {400, 501}, fields("Transfer-Encoding: chunked, identity", body=part() + "0\r\n\r\n")),
    ("TE identity", {400, 501}, fields("Transfer-Encoding: identity", body=part() + "0\r\n\r\n")),
    ("TE gzip, chunked", {400, 501}, fields("Transfer-Encoding: gzip, chunked", body=part() + "0\r\n\r\n")),
    ("TE xchunked", {400, 501}, fields("Transfer-Encoding: xchunked", body=part() + "0\r\n\r\n")),
    ("TE quoted", {400, 501}, fields('Transfer-Encoding: "chunked"', body=part() + "0\r\n\r\n")),
    ("TE with a parameter", {400, 501}, fields("Transfer-Encoding: chunked;q=1", body=part() + "0\r\n\r\n")),
    ("TE chunked, chunked", {400, 501}, fields("Transfer-Encoding: chunked, chunked", body=part() + "0\r\n\r\n")),
    ("TE twice", {400}, fields("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=part() + "0\r\n\r\n")),
    ("TE twice, different", {400, 501}, fields("Transfer-Encoding: chunked", "Transfer-Encoding: cow", body=part() + "0\r\n\r\n")),
    ("TE vertical tab", {400, 501}, fields("Transfer-Encoding: \x0bchunked", body=part() + "0\r\n\r\n")),
    ("TE form feed behind", {400, 501}, fields("Transfer-Encoding: chunked\x0c", body=part() + "0\r\n\r\n")),
    ("TE space before the colon", {400}, fields("Transfer-Encoding : chunked", body=part() + "0\r\n\r\n")),
    ("TE folded", {400}, fields("Transfer-Encoding:\r\n chunked", body=part() + "0\r\n\r\n")),
    ("TE behind a bare CR", {400}, fields("X: a\rTransfer-Encoding: chunked", body=part() + "0\r\n\r\n")),
    ("TE in HTTP/1.0", {400}, begin("Transfer-Encoding: chunked", version="HTTP/1.0") + "\r\n\r\n" + part() + "0\r\n\r\n"),
    ("TE empty", {400, 501}, fields("Transfer-Encoding:", body=part() + "0\r\n\r\n")),
    # Lines and names (sections 2.2 and 5).
    ("folded header", {400}, fields("X: a\r\n b", f"Content-Length: {SIZE}")),
    ("folded with tab", {400}, fields("X: a\r\n\tb", f"Content-Length: {SIZE}")),
    ("space before the first header", {400}, f"POST /v1/Workspaces HTTP/1.1\r\n Host: x\r\nContent-Length: {SIZE}\r\n\r\n{BODY}"),
    ("bare LF everywhere", {400}, f"POST /v1/Workspaces HTTP/1.1\nHost: x\nContent-Length: {SIZE}\n\n{BODY}"),
    ("bare LF in the header", {400}, fields(f"X: a\nContent-Length: {SIZE}")),
    ("bare LF ends the header", {400}, begin(f"Content-Length: {SIZE}") + "\r\n\n" + BODY),
    ("bare CR in a value", {400}, fields(f"X: a\rContent-Length: {SIZE}")),
    ("bare CR ends a line", {400}, fields(f"X: a\r\rContent-Length: {SIZE}")),
    ("NUL in a value", {400}, fields("X: a\0b", f"Content-Length: {SIZE}")),
    ("NUL in a name", {400}, fields("X\0: a", f"Content-Length: {SIZE}")),
    ("control character in a name", {400}, fields("X\x01y: a", f"Content-Length: {SIZE}")),
    ("control character in a value", {400}, fields("X: a\x01y", f"Content-Length: {SIZE}")),
    ("DEL in a value", {400}, fields("X: a\x7f", f"Content-Length: {SIZE}")),
    ("high byte in a name", {400}, fields("X\xe9: a", f"Content-Length: {SIZE}")),
    ("space in a name", {400}, fields("X y: a", f"Content-Length: {SIZE}")),
    ("space before the colon", {400}, fields(f"Content-Length : {SIZE}")),
    ("tab before the colon", {400}, fields(f"Content-Length\t: {SIZE}")),
    ("empty name", {400}, fields(": a", f"Content-Length: {SIZE}")),
    ("no colon", {400}, fields("Xy", f"Content-Length: {SIZE}")),
    ("no Host", {400}, f"POST /v1/Workspaces HTTP/1.1\r\n{AUTHORIZATION}\r\n{FORM}\r\nContent-Length: {SIZE}\r\n\r\n{BODY}"),
    ("Host twice", {400}, fields("Host: y", f"Content-Length: {SIZE}")),
    *[(f"Host {host}", {400}, f"POST /v1/Workspaces HTTP/1.1\r\nHost: {host}\r\n{AUTHORIZATION}\r\n{FORM}\r\nContent-Length: {SIZE}\r\n\r\n{BODY}")
      for host in ["h:abc", "h:99999", "[::1", "::1", "..", "-h", "a b", "a/b", "user@h", "h%41", "h:80:80", "[::1]x"]],
    # Chunks (section 7.1).
    ("chunk size 0x", {400}, chunks(part(size="0x12"))),
    ("chunk size +", {400}, chunks(part(size="+12"))),
    ("chunk size -", {400}, chunks(part(size="-12"))),
    ("chunk size with a space", {400}, chunks(part(size="12 "))),
    ("chunk size empty", {400}, chunks(part(size=""))),
    ("chunk size beyond 64 bits", {400}, chunks(part(size="10000000000000012"))),
    ("chunk size of 17 digits", {400}, chunks(part(size="fffffffffffffffff"))),
    ("chunk size bare LF", {400}, CHUNKED + f"12\n{BODY}\r\n0\r\n\r\n"),
    ("chunk extension with LF", {400}, CHUNKED + f"12;a\n{BODY}\r\n0\r\n\r\n"),
    ("chunk extension with CR", {400}, CHUNKED + f"12;a\rb\r\n{BODY}\r\n0\r\n\r\n"),
    ("chunk extension without end", {413}, CHUNKED + "12;" + "a" * 200_000),
    ("chunk extensions, many", {413}, CHUNKED + "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 2000),
    ("no CRLF behind a chunk", {400}, chunks(part(end=""))),
    ("bytes behind a chunk", {400}, chunks(part(end="XX"))),
    ("LF behind a chunk", {400}, chunks(part(end="\n"))),
    ("trailer with Content-Length", {400}, chunks(part(), last="0\r\nContent-Length: 9\r\n\r\n")),
    ("trailer with Transfer-Encoding", {400}, chunks(part(), last="0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    ("trailer with Host", {400}, chunks(part(), last="0\r\nHost: y\r\n\r\n")),
    ("trailer folded", {400}, chunks(part(), last="0\r\nX: a\r\n b\r\n\r\n")),
    ("trailer with bare LF", {400}, chunks(part(), last="0\r\nX: a\n\r\n")),
    ("LF alone ends the body", {400}, chunks(part(), last="0\r\n\n")),
    ("LF alone behind an extension", {400}, chunks(part(), last="0;a\r\n\n")),
    ("LF alone behind a trailer", {400}, chunks(part(), last="0\r\nX: y\r\n\n")),
    ("trailer without end", {431}, chunks(part(), last="0\r\n" + "X: " + "y" * 20_000)),
    # Versions, methods, targets (sections 2.3, 3).
    ("HTTP/0.9", {400}, "GET /v1/Workspaces\r\n\r\n"),
    ("HTTP/1.2", {505}, begin("Content-Length: 0", version="HTTP/1.2") + "\r\n\r\n"),
    ("HTTP/2.0 request line", {505}, begin("Content-Length: 0", version="HTTP/2.0") + "\r\n\r\n"),
    ("HTTP/2 preface", {505}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/3", {505}, begin("Content-Length: 0", version="HTTP/3.0") + "\r\n\r\n"),
    ("HTTP/1.10", {400}, begin("Content-Length: 0", version="HTTP/1.10") + "\r\n\r\n"),
    ("http/1.1", {400}, begin("Content-Length: 0", version="http/1.1") + "\r\n\r\n"),
    ("another protocol", {400}, begin("Content-Length: 0", version="ICE/1.0") + "\r\n\r\n"),
    ("lower-case method", {400, 501}, begin(f"Content-Length: {SIZE}", method="post") + "\r\n\r\n" + BODY),
    ("unknown method", {501}, begin(f"Content-Length: {SIZE}", method="FROB") + "\r\n\r\n" + BODY),
    ("CONNECT", {501}, begin(method="CONNECT", path="x:80") + "\r\n\r\n"),
    ("authority-form", {400}, begin("Content-Length: 0", path="x:80") + "\r\n\r\n"),
    ("no target", {400}, "POST  HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("two spaces", {400}, f"POST  /v1/Workspaces HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n{BODY}"),
    ("tabs in the request line", {400}, f"POST\t/v1/Workspaces\tHTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n{BODY}"),
    ("space in the target", {400}, begin("Content-Length: 0", path="/v1/Work spaces") + "\r\n\r\n"),
    ("control character in the target", {400}, begin("Content-Length: 0", path="/v1/\x01") + "\r\n\r\n"),
    ("NUL in the target", {400}, begin("Content-Length: 0", path="/v1/\0") + "\r\n\r\n"),
    ("high byte in the target", {400}, begin("Content-Length: 0", path="/v1/\xe9") + "\r\n\r\n"),
    # Sizes.
    ("request line too long", {414}, "GET /" + "a" * 40_000 + " HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("header too long", {431}, fields("X: " + "y" * 40_000, f"Content-Length: {SIZE}")),
    ("too many fields", {431}, fields(*["X: y"] * 200, f"Content-Length: {SIZE}")),
    ("body too long", {413}, fields("Content-Length: 5000000")),
    ("body of 2^63", {400, 413}, fields("Content-Length: 9223372036854775808")),
    ("chunks too long", {413}, CHUNKED + "ffffffff\r\n" + "x" * 5_000_000),
    ("an expectation nobody knows", {417}, fields("Expect: tea", f"Content-Length: {SIZE}")),
    # Bytes of other protocols.
    ("TLS", {400}, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 40),
    ("SSH", {400}, "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("empty lines without end", {400}, "\r\n" * 50),
]

#: What is served: name, bytes of one request that makes a workspace, what it is called then. Each is as section and number of the RFC say.
SERVED = [
    ("plain", fields(f"Content-Length: {SIZE}"), "first"),
    ("chunked", chunks(part()), "first"),
    ("chunked in capitals", fields("Transfer-Encoding: CHUNKED", body=part() + "0\r\n\r\n"), "first"),
    ("TE behind a tab, which is white space", fields("Transfer-Encoding:\tchunked", body=part() + "0\r\n\r\n"), "first"),
    ("CL with white space around it", fields(f"Content-Length: \t {SIZE}"), "first"),
    ("a short chunk extension", chunks(part(extension=";a=b")), "first"),
    ("a chunk size with zeros", chunks(part(size="00012")), "first"),
    ("many small chunks", chunks(*[part(letter) for letter in BODY]), "first"),
    ("trailers", chunks(part(), last="0\r\nX: y\r\nFriendlyName: second\r\n\r\n"), "first"),
    ("an empty line before", "\r\n" + fields(f"Content-Length: {SIZE}"), "first"),
    ("absolute-form", begin(f"Content-Length: {SIZE}", path="http://x/v1/Workspaces") + "\r\n\r\n" + BODY, "first"),
    ("an upgrade nobody takes up", fields("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: A", f"Content-Length: {SIZE}"), "first"),
    ("UTF-8 in a value", fields("X: \xc3\xa9", f"Content-Length: {SIZE}"), "first"),
    ("Expect: 100-continue with the body at once", fields("Expect: 100-continue", f"Content-Length: {SIZE}"), "first"),
]


@unittest.skipIf(HOME != "embedded", "the edge is the same on both homes")
class Smuggling(AcceptanceTest):
    def names(self):
        return [space["friendly_name"] for space in self.server.get("/v1/Workspaces?PageSize=1000").json()["workspaces"]]

    def wire(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        return wire

    def test_what_is_in_doubt_is_refused_once_and_nothing_behind_it_is_done(self):
        for name, statuses, attack in REFUSED:
            with self.subTest(name):
                smuggled = f"smuggled-{next(numbers)}"
                wire = self.wire()
                wire.send(attack + post("/v1/Workspaces", f"FriendlyName={smuggled}"))
                answers = wire.rest()
                self.assertEqual(len(answers), 1, answers)
                self.assertIn(answers[0].status, statuses, answers)
                self.assertEqual(answers[0].headers.get("connection"), "close")
                self.assertEqual(answers[0].json["status"], answers[0].status)
        made = self.names()
        self.assertEqual([name for name in made if name.startswith("smuggled") or name == "first"], [])

    def test_the_verdict_does_not_depend_on_how_the_bytes_are_cut(self):
        for name, statuses, attack in REFUSED:
            if len(attack) > 2000:
                continue
            with self.subTest(name):
                wire = self.wire()
                for place in range(0, len(attack), 7):
                    wire.send(attack[place:place + 7])
                answers = wire.rest()
                self.assertEqual(len(answers), 1, answers)
                self.assertIn(answers[0].status, statuses, answers)
        self.assertEqual([name for name in self.names() if name == "first"], [])

    def test_what_is_served_ends_where_it_says(self):
        for name, request, made in SERVED:
            with self.subTest(name):
                wire = self.wire()
                second = f"behind-{next(numbers)}"
                wire.send(request + post("/v1/Workspaces", f"FriendlyName={second}", "Connection: close"))
                answers = [answer for answer in wire.rest() if answer.status != 100]
                self.assertEqual([answer.status for answer in answers], [201, 201], answers)
                self.assertEqual([answer.json["friendly_name"] for answer in answers], [made, second])

    def test_the_body_of_an_unknown_path_is_not_a_request(self):
        wire = self.wire()
        inner = post("/v1/Workspaces", "FriendlyName=inner")
        wire.send(post("/v1/Nothing", inner) + post("/health", inner) + get("/v1/Workspaces", "Connection: close"))
        answers = wire.rest()
        self.assertEqual([answer.status for answer in answers][0], 404)
        self.assertEqual(answers[-1].status, 200)
        self.assertNotIn("inner", self.names())

    def test_a_body_on_a_get_is_dropped_and_not_taken_for_a_request(self):
        wire = self.wire()
        inner = post("/v1/Workspaces", "FriendlyName=within")
        wire.send(get("/v1/Workspaces", f"Content-Length: {len(inner)}") + inner + get("/health", "Connection: close"))
        self.assertEqual([answer.status for answer in wire.rest()], [200, 200])
        self.assertNotIn("within", self.names())

    def test_an_absolute_target_is_a_path_and_its_host_never_leads_elsewhere(self):
        wire = self.wire()
        wire.send(f"GET http://169.254.169.254/v1/Workspaces HTTP/1.1\r\nHost: work.example.com\r\n{AUTHORIZATION}\r\nConnection: close\r\n\r\n")
        answers = wire.rest()
        self.assertEqual(answers[0].status, 200)
        self.assertIn("http://work.example.com/v1/", answers[0].json["meta"]["url"])


if __name__ == "__main__":
    unittest.main()
