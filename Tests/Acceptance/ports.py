"""Free ports for servers of tests; nothing but Python's own library, so that scripts can ask too: `ports.py [ROW]` prints one."""

import fcntl
import os
import random
import socket
import sys
import tempfile

# What a broker takes: its listeners and those of the controllers beside it.
BROKER_PORTS = 6


# Locked for as long as this process lives: the ports that it was given. A server that is down for a moment has nobody else on its port then.
GIVEN = []


def free_port(row=1):
    """A port below those that the system gives to outgoing connections, so that no neighbour takes it in between; with `row` the first of so many. It stays this process's."""
    while True:
        first = random.SystemRandom().randrange(20000, 32000)
        probes, locks = [], []
        try:
            for port in range(first, first + row):
                locks.append(lock(port))
                probes.append(socket.socket())
                probes[-1].bind(("127.0.0.1", port))
            GIVEN.extend(locks)
            return first
        except OSError:
            for held in locks:
                held.close()
        finally:
            for probe in probes:
                probe.close()


def lock(port):
    folder = os.path.join(tempfile.gettempdir(), f"trunkline-test-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    held = open(os.path.join(folder, str(port)), "w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise
    return held


if __name__ == "__main__":
    print(free_port(int(sys.argv[1]) if len(sys.argv) > 1 else BROKER_PORTS))
