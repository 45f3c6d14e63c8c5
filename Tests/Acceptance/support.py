"""What the acceptance tests stand on: a server to start and kill, a client, a reader of live events, a stub that plays a customer's server.

Everything talks to the product from outside: its command line, its HTTP interfaces, its exit status. Nothing waits for a time to pass; it waits for a condition, up to a
deadline that only a broken product reaches.
"""

import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import requests
import twilio
from ports import BROKER_PORTS, free_port
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

BINARY = os.environ.get("TRUNKLINE", ".build/debug/trunkline")
SID = "AC" + "a" * 32
TOKEN = "b" * 32
#: Where the tests run: `embedded`, or `cluster` on the broker and the Redis that these name.
HOME = os.environ.get("ACCEPTANCE_HOME", "embedded")
KAFKA = os.environ.get("TRUNKLINE_TEST_KAFKA", "127.0.0.1:9092")
REDIS = os.environ.get("TRUNKLINE_TEST_REDIS", "redis://127.0.0.1:6379")
#: Seconds until a condition counts as never coming. Long, because the machine may be busy; reached only by a failure.
PATIENCE = float(os.environ.get("ACCEPTANCE_PATIENCE", "45"))


def until(condition, what="the condition", patience=PATIENCE):
    """The first true value of `condition()`; a failure naming `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    pause = threading.Event()
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience:g} s; last: {found!r}")
        pause.wait(0.02)


def in_parallel(count, work):
    """Runs `work(index)` in as many threads; the results in order, or the first failure."""
    results, failures = [None] * count, []

    def run(index):
        try:
            results[index] = work(index)
        except BaseException as failure:  # the test's thread tells
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 4)
        if thread.is_alive():
            raise AssertionError("a client thread does not end")
    if failures:
        raise failures[0]
    return results


def embedded_only(thing):
    """What only the embedded home has: its one file, its clock."""
    return unittest.skipIf(HOME != "embedded", "only the embedded home has this")(thing)


class Server:
    """One server on a folder of its own; on the cluster home, on topics and keys of its own."""

    def __init__(self, *options, dev_clock=True, private_targets=True, folder=None, environment=None):
        self.options = list(options)
        if dev_clock and HOME == "embedded":
            self.options.append("--dev-clock")
        if private_targets:
            self.options.append("--allow-private-targets")
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="trunkline-acceptance-")
        self.port = free_port()
        self.environment = environment or {}
        self.has_topics = False
        self.process = None
        self.log = os.path.join(tempfile.gettempdir(), f"trunkline-acceptance-{uuid.uuid4().hex}.log")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def prefix(self):
        return "at-" + re.sub(r"[^A-Za-z0-9]", "-", os.path.basename(self.folder.rstrip("/"))) + "."

    def cluster_options(self):
        """Makes the topics at the first start."""
        if HOME == "embedded":
            return []
        if not self.has_topics:
            made = subprocess.run(
                [BINARY, "topics", "apply", "--kafka", KAFKA, "--topic-prefix", self.prefix, "--development", "--partitions", "2"],
                capture_output=True, text=True, timeout=PATIENCE * 2)
            assert made.returncode == 0, made.stdout + made.stderr
            self.has_topics = True
        return ["--kafka", KAFKA, "--redis", REDIS, "--topic-prefix", self.prefix, "--node", "only"]

    def spawn(self):
        cluster = self.cluster_options()
        if cluster and "--shutdown-delay" not in self.options:
            # Most tests have no balancer that has to hear of a stop.
            cluster += ["--shutdown-delay", "0"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
        env.update(TRUNKLINE_ACCOUNT_SID=SID, TRUNKLINE_AUTH_TOKEN=TOKEN)
        env.update(self.environment)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data-dir", self.folder, "--http", f"127.0.0.1:{self.port}", *cluster, *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        return self

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self):
        last = ""

        def ready():
            nonlocal last
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                answer = requests.get(self.url + "/ready", timeout=10)
                last = answer.text
                return answer.status_code == 200
            except requests.RequestException as failure:
                last = str(failure)
                return False

        try:
            until(ready, "the server is ready")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{last}\n{self.log_tail()}") from None

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def log_tail(self):
        return "\n".join(self.log_text().splitlines()[-15:])

    def kill(self):
        """As the power switch does."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def restart(self):
        if self.process.poll() is None:
            self.terminate()
        return self.start()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.log):
            os.unlink(self.log)

    # Requests

    def client(self, sid=SID, token=TOKEN):
        client = Client(sid, token)
        # The distribution's older client does not look into the environment for whom to believe.
        client.http_client.session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        client.taskrouter.base_url = self.url
        client.api.base_url = self.url
        return client

    def session(self, sid=SID, token=TOKEN):
        session = requests.Session()
        session.auth = (sid, token)
        return session

    def request(self, method, path, auth=(SID, TOKEN), timeout=60, **arguments):
        target = path if path.startswith("http") else self.url + path
        return requests.request(method, target, auth=auth, timeout=timeout, **arguments)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, data=None, **arguments):
        return self.request("POST", path, data=data, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def advance(self, seconds):
        """Moves the product's time; returns when all that is due by then has happened."""
        if HOME != "embedded":
            raise unittest.SkipTest("the time of a cluster is its log's")
        answer = self.post("/dev/clock", json={"advance": seconds}, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Events:
    """A reader of live events: a thread that collects, and waits on what it has collected."""

    def __init__(self, server, workspace, beginning=False, last_id=None, worker=None, auth=(SID, TOKEN)):
        self.events, self.ids, self.ended = [], [], False
        self.changed = threading.Condition()
        parameters = {}
        if beginning:
            parameters["from"] = "beginning"
        if worker:
            parameters["WorkerSid"] = worker
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.response = requests.get(
            f"{server.url}/v1/Workspaces/{workspace}/Events/Stream", params=parameters, headers=headers, auth=auth, stream=True, timeout=(20, 120))
        assert self.response.status_code == 200, self.response.text
        self.named = []
        self.connected = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        with self.changed:
            if not self.changed.wait_for(lambda: self.connected or self.ended, PATIENCE):
                raise AssertionError("the stream does not begin")

    def _read(self):
        identifier, name, data = None, None, []
        try:
            for raw in self.response.iter_lines(chunk_size=None):
                line = raw.decode("utf-8")
                if line.startswith(":"):
                    with self.changed:
                        self.connected = True
                        self.changed.notify_all()
                elif line.startswith("id:"):
                    identifier = line[3:].strip()
                elif line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].lstrip())
                elif not line and data:
                    with self.changed:
                        if name:
                            self.named.append((name, json.loads("\n".join(data))))
                        else:
                            self.events.append(json.loads("\n".join(data)))
                            self.ids.append(identifier)
                        self.changed.notify_all()
                    name, data = None, []
        except Exception:  # the server went away, or the test closed the stream
            pass
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def wait(self, condition, what="the events", patience=PATIENCE):
        """Until `condition(events)` holds; its value."""
        deadline = time.monotonic() + patience
        while True:
            began = time.monotonic()
            with self.changed:
                events, ended = list(self.events), self.ended
            found = condition(events)
            if found:
                return found
            now = time.monotonic()
            if ended or now > deadline:
                why = "the stream ended" if ended else f"not within {patience:g} s"
                raise AssertionError(f"{what}: {why}; {len(events)} seen, the last: {[kind(event) for event in events[-12:]]}")
            with self.changed:
                self.changed.wait_for(lambda: len(self.events) > len(events) or self.ended, deadline - now)
            # Looking through a long list again for every event would cost more than the events.
            threading.Event().wait(min(0.2, 5 * (now - began)))

    def wait_for(self, event_type, count=1, where=lambda payload: True):
        """The `count`-th event of that type whose payload fits."""

        def find(events):
            found = [event for event in events if kind(event) == event_type and where(event["data"]["payload"])]
            return found[count - 1] if len(found) >= count else None

        return self.wait(find, f"{count} × {event_type}")

    def kinds(self):
        with self.changed:
            return [kind(event) for event in self.events]

    def sequences(self):
        with self.changed:
            return [event["data"]["sequence"] for event in self.events]

    def close(self):
        """Shuts the connection under the reading thread."""
        try:
            self.response.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError):
            pass
        self.thread.join(PATIENCE)
        self.response.close()


