#!/usr/bin/python3
"""Many sessions and many watches on one server, Zooid and Java in turn:

  memory per idle session (10,000) and per watch (100,000), time to fire one change to 10,000 watchers,
  time to expire 10,000 sessions at once, time until 5,000 clients are back after a leader kill.

  ./dev bench-many                        about five minutes; progress on standard error
  ./dev bench-many expiry reconnection    some of its parts: one_server, expiry, reconnection
"""

import os
import resource
import selectors
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
import harness  # noqa: E402

SESSIONS = 10_000
WATCHES = 100_000


def resident_kib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def connect_frame(timeout_ms, session=0, password=b"\0" * 16):
    body = struct.pack(">iqiq", 0, 0, timeout_ms, session) + struct.pack(">i", 16) + password + b"\0"
    return struct.pack(">i", len(body)) + body


def read_frame(xid, kind, path, watch):
    body = struct.pack(">iii", xid, kind, len(path)) + path.encode() + (b"\1" if watch else b"\0")
    return struct.pack(">i", len(body)) + body


def open_sessions(port, count, timeout_ms, request=None):
    """Sockets with a session each, 500 handshakes in flight; request(i): a frame sent right behind."""
    opened = []
    for first in range(0, count, 500):
        part = []
        for i in range(min(500, count - first)):
            # Several source addresses: one has only some 28,000 ports.
            connection = socket.socket()
            connection.connect((f"127.0.0.{1 + (first + i) % 4}", port))
            connection.sendall(connect_frame(timeout_ms) +
                               (request(first + i) if request else b""))
            part.append(connection)
        for connection in part:
            harness.receive_frame(connection)
            if request:
                harness.receive_frame(connection)
        opened += part
    return opened


