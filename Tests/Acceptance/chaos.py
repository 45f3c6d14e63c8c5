"""A cluster on bad days, drawn from a seed, and an audit from its journal at the end.

    chaos.py MINUTES [SEED]

Two ingresses, three workers and a projector on a broker and a Redis of their own (KAFKA_STARTER starts the broker). Clients and agents work as in `kill_loop.py`, over either
ingress, with keys. Meanwhile: kill -9 of any node, nodes that are stopped for longer than the session time-out (zombies), the broker killed, stopped in order or silent, Redis
emptied, killed or silent, every connection to Redis or to the broker cut. Afterwards everything has to be ready and all work done within a minute, and the journal alone has to prove that
every answer is in it, that nobody had two holders, and that nothing was forgotten.
"""

import collections
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from kill_loop import KillLoop
from support import BROKER_PORTS, PATIENCE, Space, free_port, until
from test_cluster import Node, apply_topics, fresh_prefix

STARTER = os.environ.get("KAFKA_STARTER", "")
#: Seconds after the last fault within which every node is ready and all work is done.
CALM = 60


class Proxy:
    """Between the nodes and Redis: connections that can be cut."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs, self.lock = set(), threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.pairs.add((near, far))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(source, target, (near, far)), daemon=True).start()

    def copy(self, source, target, pair):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass
        self.end(pair)

    def end(self, pair):
        with self.lock:
            if pair not in self.pairs:
                return
            self.pairs.discard(pair)
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def cut(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self.end(pair)

    def close(self):
        self.listener.close()
        self.cut()


class Chaos(KillLoop):
    def __init__(self, seconds, seed=None):
        super().__init__(seconds, seed)
        self.source = random.Random(self.seed)
        self.work_folder = tempfile.mkdtemp(prefix="trunkline-chaos-")
        self.kafka_port, self.redis_port = free_port(BROKER_PORTS), free_port()
        self.redis_process, self.proxy, self.nodes = None, None, []
        self.faults, self.stopped, self.calm = collections.Counter(), [], 0.0
        self.spread = random.Random()

    # MARK: The cluster

    def broker(self, *arguments):
        done = subprocess.run([STARTER, *arguments], capture_output=True, text=True, timeout=PATIENCE * 4)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_broker(self):
        self.broker("start", self.work_folder + "/kafka", "--port", str(self.kafka_port))

    def start_redis(self):
        folder = self.work_folder + "/redis"
        os.makedirs(folder, exist_ok=True)
        self.redis_process = subprocess.Popen(
            ["redis-server", "--port", str(self.redis_port), "--save", "", "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL)
        until(lambda: self.redis("PING") == "PONG", "Redis answers")

    def redis(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.redis_port), *words], capture_output=True, text=True, timeout=PATIENCE).stdout.strip()

    def start_cluster(self):
        self.start_broker()
        self.start_redis()
        self.proxy = Proxy(self.redis_port)
        self.prefix = fresh_prefix()
        apply_topics(self.prefix, self.kafka)
        roles = [("in-1", "ingress,gateway"), ("in-2", "ingress,gateway"), ("w-1", "worker"), ("w-2", "worker"), ("w-3", "worker"), ("p-1", "projector,callout")]
        self.nodes = [Node(self.prefix, name, role, kafka=self.kafka, redis=f"redis://127.0.0.1:{self.proxy.port}") for name, role in roles]
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_ready()

    @property
    def kafka(self):
        return f"127.0.0.1:{self.kafka_port}"

    def url(self):
        return self.nodes[self.spread.randrange(2)].url

    def journal(self):
        return ["--kafka", self.kafka, "--topic-prefix", self.prefix]

    # MARK: Faults

    def kill_a_node(self):
        node = self.source.choice(self.nodes)
        pause = self.source.choice([0, 0, 1, 4, 9])
        node.kill()
        self.pause(pause)
        node.spawn()
        return f"{node.name} killed, {pause} s away"

    def stop_a_node(self):
        node = self.source.choice(self.nodes)
        return f"{node.name} stopped for {self.hold(node.process, 7, 12):.0f} s"

    def hold(self, process, least, most):
        """Stops it for a while; for how long."""
        pause = self.source.uniform(least, most)
        process.send_signal(signal.SIGSTOP)
        try:
            self.pause(pause)
        finally:
            process.send_signal(signal.SIGCONT)
        return pause

    def restart_the_broker(self):
        how = self.source.choice(["kill", "stop"])
        self.broker(how, self.work_folder + "/kafka", "1")
        # A dying process has its number for a moment, and would be taken for the running one.
        until(lambda: "1 -" in self.broker("pids", self.work_folder + "/kafka"), "the broker is gone")
        self.broker("resume-node", self.work_folder + "/kafka", "1")
        return f"the broker: {how}, started again"

    def silence_the_broker(self):
        pause = self.source.uniform(1, 6)
        self.broker("pause", self.work_folder + "/kafka", "1")
        try:
            self.pause(pause)
        finally:
            self.broker("resume", self.work_folder + "/kafka", "1")
        return f"the broker silent for {pause:.0f} s"

    def empty_redis(self):
        self.redis("FLUSHALL")
        return "Redis emptied"

    def restart_redis(self):
        pause = self.source.choice([0, 2, 5])
        self.redis_process.kill()
        self.redis_process.wait()
        self.pause(pause)
        self.start_redis()
        return f"Redis killed, {pause} s away, empty again"

    def silence_redis(self):
        return f"Redis silent for {self.hold(self.redis_process, 1, 8):.0f} s"

    def cut_connections(self):
        self.proxy.cut()
        return "connections to Redis cut"

    def cut_connections_to_the_broker(self):
        """The kernel ends them (`ss -K`), where it can and may: a proxy does not see connections to the address that a broker names itself by."""
        try:
            cut = subprocess.run(["ss", "-K", "-tnH", f"dport = :{self.kafka_port}"], capture_output=True, text=True, timeout=PATIENCE).stdout.splitlines()
        except OSError:
            cut = []
        return f"{len(cut)} connections to the broker cut"

    def pause(self, seconds):
        threading.Event().wait(seconds)

    def bad_days(self):
        kinds = [
            (self.kill_a_node, 5), (self.stop_a_node, 3), (self.restart_the_broker, 1), (self.silence_the_broker, 1), (self.empty_redis, 2),
            (self.restart_redis, 1), (self.silence_redis, 1), (self.cut_connections, 2),
            (self.cut_connections_to_the_broker, 2)]
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and not self.failed:
            fault, = self.source.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
            began = len(self.accepted)
            what = fault()
            self.faults[fault.__name__] += 1
            print(f"chaos: {what}; {len(self.accepted)} accepted ({len(self.accepted) - began} meanwhile), {len(self.finished)} finished", flush=True)
            # Some faults follow at once, in the middle of what the last one began.
            self.closing.wait(self.source.choice([0, 0.5, 3, 6]))
            for node in self.nodes:
                if node.process.poll() is not None:
                    # Two of one name: it was shut out while it was stopped. An operator's supervisor starts it again.
                    node.spawn()
        self.calm = time.monotonic()

    # MARK: Play

    def run(self):
        try:
            self.start_cluster()
            self.play([Space(self.nodes[0]) for _ in range(3)], self.bad_days)
            if not self.failed:
                for node in self.nodes:
                    node.wait_ready()
            took = time.monotonic() - self.calm
            if not self.failed and took > CALM:
                self.failed.append(f"{took:.0f} s after the last fault there was still work to do")
            print(f"chaos: all work done {took:.1f} s after the last fault", flush=True)
            if not self.failed:
                for node in self.nodes:
                    status = node.terminate()
                    if status != 0:
                        self.failed.append(f"{node.name} ended with {status} at SIGTERM")
            return self.failed + self.audit()
        except BaseException as failure:
            self.failed.append(f"{type(failure).__name__}: {failure}")
            raise
        finally:
            self.close()

    def close(self):
        for node in self.nodes:
            node.owns_folder = not self.failed
            if self.failed:
                print(f"chaos: log of {node.name}: {node.log}", flush=True)
                if node.process and node.process.poll() is None:
                    node.process.kill()
            else:
                node.close()
        if self.proxy:
            self.proxy.close()
        if self.redis_process:
            self.redis_process.kill()
            self.redis_process.wait()
        subprocess.run([STARTER, "stop", self.work_folder + "/kafka"], capture_output=True)
        self.server.close()
        if self.failed:
            print(f"chaos: the broker's folder: {self.work_folder}", flush=True)
        else:
            shutil.rmtree(self.work_folder, ignore_errors=True)


def main(minutes, seed=None):
    if not STARTER or not shutil.which("redis-server"):
        print("chaos: it needs redis-server, and in KAFKA_STARTER a script with start, stop, kill, pause, resume, resume-node and clean for a broker", file=sys.stderr)
        return 1
    chaos = Chaos(float(minutes) * 60, int(seed) if seed else None)
    print(f"chaos: {minutes} min, seed {chaos.seed}", flush=True)
    problems = chaos.run()
    print(f"chaos: {dict(chaos.faults)}; {len(chaos.accepted)} tasks accepted, {len(chaos.finished)} finished, {sum(chaos.repeats.values())} requests repeated, "
          f"{getattr(chaos, 'events', 0)} events audited, {getattr(chaos, 'refused', 0)} decisions refused", flush=True)
    for problem in problems:
        print(f"chaos: WRONG: {problem}", flush=True)
    if not problems:
        print("chaos: every answer is in the journal exactly once, one holder each, nothing forgotten", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