def kind(event):
    """The dotted type without its prefix."""
    return event["type"].removeprefix("com.twilio.taskrouter.")


class Received:
    """A request as the stub got it."""

    def __init__(self, handler, body):
        self.time = time.monotonic()
        self.method = handler.command
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body
        self.form = {name: values[0] for name, values in parse_qs(body.decode("utf-8"), keep_blank_values=True).items()}


#: What a stub returns to close the connection without a word.
CLOSE = "close"


class Stub:
    """A customer's server: records what arrives and answers as told.

    `answer(request)` returns (status, headers, body), None to hang until the stub is closed, or CLOSE.
    """

    def __init__(self, answer=None, port=0):
        self.received = []
        self.answer = answer or (lambda request: (200, {"Content-Type": "application/json"}, b"{}"))
        self.changed = threading.Condition()
        self.closing = threading.Event()
        self.connections = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                stub.connections.append(self.connection)

            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # cut off in the middle: no request
                    self.close_connection = True
                    return
                request = Received(self, body)
                with stub.changed:
                    stub.received.append(request)
                    stub.changed.notify_all()
                reply = stub.answer(request)
                if reply is None:
                    stub.closing.wait(PATIENCE * 4)
                    self.close_connection = True
                    return
                if reply == CLOSE:
                    self.close_connection = True
                    return
                status, headers, content = reply
                content = content.encode() if isinstance(content, str) else content
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self.http = Quiet(("127.0.0.1", port), Handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait(self, condition, what="requests at the stub", patience=PATIENCE):
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.received), patience):
                raise AssertionError(f"{what}: not within {patience:g} s; got {[(r.path, r.form.get('EventType')) for r in self.received][-10:]}")
            return condition(self.received)

    def wait_count(self, count):
        self.wait(lambda received: len(received) >= count, f"{count} requests at the stub")
        return self.received

    def close(self):
        """Gone altogether: kept connections end too."""
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def instruct(**document):
    """A reply of the assignment callback."""
    return (200, {"Content-Type": "application/json"}, json.dumps(document))