def one_server(kind):
    rows = {}
    server = harness.standalone(kind, tick_ms=2000, settings="snapCount=10000000\n"
                                "maxSessionTimeout=600000").start()
    server.wait_mode("standalone")
    zk, _, _ = harness.raw_connect(server.client_port, timeout_ms=600000)
    zk.settimeout(60)
    zk.sendall(harness.create_frame(1, "/w", b""))
    harness.receive_frame(zk)
    warm = open_sessions(server.client_port, 200, 600000)
    time.sleep(0.5)
    before = resident_kib(server)
    sessions = open_sessions(server.client_port, SESSIONS, 600000)
    time.sleep(1)
    rows["KiB per idle session"] = (resident_kib(server) - before) / SESSIONS

    # 10,000 watchers of one node, one each.
    for connection in sessions:
        connection.sendall(read_frame(1, 3, "/w", True))
    for connection in sessions:
        harness.receive_frame(connection)
    selector = selectors.DefaultSelector()
    for connection in sessions:
        selector.register(connection, selectors.EVENT_READ)
    began = time.monotonic()
    body = struct.pack(">iii", 2, 5, 2) + b"/w" + struct.pack(">i", 1) + b"x" + struct.pack(">i", -1)
    zk.sendall(struct.pack(">i", len(body)) + body)
    fired = 0
    while fired < SESSIONS:
        for key, _ in selector.select(timeout=30):
            harness.receive_frame(key.fileobj)
            selector.unregister(key.fileobj)
            fired += 1
    rows["ms to fire 10,000 watchers"] = (time.monotonic() - began) * 1000

    # 100,000 watches: 100 sessions watch 1,000 paths each that do not exist.
    before = resident_kib(server)
    for number, connection in enumerate(sessions[:100]):
        connection.sendall(b"".join(read_frame(i + 2, 3, f"/watched/by-{number:03}/node-{i:04}", True)
                                    for i in range(WATCHES // 100)))
        for _ in range(WATCHES // 100):
            harness.receive_frame(connection)
    rows["bytes per watch (a path of 25 bytes each)"] = (resident_kib(server) - before) * 1024 / WATCHES
    for connection in warm + sessions:
        connection.close()
    server.kill()
    return rows


def drain_events(connection, count):
    """Reads `count` watch events; when the first and the last of them came."""
    first, got, pending = None, 0, b""
    while got < count:
        chunk = connection.recv(1 << 20)
        assert chunk, "closed"
        first = first or time.monotonic()
        pending += chunk
        position = 0
        while len(pending) - position >= 4:
            end = position + 4 + struct.unpack_from(">i", pending, position)[0]
            if len(pending) < end:
                break
            got += struct.unpack_from(">i", pending, position + 4)[0] == -1
            position = end
        pending = pending[position:]
    return first, time.monotonic()


def ping_all(connections):
    for connection in connections:
        connection.sendall(struct.pack(">iii", 8, -2, 11))
    for connection in connections:
        harness.receive_frame(connection)


class Probe(threading.Thread):
    """Reads a node again and again; `longest` is the longest wait for an answer, in seconds."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection, _, _ = harness.raw_connect(port, timeout_ms=600000)
        self.connection.settimeout(100)
        self.longest, self.done = 0.0, False
        self.start()

    def run(self):
        while not self.done:
            began = time.monotonic()
            self.connection.sendall(read_frame(1, 3, "/", False))
            harness.receive_frame(self.connection)
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.001)

    def end(self):
        self.done = True
        self.join()
        return self.longest


def expiry(kind):
    """All sessions own an ephemeral node, are heard for the last time within one tick and fall silent. A
    client with a recursive watch sees the nodes go."""
    server = harness.standalone(kind, tick_ms=4000, settings="snapCount=10000000\n"
                                "maxSessionTimeout=600000").start()
    server.wait_mode("standalone")
    observer, _, _ = harness.raw_connect(server.client_port, timeout_ms=600000)
    sessions = []
    for first in range(0, SESSIONS, 1000):
        sessions += open_sessions(server.client_port, 1000, 40000, lambda i: harness.create_frame(
            1, f"/e{first + i}", b"", flags=1))
        ping_all(sessions)  # a slow server must not lose the first ones meanwhile
    body = struct.pack(">iii", 1, 106, 1) + b"/" + struct.pack(">i", 1)
    observer.sendall(struct.pack(">i", len(body)) + body)
    harness.receive_frame(observer)
    # Both servers round deadlines up to multiples of tickTime of this clock: begin with a tick.
    time.sleep(4.1 - time.monotonic() % 4)
    ping_all(sessions)
    for connection in sessions:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    observer.settimeout(100)
    time.sleep(2)
    probe = Probe(server.client_port)
    first, last = drain_events(observer, SESSIONS)
    longest = probe.end()
    server.kill()
    return {"ms from the first to the last of 10,000 expiries": (last - first) * 1000,
            "ms that another client's read waits meanwhile, at most": longest * 1000}


def reconnection(kind, count=5_000):
    """Clients of a leader that is killed: until all have their session on another server."""
    ensemble = harness.Ensemble([kind] * 3, tick_ms=2000, init_limit=10, sync_limit=5,
                                settings="maxSessionTimeout=60000").start()
    leader = ensemble.wait_all()
    survivors = [s.client_port for s in ensemble if s is not leader]
    clients, held = [], []
    for first in range(0, count, 500):
        part = [socket.create_connection(("127.0.0.1", leader.client_port)) for _ in range(500)]
        for connection in part:
            connection.sendall(connect_frame(60000))
        for connection in part:
            reply = harness.receive_frame(connection)
            clients.append((struct.unpack(">q", reply[8:16])[0], reply[20:36]))
        held += part
        ping_all(held)  # a slow server must not lose the first ones meanwhile
    for connection in held:
        connection.close()
    leader.kill()
    began = time.monotonic()
    waiting, held, lost = list(clients), [], 0
    attempt = 0
    while waiting:
        attempt += 1
        part, again = [], []
        for i, (session, password) in enumerate(waiting[:500]):
            try:
                connection = socket.create_connection(
                    ("127.0.0.1", survivors[(attempt + i) % 2]), timeout=5)
                connection.sendall(connect_frame(40000, session, password))
                part.append((connection, (session, password)))
            except OSError:
                again.append((session, password))
        for connection, client in part:
            try:
                reply = harness.receive_frame(connection)
                lost += struct.unpack(">q", reply[8:16])[0] != client[0]
                held.append(connection)
            except OSError:
                again.append(client)
        waiting = waiting[500:] + again
        if len(again) > 400:
            time.sleep(0.01)
    took = (time.monotonic() - began) * 1000
    ensemble.stop()
    return {"ms until 5,000 clients are back after a leader kill": took,
            "sessions of them that were lost": lost}


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 < hard < 2 * SESSIONS:
        sys.exit(f"the limit of open files is {hard}; {2 * SESSIONS} are needed")
    wanted = sys.argv[1:]
    parts = [part for part in (one_server, expiry, reconnection)
             if not wanted or part.__name__ in wanted]
    if not parts or len(parts) < len(wanted):
        sys.exit(f"parts: one_server, expiry, reconnection; not {wanted}")
    rows = {}
    for kind in ("zooid", "java"):
        for part in parts:
            for name, value in part(kind).items():
                print(f"{kind}: {name}: {value:.2f}", file=sys.stderr, flush=True)
                rows.setdefault(name, {})[kind] = value
    print(f"{'':56} {'Zooid':>10} {'Java 3.8.0':>10} {'ratio':>8}")
    for name, values in rows.items():
        zooid, java = values["zooid"], values["java"]
        print(f"{name:56} {zooid:10.2f} {java:10.2f} {zooid / java if java else 0:8.3f}")


main()
