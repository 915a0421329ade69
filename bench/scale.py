#!/usr/bin/python3
"""Three servers with real amounts of data, Zooid and Java ZooKeeper in turn:

  fill, snapshots under load, an empty server joins (idle and under load), a rolling restart under load,
  a kill of the leader. A probe writes one znode all the time, one write after the other, and goes to
  the next server when its connection breaks: its longest time without an acknowledged write is the gap.

  ./dev bench-scale                               a million znodes of 100 B, then 200,000 of 1 KiB
  ./dev bench-scale --nodes 100000 --bytes 100 --kinds zooid
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
import harness  # noqa: E402

harness.JAVA_OPTIONS = ["-Xmx2000m"]
# Bounds of the background load: operations a second of all its connections.
LOAD_RATE = 2000
SNAP_COUNT = 40_000


# ---- the probe, a process of its own ----

def probe_main(ports):
    """Prints one line for each line that it reads: what the writes since the last one were like."""
    import threading
    marks = []

    def listen():
        for _ in sys.stdin:
            marks.append(True)
        os._exit(0)
    threading.Thread(target=listen, daemon=True).start()
    connection, xid, at, turn = None, 0, time.monotonic(), 0
    longest = slowest = 0.0
    count = 0
    print("ready", flush=True)
    while True:
        if marks:
            longest = max(longest, time.monotonic() - at)
            print(json.dumps({"gap_ms": longest * 1000, "slowest_ms": slowest * 1000,
                              "writes": count}), flush=True)
            marks.pop()
            longest = slowest = 0.0
            count = 0
        try:
            if connection is None:
                turn += 1
                connection, session, _ = harness.raw_connect(ports[turn % len(ports)])
                connection.settimeout(3)
                if session == 0:
                    raise OSError("no session")
            xid += 1
            began = time.monotonic()
            connection.sendall(set_frame(xid, "/probe", b"%d" % xid))
            reply = harness.receive_frame(connection)
            ended = time.monotonic()
            if int.from_bytes(reply[12:16], "big") != 0:
                raise OSError("error")
            slowest = max(slowest, ended - began)
            longest = max(longest, ended - at)
            at = ended
            count += 1
        except (OSError, ValueError):
            if connection is not None:
                connection.close()
            connection = None
            time.sleep(0.005)


def set_frame(xid, path, data):
    body = xid.to_bytes(4, "big") + (5).to_bytes(4, "big")
    body += len(path).to_bytes(4, "big") + path.encode()
    body += len(data).to_bytes(4, "big") + data + b"\xff\xff\xff\xff"
    return len(body).to_bytes(4, "big") + body


class Probe:
    def __init__(self, ensemble):
        ports = [str(s.client_port) for s in ensemble]
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--probe", *ports],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        harness.ended_at_exit(self.process)
        self.process.stdout.readline()

    def look(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


# ---- the servers ----

def resident_mib(server, field="VmRSS"):
    with open(f"/proc/{server.process.pid}/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0


def fill(server, nodes, data):
    connection, _, _ = harness.raw_connect(server.client_port, timeout_ms=40000)
    connection.settimeout(120)
    stream = connection.makefile("rb", buffering=1 << 16)
    xid = 1
    for parent in range((nodes + 999) // 1000):
        batch = [harness.create_frame(xid, f"/p{parent}")]
        batch += [harness.create_frame(xid + 1 + child, f"/p{parent}/node-{child}", data)
                  for child in range(min(1000, nodes - 1000 * parent))]
        xid += len(batch)
        connection.sendall(b"".join(batch))
        for _ in batch:
            stream.read(int.from_bytes(stream.read(4), "big"))
    connection.sendall(harness.create_frame(xid, "/probe", b""))
    stream.read(int.from_bytes(stream.read(4), "big"))
    connection.close()


class Load:
    """Sets at a fixed rate through all servers until stop()."""

    def __init__(self, ensemble):
        self.process = subprocess.Popen(
            [harness.ZOOID, "bench", "-s", ensemble.hosts(), "--mix", "set", "--connections", "16",
             "--rate", str(LOAD_RATE), "--seconds", "100000", "--nodes", "100"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.ended_at_exit(self.process)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def snapshots(server):
    names = os.listdir(os.path.join(server.data, "version-2"))
    return sorted(name for name in names if name.startswith("snapshot."))


def join(server, seconds=600):
    """Starts it; until it serves."""
    began = time.monotonic()
    server.start()
    server.wait_mode("leader", "follower", seconds=seconds)
    return (time.monotonic() - began) * 1000


def empty(server):
    server.kill()
    shutil.rmtree(os.path.join(server.data, "version-2"), ignore_errors=True)
    shutil.rmtree(os.path.join(server.data, "zooid"), ignore_errors=True)


def measure(kind, nodes, size):
    rows = {}
    ensemble = harness.Ensemble([kind] * 3, tick_ms=2000, init_limit=100, sync_limit=10,
                                settings=f"snapCount={SNAP_COUNT}")
    ensemble.start()
    leader = ensemble.wait_all()
    began = time.monotonic()
    fill(leader, nodes, b"v" * size)
    rows["fill, s"] = time.monotonic() - began
    time.sleep(3)
    rows["resident, largest, MiB"] = max(resident_mib(s) for s in ensemble)

    probe, load = Probe(ensemble), Load(ensemble)
    time.sleep(2)
    probe.look()
    before = {s.id: snapshots(s) for s in ensemble}
    harness.wait_for(lambda: all(snapshots(s) != before[s.id] for s in ensemble), 300,
                     "snapshots under load", interval=0.2)
    rows["snapshots under load: slowest write, ms"] = probe.look()["slowest_ms"]

    follower = next(s for s in ensemble if s.mode() == "follower")
    empty(follower)
    probe.look()
    rows["empty server joins under load, ms"] = join(follower)
    rows["– longest gap, ms"] = probe.look()["gap_ms"]
    load.stop()
    time.sleep(2)
    empty(follower)
    rows["empty server joins, idle, ms"] = join(follower)

    load = Load(ensemble)
    time.sleep(2)
    leader = ensemble.wait_leader()
    probe.look()
    for server in [s for s in ensemble if s is not leader] + [leader]:
        server.kill(signal.SIGTERM)
        join(server)
        time.sleep(1)
    rows["rolling restart under load: longest gap, ms"] = probe.look()["gap_ms"]

    leader = ensemble.wait_leader()
    probe.look()
    leader.kill()
    time.sleep(5)
    rows["leader kill: longest gap, ms"] = probe.look()["gap_ms"]
    rows["leader comes back, ms"] = join(leader)
    rows["highest resident, MiB"] = max(resident_mib(s, "VmHWM") for s in ensemble)
    load.stop()
    probe.stop()
    ensemble.stop()
    shutil.rmtree(ensemble.directory, ignore_errors=True)
    return rows


def main():
    if sys.argv[1:2] == ["--probe"]:
        return probe_main([int(port) for port in sys.argv[2:]])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--bytes", type=int, default=100)
    parser.add_argument("--kinds", default="zooid,java")
    arguments = parser.parse_args()
    sizes = [(1_000_000, 100), (200_000, 1024)]
    if arguments.nodes:
        sizes = [(arguments.nodes, arguments.bytes)]
    kinds = arguments.kinds.split(",")
    for nodes, size in sizes:
        found = {kind: measure(kind, nodes, size) for kind in kinds}
        print(f"{nodes} znodes of {size} B".ljust(48) + "".join(f"{kind:>12}" for kind in kinds))
        for name in found[kinds[0]]:
            line = name.ljust(48) + "".join(f"{found[kind][name]:12.1f}" for kind in kinds)
            if len(kinds) == 2:
                line += f"{found[kinds[0]][name] / max(found[kinds[1]][name], 1e-9):10.3f}"
            print(line)
        print(flush=True)
    return 0


sys.exit(main())