class Space:
    """A workspace with the usual furniture: one queue for everybody, one workflow into it, activities by name."""

    def __init__(self, server, client=None, queue="1==1", reservation_timeout=None, callback=None, fallback=None, configuration=None, **workspace):
        self.server = server
        self.client = client or server.client()
        created = self.client.taskrouter.v1.workspaces.create(friendly_name=f"space {uuid.uuid4().hex[:12]}", **workspace)
        self.sid = created.sid
        self.api = self.client.taskrouter.v1.workspaces(self.sid)
        self.activities = {activity.friendly_name: activity.sid for activity in self.api.activities.list()}
        self.available = self.activities["Available"]
        self.offline = self.activities["Offline"]
        self.unavailable = self.activities["Unavailable"]
        self.queue = self.api.task_queues.create(friendly_name="everybody", target_workers=queue)
        arguments = {}
        if reservation_timeout:
            arguments["task_reservation_timeout"] = reservation_timeout
        if callback:
            arguments["assignment_callback_url"] = callback
        if fallback:
            arguments["fallback_assignment_callback_url"] = fallback
        self.workflow = self.api.workflows.create(
            friendly_name="main", configuration=json.dumps(configuration(self) if configuration else default_to(self.queue.sid)), **arguments)

    @property
    def path(self):
        return f"/v1/Workspaces/{self.sid}"

    def worker(self, name, available=True, **attributes):
        return self.api.workers.create(
            friendly_name=name, activity_sid=self.available if available else self.offline, attributes=json.dumps(attributes))

    def set_available(self, worker_sid, available=True):
        return self.api.workers(worker_sid).update(activity_sid=self.available if available else self.offline)

    def capacity(self, worker_sid, count, channel="default"):
        return self.api.workers(worker_sid).worker_channels(channel).update(capacity=count)

    def task(self, attributes=None, **arguments):
        arguments.setdefault("workflow_sid", self.workflow.sid)
        return self.api.tasks.create(attributes=json.dumps(attributes or {}), **arguments)

    def offers(self, worker_sid, status="pending"):
        return self.api.workers(worker_sid).reservations.list(reservation_status=status)

    def offer(self, worker_sid):
        """The one pending offer of a worker, once there is one."""
        found = until(lambda: self.offers(worker_sid), f"an offer to {worker_sid}")
        assert len(found) == 1, found
        return found[0]

    def accept(self, reservation):
        return self.api.workers(reservation.worker_sid).reservations(reservation.sid).update(reservation_status="accepted")

    def reject(self, reservation, **arguments):
        return self.api.workers(reservation.worker_sid).reservations(reservation.sid).update(reservation_status="rejected", **arguments)

    def finish(self, task_sid):
        return self.api.tasks(task_sid).update(assignment_status="completed", reason="done")

    def status(self, task_sid):
        return self.api.tasks(task_sid).fetch().assignment_status

    def events(self, **arguments):
        return Events(self.server, self.sid, **arguments)


