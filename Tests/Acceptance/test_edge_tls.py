"""The server over TLS: handshakes as they should be and as they should not, the same API behind them, certificates that are replaced while it serves."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from edge import Wire, begin, get, post
from support import BINARY, HOME, PATIENCE, SID, TOKEN, Events, Server, Space, free_port, until

SPACES = "/v1/Workspaces"


class Certificate:
    """Self-signed, for localhost and 127.0.0.1."""

    def __init__(self, folder, name, days=90, key_options=("-nodes",)):
        self.file, self.key = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *key_options, "-days", str(days), "-subj", f"/CN={name}",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", self.file], check=True, capture_output=True, timeout=PATIENCE)

    @property
    def der(self):
        with open(self.file) as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    @property
    def options(self):
        return ["--tls-cert", self.file, "--tls-key", self.key]


class TLSServer(Server):
    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"


@unittest.skipIf(HOME != "embedded", "the edge is the same on both homes")
class TLSTest(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="trunkline-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.certificate = Certificate(cls.folder, "first")
        # For every client in this process.
        os.environ["REQUESTS_CA_BUNDLE"] = cls.certificate.file
        cls.server = TLSServer(*cls.certificate.options, *cls.options)
        cls.addClassCleanup(cls.server.close)
        cls.server.start()

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=(certificate or self.certificate).file)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def wire(self, context=None, server=None):
        wrap = lambda plain: (context or self.context()).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        wire = Wire(server or self.server, wrap=wrap)
        self.addCleanup(wire.close)
        return wire

    def plain(self):
        wire = Wire(self.server)
        self.addCleanup(wire.close)
        return wire


class Handshakes(TLSTest):
    options = ("--header-timeout", "2")

    def test_both_versions_and_the_protocol(self):
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            context = self.context()
            context.minimum_version = context.maximum_version = version
            with self.subTest(version.name):
                wire = self.wire(context)
                self.assertEqual(wire.socket.selected_alpn_protocol(), "http/1.1")
                self.assertEqual(wire.socket.version(), "TLSv1.2" if version == ssl.TLSVersion.TLSv1_2 else "TLSv1.3")
                wire.send(get(SPACES, "Connection: close"))
                # It ends as TLS says, so that nobody can cut an answer unnoticed.
                self.assertEqual([answer.status for answer in wire.rest()], [200])

    def test_a_client_that_asks_for_no_protocol_is_served_and_one_that_asks_for_others_is_not(self):
        none = ssl.create_default_context(cafile=self.certificate.file)
        wire = self.wire(none)
        wire.send(get("/health"))
        self.assertEqual(wire.answer().status, 200)
        both = self.context()
        both.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.wire(both).socket.selected_alpn_protocol(), "http/1.1")
        others = self.context()
        others.set_alpn_protocols(["h2", "spdy/3"])
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.wire(others)

    def openssl(self, *arguments):
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-CAfile", self.certificate.file, *arguments],
            input="", capture_output=True, text=True, timeout=PATIENCE)

    def test_old_versions_and_weak_ciphers_are_refused(self):
        good = self.openssl("-tls1_2")
        self.assertIn("Verify return code: 0 (ok)", good.stdout)
        self.assertIn("ECDHE", good.stdout)
        for arguments in [["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES256-SHA:@SECLEVEL=0"]]:
            with self.subTest(arguments):
                refused = self.openssl(*arguments)
                self.assertIn("alert", refused.stderr, refused.stdout)
                self.assertIn("Cipher is (NONE)", refused.stdout)

    def test_http_in_the_clear_is_told_so_and_closed(self):
        wire = self.plain()
        wire.send(post(SPACES, "FriendlyName=clear"))
        answers = wire.rest()
        self.assertEqual([answer.status for answer in answers], [400])
        self.assertIn("https", answers[0].json["message"])
        self.assertNotIn("clear", self.server.get(SPACES).text)

    def test_bytes_that_are_no_handshake_are_closed(self):
        for data in [b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"\x00" * 200, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x00\x02" + b"\x00" * 60]:
            with self.subTest(data[:5]):
                wire = self.plain()
                wire.send(data)
                wire.end()
                while wire._more():
                    pass
                # At most an alert, which is a record of type 21.
                self.assertTrue(wire.buffer == b"" or wire.buffer[0] == 21, wire.buffer)

    def test_a_client_that_stops_in_the_handshake_is_cut(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for part in [b"", hello[:1], hello[:60], hello]:
            with self.subTest(len(part)):
                wire = self.plain()
                wire.send(part)
                while wire._more():
                    pass

    def test_a_handshake_in_single_bytes_is_one_too(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        wire = self.plain()

        def step(work):
            while True:
                try:
                    return work()
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        wire.send(bytes([byte]))
                    self.assertTrue(wire._more(), "the connection ended")
                    incoming.write(wire.buffer)
                    wire.buffer = b""

        step(client.do_handshake)
        client.write(get("/health", "Connection: close").encode())
        self.assertIn(b"200 OK", step(lambda: client.read(65536)))

    def test_a_handshake_that_drips_is_cut_as_a_whole(self):
        wire = self.plain()
        wire.socket.settimeout(0.1)
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400):
            if not wire.send(bytes([byte])):
                break
            try:
                if not wire._more():
                    break
            except TimeoutError:
                continue
        self.assertTrue(wire.is_over, "cut before it was over")

    def test_the_server_goes_on_meanwhile(self):
        silent = [self.plain() for _ in range(50)]
        wire = self.wire()
        wire.send(get("/ready"))
        self.assertEqual(wire.answer().status, 200)
        for each in silent:
            while each._more():
                pass


class Crowd(TLSTest):
    options = ("--max-connections", "5")

    def test_beyond_the_limit_nobody_costs_a_handshake(self):
        within = [self.wire() for _ in range(5)]
        for _ in range(10):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.wire()
        for wire in within:
            wire.send(get("/health"))
            self.assertEqual(wire.answer().status, 200)
            wire.close()
        until(lambda: self.room(), "there is room again")

    def room(self):
        try:
            wire = self.wire()
        except (ssl.SSLError, ConnectionError):
            return False
        wire.send(get("/health"))
        return wire.answer() is not None


class TheSameAPI(TLSTest):
    def test_the_sdk_works_and_urls_are_https(self):
        space = Space(self.server)
        worker = space.worker("alice")
        task = space.task({"n": 1})
        offer = space.offer(worker.sid)
        space.accept(offer)
        space.finish(task.sid)
        self.assertEqual(space.status(task.sid), "completed")
        answer = self.server.get(space.path)
        self.assertTrue(answer.json()["url"].startswith(f"https://127.0.0.1:{self.server.port}/v1/"), answer.text)

    def test_live_events_arrive(self):
        space = Space(self.server)
        events = Events(self.server, space.sid, beginning=True)
        self.addCleanup(events.response.close)
        sids = {space.task({"n": number}).sid for number in range(20)}
        events.wait_for("task.created", count=20)
        self.assertEqual({event["data"]["payload"]["task_sid"] for event in events.events if event["type"].endswith(".task.created")}, sids)
        self.assertEqual(events.sequences(), list(range(1, len(events.events) + 1)))

    def test_large_bodies_both_ways(self):
        space = Space(self.server)
        lines = "".join(json.dumps({"attributes": {"n": number, "pad": "p" * 500}}) + "\n" for number in range(1000))
        answer = self.server.post(f"{space.path}/Tasks/Bulk?WorkflowSid={space.workflow.sid}&ImportId=large", data=lines, headers={"Content-Type": "application/x-ndjson"})
        self.assertEqual(answer.json()["accepted"], 1000, answer.text)
        tasks = until(lambda: (lambda found: found if len(found) == 1000 else None)(self.server.get(f"{space.path}/Tasks?PageSize=1000").json()["tasks"]), "all are there")
        self.assertEqual(sorted(json.loads(task["attributes"])["n"] for task in tasks), list(range(1000)))

    def test_pipelined_requests_and_refusals_are_as_in_the_clear(self):
        wire = self.wire()
        wire.send("".join(get(f"{SPACES}/WS{number:032x}") for number in range(100)))
        self.assertEqual([wire.answer().status for _ in range(100)], [404] * 100)
        wire.send(begin("Content-Length: 3", "Transfer-Encoding: chunked") + "\r\n\r\n0\r\n\r\n" + post(SPACES, "FriendlyName=smuggled"))
        self.assertEqual([answer.status for answer in wire.rest()], [400])
        self.assertNotIn("smuggled", self.server.get(SPACES).text)

    def test_bytes_that_were_changed_on_the_way_end_the_connection(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        wire = self.plain()
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                wire.send(outgoing.read())
                self.assertTrue(wire._more())
                incoming.write(wire.buffer)
                wire.buffer = b""
        client.write(post(SPACES, "FriendlyName=forged").encode())
        record = bytearray(outgoing.read())
        record[-1] ^= 1
        wire.send(bytes(record))
        while wire._more():
            pass
        self.assertNotIn("forged", self.server.get(SPACES).text)

    def test_an_answer_that_is_not_taken_holds_nothing_up(self):
        space = Space(self.server)
        for number in range(40):
            space.worker(f"worker {number}", pad="x" * 3000)
        greedy = self.wire()
        greedy.socket.settimeout(0.5)
        request = get(f"{space.path}/Workers?PageSize=1000").encode()
        try:
            for _ in range(100):
                greedy.socket.sendall(request * 50)
        except (TimeoutError, ssl.SSLError, ConnectionError):
            pass
        wire = self.wire()
        wire.send(get("/ready"))
        self.assertEqual(wire.answer().status, 200)

    def test_a_client_that_goes_away_without_a_word_harms_nobody(self):
        for number in range(30):
            wire = self.wire()
            wire.send(post(SPACES, "FriendlyName=gone")[:-3])
            # Its side of TCP ends in the middle of TLS.
            wire.socket.shutdown(socket.SHUT_RDWR)
            wire.close()
        self.assertEqual(self.server.get("/ready", auth=None).status_code, 200)
        self.assertNotIn("gone", self.server.get(SPACES).text)

    def test_the_end_of_the_certificate_is_a_metric(self):
        found = re.search(r"(?m)^trunkline_tls_certificate_expiry_timestamp_seconds ([0-9.e+]+)$", self.server.get("/metrics", auth=None).text)
        self.assertGreater(float(found[1]), time.time())

    def test_the_commands_find_it_and_believe_whom_they_are_told(self):
        space = Space(self.server)
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
        listed = [BINARY, "account", "list", "--data-dir", self.server.folder]
        self.assertNotEqual(subprocess.run(listed, capture_output=True, text=True, timeout=PATIENCE, env=env).returncode, 0)
        done = subprocess.run([*listed, "--ca", self.certificate.file], capture_output=True, text=True, timeout=PATIENCE, env=env)
        self.assertIn(SID, done.stdout, done.stderr)
        path = os.path.join(self.folder, "lines.ndjson")
        with open(path, "w") as file:
            file.write('{"attributes": {}}\n' * 10)
        done = subprocess.run(
            [BINARY, "ingest", path, "--url", f"https://localhost:{self.server.port}", "--ca", self.certificate.file, "--account-sid", SID, "--auth-token", TOKEN,
             "--workspace", space.sid, "--workflow", space.workflow.sid], capture_output=True, text=True, timeout=PATIENCE, env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(space.api.tasks.list()), 10)


class Replacing(TLSTest):
    def served(self, certificate):
        """The certificate that a new connection gets; verified against `certificate`."""
        return self.wire(self.context(certificate)).socket.getpeercert(binary_form=True)

    def install(self, certificate):
        shutil.copy(certificate.file, self.certificate.file)
        shutil.copy(certificate.key, self.certificate.key)

    def test_a_new_certificate_is_taken_and_a_bad_one_is_not(self):
        first, second = Certificate(self.folder, "kept"), Certificate(self.folder, "second", days=3)
        self.install(first)
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: self.server.log_text().count("certificate was read again") == 1, "it is taken")
        # Given a connection from before
        old = self.wire(self.context(first))
        # When another certificate is there
        self.install(second)
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: self.server.log_text().count("certificate was read again") == 2, "it is taken")
        # Then new connections get it, and the old one goes on
        self.assertEqual(self.served(second), second.der)
        self.assertIn("must be renewed", self.server.log_text(), "three days are few")
        old.send(get("/health"))
        self.assertEqual(old.answer().status, 200)
        # When the key is that of another, or a file is none
        for damage in [lambda: shutil.copy(first.key, self.certificate.key), lambda: open(self.certificate.file, "w").write("no certificate")]:
            before = self.server.log_text().count("stays as it was")
            damage()
            self.server.process.send_signal(signal.SIGHUP)
            until(lambda: self.server.log_text().count("stays as it was") > before, "it is told")
            # Then the one before stays
            self.assertEqual(self.served(second), second.der)
        told = [line for line in self.server.log_text().splitlines() if "stays as it was" in line]
        self.assertIn(self.certificate.key, told[0])
        self.assertIn(self.certificate.file, told[1])


@unittest.skipIf(HOME != "embedded", "the edge is the same on both homes")
class BadStarts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="trunkline-tls-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def run_command(self, command, *options):
        return subprocess.run(
            [BINARY, command, "--data-dir", os.path.join(self.folder, "data"), "--http", f"127.0.0.1:{free_port()}", *options],
            capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)

    def test_a_start_with_wrong_files_names_file_and_reason(self):
        one, two = Certificate(self.folder, "one"), Certificate(self.folder, "two")
        locked = Certificate(self.folder, "locked", key_options=("-passout", "pass:secret"))
        empty = os.path.join(self.folder, "empty.pem")
        open(empty, "w").close()
        table = [
            (["--tls-cert", one.file, "--tls-key", two.key], [two.key, one.file, "mismatch"]), (["--tls-cert", one.file, "--tls-key", "/nowhere/key.pem"], ["/nowhere/key.pem", "No such file"]),
            (["--tls-cert", "/nowhere/cert.pem", "--tls-key", one.key], ["/nowhere/cert.pem", "No such file"]), (["--tls-cert", empty, "--tls-key", one.key], [empty]),
            (["--tls-cert", one.key, "--tls-key", one.key], [one.key]), (locked.options, [locked.key]), (["--tls-cert", one.file], ["go together"])]
        for options, words in table:
            with self.subTest(options):
                done = self.run_command("serve", *options)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)
        self.assertNotIn("secret", done.stderr)

    def test_the_doctor_tells_how_long_the_certificate_is_valid(self):
        long, short = Certificate(self.folder, "long", days=80), Certificate(self.folder, "short", days=1)
        self.assertRegex(self.run_command("doctor", *long.options).stdout, r"ok +certificate: .*long\.pem is valid for (79|80) days")
        self.assertRegex(self.run_command("doctor", *short.options).stdout, r"note certificate: .*short\.pem is valid for 2[34] hours\n.*SIGHUP")


if __name__ == "__main__":
    unittest.main()
