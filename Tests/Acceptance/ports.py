"""Free ports for servers of tests; nothing but Python's own library, so that scripts can ask too: `ports.py [ROW]` prints one."""

import random
import socket
import sys

# What a broker takes: its listeners and those of the controllers beside it.
BROKER_PORTS = 6


def free_port(row=1):
    """A port below those that the system gives to outgoing connections, so that no neighbour takes it in between; with `row` the first of so many."""
    while True:
        first = random.SystemRandom().randrange(20000, 32000)
        probes = []
        try:
            for port in range(first, first + row):
                probes.append(socket.socket())
                probes[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


if __name__ == "__main__":
    print(free_port(int(sys.argv[1]) if len(sys.argv) > 1 else BROKER_PORTS))
