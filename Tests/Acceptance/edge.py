"""Raw sockets for the tests of the edge: bytes as they are, answers as they come."""

import base64
import json
import socket
import time

from support import PATIENCE, SID, TOKEN

AUTHORIZATION = "Authorization: Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
FORM = "Content-Type: application/x-www-form-urlencoded"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Wire:
    """One connection. `wrap` makes another socket of the connected one, TLS for example."""

    def __init__(self, server, wrap=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap(self.socket)
        self.buffer, self.is_over = b"", False

    def send(self, data):
        """False when the peer does not take it any more."""
        try:
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end(self):
        """Nothing more comes from here."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self):
        """False at the end. A reset is one too: what was said before it counts."""
        if self.is_over:
            return False
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self.buffer += data
        self.is_over = not data
        return not self.is_over

    def _until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                return None
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def _exactly(self, count):
        while len(self.buffer) < count and self._more():
            pass
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def answer(self):
        """The next whole answer; None when the connection ends instead."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        status = int(line.split()[1])
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(self._until(b"\r\n"), 16)
                body += self._exactly(size)
                self._exactly(2)
                if size == 0:
                    return Answer(status, headers, body)
        return Answer(status, headers, self._exactly(int(headers.get("content-length", 0))))

    def rest(self):
        """All answers until the connection ends; fails when it does not end."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        assert self.is_over
        assert self.buffer == b"", f"bytes that are no answer: {self.buffer[:200]!r}"
        return found

    def ends(self):
        """Whether the peer ends the connection without another byte."""
        return not self._more() and self.buffer == b""

    def close(self):
        self.socket.close()


def post(path, body, *fields, host="x"):
    """A whole request of the account."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", AUTHORIZATION, FORM, f"Content-Length: {len(body)}", *fields])
    return f"{head}\r\n\r\n{body}"


def get(path, *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", AUTHORIZATION, *fields]) + "\r\n\r\n"


def begin(*fields, method="POST", path="/v1/Workspaces", version="HTTP/1.1"):
    """A head that lacks what says where its body ends, and the empty line."""
    return "\r\n".join([f"{method} {path} {version}", "Host: x", AUTHORIZATION, FORM, *fields])


def elapsed_since(start):
    return time.monotonic() - start