def default_to(queue, **target):
    return {"task_routing": {"default_filter": {"queue": queue, **target}}}


def route(expression, *targets, default=None):
    routing = {"filters": [{"expression": expression, "targets": list(targets)}]}
    if default:
        routing["default_filter"] = {"queue": default}
    return {"task_routing": routing}


class AcceptanceTest(unittest.TestCase):
    """One server a class; every test makes a workspace of its own."""

    OPTIONS = ()
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.OPTIONS)
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.client = cls.server.client()

    def space(self, **arguments):
        return Space(self.server, **arguments)

    def events(self, space, **arguments):
        stream = space.events(**arguments)
        self.addCleanup(stream.close)
        return stream

    def stub(self, answer=None, port=0):
        stub = Stub(answer, port)
        self.addCleanup(stub.close)
        return stub

    def refused(self, status, code=None, text=None):
        """A context in which the SDK must raise; checks what it raises."""
        return Refused(self, status, code, text)

    def assert_error(self, answer, status, code=None, *words):
        """An error body as the SDKs read it (status, code, message, more_info; never type and title)."""
        self.assertEqual(answer.status_code, status, answer.text)
        body = answer.json()
        self.assertEqual(set(body) - {"details"}, {"code", "message", "more_info", "status"}, body)
        self.assertEqual(body["status"], status)
        self.assertIsInstance(body["code"], int)
        self.assertTrue(body["more_info"].startswith("http"))
        if code:
            self.assertEqual(body["code"], code, body)
        for word in words:
            self.assertIn(word, body["message"])
        return body


class Refused:
    def __init__(self, test, status, code, text):
        self.test, self.status, self.code, self.text, self.exception = test, status, code, text, None

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, trace):
        if exception is None:
            raise AssertionError(f"not refused; expected HTTP {self.status}")
        if not isinstance(exception, TwilioRestException):
            return False
        self.exception = exception
        self.test.assertEqual(exception.status, self.status, str(exception))
        if self.code:
            self.test.assertEqual(exception.code, self.code, str(exception))
        if self.text:
            self.test.assertIn(self.text, str(exception))
        return True


__all__ = [name for name in dir() if not name.startswith("_")]


def needs_current_client(test):
    """Skips a test that uses parameters which the distribution's older client does not have."""

    @functools.wraps(test)
    def run(self):
        try:
            return test(self)
        except TypeError as error:
            if "unexpected keyword argument" in str(error) and int(twilio.__version__.split(".")[0]) < 9:
                self.skipTest(f"client {twilio.__version__} has no such parameter: {error}")
            raise

    return run
