"""Many at once, on the embedded home: `crowd.py [CONNECTIONS [READERS]]`, with TRUNKLINE naming a release binary.

So many kept connections that say nothing, and what each takes of memory; then so many readers of one workspace's event stream while tasks are created there, and whether each got
every event once, how late.
"""

import base64
import os
import resource
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "Acceptance"))

from support import SID, TOKEN, Server, Space  # noqa: E402

CONNECTIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
READERS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
CREATES = 100
AUTH = "Authorization: Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()


def memory(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def address(server):
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


def idle(server):
    before = memory(server)
    held = []
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(address(server))
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        held.append(connection)
    for connection in held:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200"), "every one is answered"
    grown = memory(server) - before
    began = time.monotonic()
    held[0].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert held[0].recv(65536).startswith(b"HTTP/1.1 200")
    print(f"{CONNECTIONS:,} idle kept connections: {grown / 1024:.0f} MB, {grown * 1024 / CONNECTIONS:.0f} B each; "
          f"a request on one of them {(time.monotonic() - began) * 1000:.1f} ms", flush=True)
    for connection in held:
        connection.close()


def readers(server):
    space = Space(server)
    before = memory(server)
    selector = selectors.DefaultSelector()
    rest, seen, late = {}, {}, []
    for number in range(READERS):
        connection = socket.create_connection(address(server))
        connection.sendall(f"GET {space.path}/Events/Stream HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n\r\n".encode())
        selector.register(connection, selectors.EVENT_READ, number)
        rest[number], seen[number] = b"", []
    held = [key.fileobj for key in selector.get_map().values()]
    opened = 0
    while opened < READERS:
        for key, _ in selector.select(5):
            data = key.fileobj.recv(65536)
            assert data, "the stream was closed"
            opened += b"HTTP/1.1 200" in data
            key.fileobj.setblocking(False)
    grown = memory(server) - before
    session, sent, last, wanted = server.session(), {}, 0.0, None
    session_end = time.monotonic() + 120
    while time.monotonic() < session_end:
        now = time.time()
        if len(sent) < CREATES and now - last >= 0.2:
            last = now
            mark = f"m{len(sent)}m"
            sent[mark] = now
            answer = session.post(f"{server.url}{space.path}/Tasks", {"Attributes": f'{{"mark":"{mark}"}}', "WorkflowSid": space.workflow.sid}, timeout=60)
            assert answer.status_code == 201, answer.text
        for key, _ in selector.select(0.05):
            take(key, rest, seen, late, sent)
        if len(sent) == CREATES and now - last > 3:
            break
    counts = {len(events) for events in seen.values()}
    doubled = sum(len(events) - len(set(events)) for events in seen.values())
    late.sort()
    print(f"{READERS:,} readers of one stream: {grown / 1024:.0f} MB, {grown * 1024 / READERS:.0f} B each; {CREATES} tasks, {sum(map(len, seen.values())):,} deliveries; "
          f"events a reader {sorted(counts)}, doubled {doubled}; create sent -> event read p50 {late[len(late) // 2] * 1000:.0f}, "
          f"p99 {late[int(len(late) * 0.99)] * 1000:.0f} ms (one reader in ten is timed, by one thread for all)", flush=True)
    assert len(counts) == 1 and not doubled, "everybody reads everything once"
    for connection in held:
        connection.close()


def take(key, rest, seen, late, sent):
    number = key.data
    try:
        data = key.fileobj.recv(262_144)
    except BlockingIOError:
        return
    assert data, "the stream was closed"
    now = time.time()
    *events, rest[number] = (rest[number] + data).split(b"\n\n")
    for event in events:
        for line in event.split(b"\n"):
            if line.startswith(b"id:"):
                seen[number].append(line)
        if number % 10 == 0 and b"task.created" in event:
            mark = next((mark for mark in sent if mark.encode() in event), None)
            if mark:
                late.append(now - sent[mark])


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server(dev_clock=False, environment={"TRUNKLINE_LOG_LEVEL": "warning"}).start()
    print(f"idle process: {memory(server) / 1024:.0f} MB", flush=True)
    idle(server)
    readers(server)
    server.close()


main()
