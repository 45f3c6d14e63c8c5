"""Starts, stops and what stands in the way of a start."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import unittest

import requests

from support import BINARY, PATIENCE, SID, TOKEN, AcceptanceTest, Events, Server, Space, embedded_only, free_port, in_parallel, until


class Restarts(unittest.TestCase):
    def server(self, *options, **arguments):
        server = Server(*options, **arguments)
        self.addCleanup(server.close)
        return server

    def test_twelve_idle_restarts_reject_and_lose_nothing(self):
        server = self.server().start()
        space = Space(server)
        worker = space.worker("w")
        held = space.task({"held": True})
        offer = space.offer(worker.sid)
        waiting = [space.task({"n": number}).sid for number in range(5)]
        before = [task.sid for task in space.api.tasks.list()]
        sequences = []
        for _ in range(12):
            self.assertEqual(server.terminate(), 0)
            server.start()
            self.assertEqual([task.sid for task in space.api.tasks.list()], before)
            self.assertEqual(space.status(held.sid), "reserved")
            self.assertEqual(space.offers(worker.sid)[0].sid, offer.sid)
            rejects = [line for line in server.get("/metrics", auth=None).text.splitlines() if line.startswith("trunkline") and "reject" in line]
            self.assertTrue(all(float(line.rsplit(" ", 1)[1]) == 0 for line in rejects), rejects)
        self.assertNotRegex(server.log_text().lower(), "reject|poison|corrupt|ended the process")
        events = Events(server, space.sid, beginning=True)
        self.addCleanup(events.close)
        events.wait_for("task-queue.entered", 6)
        sequences = events.sequences()
        self.assertEqual(sequences, list(range(1, len(sequences) + 1)))
        self.assertNotIn("reservation.timeout", events.kinds())
        space.accept(offer)
        space.finish(held.sid)
        self.assertEqual(space.offer(worker.sid).task_sid, waiting[0])

    @embedded_only
    def test_the_dev_clock_runs_faster_also_after_a_restart_that_found_much_overdue(self):
        server = self.server().start()
        space = Space(server)
        for number in range(50):
            space.task({"n": number}, timeout=3600)
        for _ in range(2):
            answer = server.post("/dev/clock", json={"rate": 10_000}, timeout=PATIENCE)
            self.assertEqual(answer.status_code, 200, answer.text)
            server.restart()
        server.post("/dev/clock", json={"rate": 10_000}, timeout=PATIENCE).raise_for_status()
        until(lambda: not space.api.tasks.list(), "all have ended and are purged")

    def test_sigterm_lets_a_balancer_hear_of_it_before_anybody_is_refused(self):
        server = self.server("--shutdown-delay", "3600").start()
        space = Space(server)
        session = server.session()
        self.assertEqual(session.get(f"{server.url}/v1/Workspaces").headers.get("Connection"), None)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: requests.get(server.url + "/ready", timeout=PATIENCE).status_code == 503, "the probe is told")
        self.assertEqual(requests.get(server.url + "/ready", timeout=PATIENCE).json()["not_ready"], ["stopping"])
        for _ in range(3):
            made = session.post(
                f"{server.url}/v1/Workspaces/{space.sid}/Tasks", data={"WorkflowSid": space.workflow.sid, "Attributes": "{}"}, timeout=PATIENCE)
            self.assertEqual(made.status_code, 201, made.text)
            self.assertEqual(made.headers["Connection"], "close", "the next request goes to whom the balancer chooses")
        self.assertEqual(server.terminate(), 0, "asked again, it does not wait")
        with self.assertRaises(requests.ConnectionError):
            requests.get(server.url + "/ready", timeout=PATIENCE)

    def test_sigterm_finishes_what_runs_and_exits_0_within_the_grace_time(self):
        server = self.server("--grace", "10").start()
        space = Space(server)
        stop = threading.Event()
        answered, broken = [], []

        def client(_):
            session = server.session()
            while not stop.is_set():
                try:
                    answer = session.post(f"{server.url}{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"}, timeout=30)
                except requests.ConnectionError as failure:
                    broken.append(failure)
                    return
                if answer.status_code == 503:
                    return
                self.assertEqual(answer.status_code, 201, answer.text)
                answered.append(answer.json()["sid"])

        stream = Events(server, space.sid)
        threads = [threading.Thread(target=client, args=(index,), daemon=True) for index in range(6)]
        for thread in threads:
            thread.start()
        until(lambda: len(answered) >= 60, "requests run")
        self.assertEqual(server.terminate(), 0, server.log_tail())
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        with stream.changed:
            self.assertTrue(stream.changed.wait_for(lambda: stream.ended, PATIENCE))
        server.start()
        there = {task.sid for task in space.api.tasks.list(page_size=1000)}
        self.assertLessEqual(set(answered), there)
        # Whoever got no answer was at most one request of each client.
        self.assertLessEqual(len(there) - len(answered), len(threads))

    def test_sigint_is_the_same(self):
        server = self.server().start()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_a_silent_connection_does_not_hold_up_the_end(self):
        server = self.server("--grace", "1").start()
        idle = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(idle.close)
        half = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(half.close)
        half.sendall(b"POST /v1/Workspaces HTTP/1.1\r\nHost: x\r\nContent-Le")
        self.assertEqual(server.terminate(), 0)

    def test_a_second_process_on_the_folder_says_who_has_it(self):
        server = self.server().start()
        second = self.server(folder=server.folder)
        second.spawn()
        self.assertNotEqual(second.process.wait(PATIENCE), 0)
        text = second.log_text()
        self.assertIn(str(server.process.pid), text)
        self.assertIn(server.folder, text)
        self.assertEqual(server.get("/ready", auth=None).status_code, 200)
        # After a kill the folder is free at once.
        server.kill()
        second.start()
        self.assertEqual(second.get("/v1/Workspaces").status_code, 200)

    def test_a_port_in_use_is_a_clear_error(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            server = self.server()
            server.port = holder.getsockname()[1]
            server.spawn()
            self.assertNotEqual(server.process.wait(PATIENCE), 0)
            self.assertIn(str(server.port), server.log_text())
            self.assertIn("in use", server.log_text())
        server.start()

    @embedded_only
    def test_a_server_that_cannot_listen_ends_cleanly(self):
        # Given an address that is taken, and one that is none
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            for address in [f"127.0.0.1:{holder.getsockname()[1]}", "nobody:8080"]:
                for _ in range(5):
                    with self.subTest(address), tempfile.TemporaryDirectory() as folder:
                        # When a server is started on a fresh folder
                        done = subprocess.run([BINARY, "serve", "--data-dir", folder, "--http", address], capture_output=True, text=True, timeout=PATIENCE)
                        # Then it says so in one line, and has closed its log
                        self.assertEqual(done.returncode, 1, done.stderr)
                        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                        self.assertEqual([name for name in os.listdir(folder) if name.endswith(("-wal", "-shm"))], [])

    def test_bad_options_are_named(self):
        table = [(["--rate-limit", "many"], "rate-limit"), (["--http", "nonsense:99999"], "http"), (["--unknown"], "unknown"), (["--http", "0.0.0.0:8080", "--dev-clock"], "loopback"),
                 (["--public-url", "nowhere"], "public-url"),
                 (["--public-url", "https://user:secret@host"], "without user"), (["--public-url", "https://a:0"], "public-url"), (["--public-url", "https://a/.."], "public-url"),
                 (["--max-body"], "max-body")]
        for options, word in table:
            with self.subTest(options), tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([BINARY, "serve", "--data-dir", folder, *options], capture_output=True, text=True, timeout=PATIENCE)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr + done.stdout)
        done = subprocess.run([BINARY, "serve", "--data-dir", "/proc/nowhere"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/proc/nowhere", done.stderr + done.stdout)

    def test_the_first_start_makes_an_account_and_keeps_it(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        data = os.path.join(folder.name, "data")
        server = Server(folder=data)
        self.addCleanup(server.close)
        port = server.port
        log = open(server.log, "ab")
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
        server.process = subprocess.Popen([BINARY, "serve", "--data-dir", data, "--http", f"127.0.0.1:{port}"], stdout=log, stderr=log, env=env)
        log.close()
        server.wait_ready()
        kept = os.path.join(data, "account")
        until(lambda: os.path.exists(kept), "the account is kept")
        self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
        text = open(kept).read()

        sid = re.search("AC[0-9a-f]{32}", text)[0]
        token = re.search("[0-9a-f]{32}", text.replace(sid, ""))[0]
        self.assertIn(sid, server.log_text())
        self.assertIn(token, server.log_text())
        self.assertEqual(server.get("/v1/Workspaces", auth=(sid, token)).status_code, 200)
        self.assertEqual(server.terminate(), 0)

    def test_time_never_goes_back_over_a_restart(self):
        server = self.server().start()
        space = Space(server)
        task = space.task(timeout=100_000)
        now = server.advance(86_000)["now"]
        server.kill()
        server.start()
        self.assertGreaterEqual(server.advance(0)["now"], now)
        self.assertGreaterEqual(space.api.tasks(task.sid).fetch().age, 86_000)
        self.assertEqual(server.terminate(), 0)
        server.start()
        server.advance(14_100)
        self.assertEqual(space.status(task.sid), "canceled")

    def test_time_stays_ahead_without_the_dev_clock(self):
        # Given a folder whose time a dev clock has moved by a day
        server = self.server().start()
        space = Space(server)
        task = space.task(timeout=100_000)
        server.advance(86_400)
        self.assertEqual(server.terminate(), 0)
        # When it is served without, also again and again
        server.options.remove("--dev-clock")
        for _ in range(2):
            server.start()
            # Then its time has not gone back, nobody can move it, and the log says so
            self.assertGreaterEqual(space.api.tasks(task.sid).fetch().age, 86_400)
            self.assertEqual(server.post("/dev/clock", json={"advance": 1}).status_code, 404)
            self.assertIn("ahead of the real one", server.log_text())
            self.assertEqual(server.terminate(), 0)

    def test_time_outs_that_passed_while_it_was_down_are_made_up_for(self):
        server = self.server().start()
        space = Space(server, reservation_timeout=30)
        first, second = space.worker("first"), None
        task = space.task()
        space.offer(first.sid)
        second = space.worker("second")
        server.kill()
        server.start()
        server.advance(31)
        self.assertEqual(space.offer(second.sid).task_sid, task.sid)

    def test_print_config_hides_secrets(self):
        env = {**os.environ, "TRUNKLINE_ACCOUNT_SID": SID, "TRUNKLINE_AUTH_TOKEN": TOKEN, "TRUNKLINE_RATE_LIMIT": "7"}
        done = subprocess.run([BINARY, "serve", "--print-config"], capture_output=True, text=True, timeout=PATIENCE, env=env)
        self.assertEqual(done.returncode, 0)
        self.assertIn("7", done.stdout)
        self.assertNotIn(TOKEN, done.stdout)


if __name__ == "__main__":
    unittest.main()
