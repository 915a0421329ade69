#!/usr/bin/python3
"""Three servers with real amounts of data, Zooid and Java ZooKeeper in turn. Parts:

  joins      a follower starts again: with nothing missed, empty (SNAP), behind by what the leader
             has in memory (DIFF), and by more than that (DIFF from the log files); all idle
  load       the same while clients write through all servers
  kill       the leader is killed (median of five), a rolling restart, a follower that was away for
             ten seconds; all under load
  snapshots  nothing but a probe writes while a server takes its snapshots

A probe writes one znode all the time, one write after the other, and goes to the next server when
its connection breaks: its longest time without an acknowledged write is the gap. Who joins is
watched in its log file: asking it or its leader would wake them (a Java server, which has none
here, is asked a hundred times a second).

  ./dev bench-scale                               a million znodes of 100 B, then 200,000 of 1 KiB
  ./dev bench-scale --nodes 100000 --bytes 100 --kinds zooid --parts joins,kill
  ./dev bench-scale --also before=/tmp/zooid-before    another binary in the same run
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
import harness  # noqa: E402

harness.JAVA_OPTIONS = ["-Xmx2000m"]
# Bounds of the background load: operations a second of all its connections.
LOAD_RATE = 2000
# What a follower misses: less and more than the 32 MiB that a leader keeps in memory.
MISSED_BYTES = 1024
MISSED_IN_MEMORY, MISSED_ON_DISK = 25_000, 60_000
BINARIES = {"zooid": harness.ZOOID}
ALL_PARTS = ["joins", "load", "kill", "snapshots"]


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
            time.sleep(0.002)


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


class Load:
    """Sets at a fixed rate through all servers until stop()."""

    def __init__(self, ensemble):
        self.process = subprocess.Popen(
            [harness.ZOOID, "bench", "-s", ensemble.hosts(), "--mix", "set", "--connections", "16",
             "--rate", str(LOAD_RATE), "--seconds", "100000", "--nodes", "100"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.ended_at_exit(self.process)
        time.sleep(2)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


# ---- the data ----

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
        exchange(connection, stream, batch)
    exchange(connection, stream, [harness.create_frame(xid, "/probe")])
    connection.close()


def exchange(connection, stream, frames):
    connection.sendall(b"".join(frames))
    for _ in frames:
        stream.read(int.from_bytes(stream.read(4), "big"))


def write_missed(server, count):
    """Sets of MISSED_BYTES each, pipelined."""
    connection, _, _ = harness.raw_connect(server.client_port, timeout_ms=40000)
    connection.settimeout(120)
    stream = connection.makefile("rb", buffering=1 << 16)
    data = b"m" * MISSED_BYTES
    for first in range(0, count, 500):
        exchange(connection, stream, [set_frame(xid, "/probe", data)
                                      for xid in range(first, min(first + 500, count))])
    connection.close()


def snapshots(server):
    names = os.listdir(os.path.join(server.data, "version-2"))
    return sorted(name for name in names if name.startswith("snapshot."))


def make_template(directory, nodes, size):
    """version-2 with one snapshot of so many znodes and no log; made by Zooid, once."""
    if os.path.exists(os.path.join(directory, "done")):
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    server = harness.standalone("zooid", "snapCount=1000000000\n", directory=directory).start()
    server.wait_mode("standalone")
    fill(server, nodes, b"v" * size)
    server.kill(signal.SIGTERM)
    # What it replays counts for the next snapshot.
    with open(server.config_path) as config:
        text = config.read()
    with open(server.config_path, "w") as config:
        config.write(text.replace("snapCount=1000000000", "snapCount=2"))
    server.start()
    server.wait_mode("standalone", seconds=120)
    harness.wait_for(lambda: len(snapshots(server)) > 0 and "snapshot written" in server.log(), 120,
                     "its snapshot")
    server.kill(signal.SIGTERM)
    version_2 = os.path.join(server.data, "version-2")
    for name in os.listdir(version_2):
        if name != snapshots(server)[-1]:
            os.remove(os.path.join(version_2, name))
    open(os.path.join(directory, "done"), "w").close()
    return directory


def snapshot_mb(template):
    version_2 = os.path.join(template, "data/version-2")
    return sum(os.path.getsize(os.path.join(version_2, n)) for n in os.listdir(version_2)) / 1e6


# ---- the servers ----

def cpu_seconds(server):
    """User and system time of its process: machines are noisy, this is less so."""
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(server, field="VmRSS"):
    with open(f"/proc/{server.process.pid}/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0


class Servers:
    """An ensemble of one kind that begins with the template's data."""

    def __init__(self, kind, template, settings="snapCount=10000000"):
        self.is_java = kind == "java"
        if not self.is_java:
            harness.ZOOID = BINARIES[kind]
        self.ensemble = harness.Ensemble(
            ["java" if self.is_java else "zooid"] * 3, tick_ms=2000, init_limit=100, sync_limit=10,
            settings=f"commitLogCount=100000\n{settings}")
        for server in self.ensemble:
            shutil.copytree(os.path.join(template, "data/version-2"),
                            os.path.join(server.data, "version-2"))
        # What the copies wrote is on its way to the disk else.
        os.sync()
        began = time.monotonic()
        self.ensemble.start()
        self.leader = self.ensemble.wait_all(120)
        self.start_ms = (time.monotonic() - began) * 1000

    def follower(self):
        leader = self.ensemble.wait_leader()
        return next(s for s in self.ensemble if s is not leader)

    def join(self, server):
        """Starts it; how long until it serves, and how long its synchronisation took (Zooid)."""
        before = len(server.log())
        pattern = r"synchronise ([0-9.]+) (ms|s|us) \(([A-Z]+)"
        began = time.monotonic()
        server.start()
        if self.is_java:  # Debian's package writes no log
            harness.wait_for(lambda: server.mode() in ("follower", "leader"), 600, "it serves",
                             interval=0.01)
            return (time.monotonic() - began) * 1000, None, ""
        found = harness.wait_for(lambda: re.search(pattern, server.log()[before:]), 600,
                                 f"server {server.id} serves", interval=0.005)
        took_ms = (time.monotonic() - began) * 1000
        sync_ms = float(found[1]) * {"ms": 1, "s": 1000, "us": 0.001}[found[2]]
        return took_ms, sync_ms, found[3]

    def stop(self):
        self.ensemble.stop()
        shutil.rmtree(self.ensemble.directory, ignore_errors=True)


def empty(server):
    server.kill()
    shutil.rmtree(os.path.join(server.data, "version-2"), ignore_errors=True)
    shutil.rmtree(os.path.join(server.data, "zooid"), ignore_errors=True)


def longest_step(ensemble, rows, what):
    """The longest step of a loop, by the servers' own watchdogs."""
    worst = None
    for server in ensemble:
        if not server.alive():
            continue
        values = server.monitor()
        if "zk_zooid_loop_longest_step_ms" not in values:
            return
        step = (float(values["zk_zooid_loop_longest_step_ms"]),
                values["zk_zooid_loop_longest_step_what"])
        worst = max(worst, step) if worst else step
    if worst is not None:
        rows[f"{what}: longest step of a loop, ms"] = worst[0]
        print(f"  longest step, {what}: {worst[0]:.1f} ms in {worst[1]}", file=sys.stderr)


# ---- parts ----

def add_join(rows, what, joined, megabytes):
    took_ms, sync_ms, mode = joined
    rows[f"{what}, ms"] = took_ms
    if sync_ms is not None:
        print(f"  {what}: {mode}, synchronise {sync_ms:.0f} ms, "
              f"{megabytes / sync_ms * 1000:.0f} MB/s", file=sys.stderr)
        rows[f"{what}: synchronisation, MB/s"] = megabytes / sync_ms * 1000


def joins(kind, template, rows):
    servers = Servers(kind, template)
    rows["three servers start with the data, ms"] = servers.start_ms
    rows["resident after it, largest, MiB"] = max(resident_mib(s) for s in servers.ensemble)
    rows["peak at a start / resident after it"] = max(
        resident_mib(s, "VmHWM") / resident_mib(s) for s in servers.ensemble)
    add_joins(servers, rows, template, "idle")
    longest_step(servers.ensemble, rows, "joins")
    servers.stop()


def add_joins(servers, rows, template, how):
    missed_mb = {n: n * (MISSED_BYTES + 60) / 1e6 for n in (MISSED_IN_MEMORY, MISSED_ON_DISK)}
    write_missed(servers.ensemble.wait_leader(), 10)  # so that all have something of this epoch
    time.sleep(1)
    follower = servers.follower()
    follower.kill()
    rows[f"follower starts again, nothing missed, {how}, ms"] = servers.join(follower)[0]
    empty(follower)
    leader = servers.ensemble.wait_leader()
    before = cpu_seconds(leader)
    add_join(rows, f"empty server, {how}", servers.join(follower), snapshot_mb(template))
    rows[f"– CPU of the server that joins, {how}, s"] = cpu_seconds(follower)
    rows[f"– CPU of its leader, {how}, s"] = cpu_seconds(leader) - before
    for count, name in ((MISSED_IN_MEMORY, "missed 27 MB"), (MISSED_ON_DISK, "missed 65 MB")):
        follower.kill()
        write_missed(servers.ensemble.wait_leader(), count)
        time.sleep(1)
        add_join(rows, f"follower that {name}, {how}", servers.join(follower), missed_mb[count])


def load(kind, template, rows):
    servers = Servers(kind, template)
    background, probe = Load(servers.ensemble), Probe(servers.ensemble)
    time.sleep(2)
    probe.look()
    add_joins(servers, rows, template, "under load")
    rows["– longest gap in all of these, ms"] = probe.look()["gap_ms"]
    longest_step(servers.ensemble, rows, "joins under load")
    background.stop()
    probe.stop()
    servers.stop()


def kill(kind, template, rows):
    servers = Servers(kind, template)
    background, probe = Load(servers.ensemble), Probe(servers.ensemble)
    time.sleep(3 if kind != "java" else 10)  # let the compiler of the JVM work first
    probe.look()
    gaps, back = [], []
    for _ in range(5 if kind != "java" else 3):
        leader = servers.ensemble.wait_leader()
        probe.look()
        leader.kill()
        time.sleep(5)
        gaps.append(probe.look()["gap_ms"])
        back.append(servers.join(leader)[0])
        time.sleep(1)
    rows["leader kill: longest gap, median, ms"] = statistics.median(gaps)
    rows["– the worst of them, ms"] = max(gaps)
    rows["the killed leader comes back, median, ms"] = statistics.median(back)

    follower = servers.follower()
    follower.kill()
    time.sleep(10)
    probe.look()
    rows["a follower is back after 10 s, ms"] = servers.join(follower)[0]
    time.sleep(1)
    rows["– longest gap, ms"] = probe.look()["gap_ms"]

    leader = servers.ensemble.wait_leader()
    probe.look()
    for server in [s for s in servers.ensemble if s is not leader] + [leader]:
        server.kill(signal.SIGTERM)
        servers.join(server)
        time.sleep(1)
    rows["rolling restart: longest gap, ms"] = probe.look()["gap_ms"]
    rows["highest resident of all, MiB"] = max(resident_mib(s, "VmHWM") for s in servers.ensemble)
    longest_step(servers.ensemble, rows, "kills")
    background.stop()
    probe.stop()
    servers.stop()


def snapshots_part(kind, template, rows):
    servers = Servers(kind, template, "snapCount=4000")
    probe = Probe(servers.ensemble)
    time.sleep(2)
    before = {s.id: len(snapshots(s)) for s in servers.ensemble}
    probe.look()
    harness.wait_for(lambda: all(len(snapshots(s)) > before[s.id] for s in servers.ensemble), 100,
                     "snapshots", interval=0.2)
    found = probe.look()
    rows["snapshots, one writer: slowest write, ms"] = found["slowest_ms"]
    longest_step(servers.ensemble, rows, "snapshots")
    probe.stop()
    servers.stop()


PARTS = {"joins": joins, "load": load, "kill": kill, "snapshots": snapshots_part}


def print_table(title, found, kinds):
    print(title.ljust(64) + "".join(f"{kind:>12}" for kind in kinds))
    for name in found[kinds[0]]:
        values = [found[kind].get(name) for kind in kinds]
        line = name.ljust(64) + "".join(
            "–".rjust(12) if v is None else f"{v:12.2f}" if v < 10 else f"{v:12.1f}" for v in values)
        for value in values[1:]:
            if value:
                line += f"{values[0] / value:10.3f}"
        print(line)
    print(flush=True)


def main():
    if sys.argv[1:2] == ["--probe"]:
        return probe_main([int(port) for port in sys.argv[2:]])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--bytes", type=int, default=100)
    parser.add_argument("--kinds", default="zooid,java")
    parser.add_argument("--parts", default=",".join(ALL_PARTS))
    parser.add_argument("--also", action="append", default=[], metavar="NAME=BINARY",
                        help="a further kind: another binary of Zooid")
    parser.add_argument("--templates", default="",
                        help="keeps the filled data there for further runs")
    arguments = parser.parse_args()
    sizes = [(1_000_000, 100), (200_000, 1024)]
    if arguments.nodes:
        sizes = [(arguments.nodes, arguments.bytes)]
    kinds = arguments.kinds.split(",")
    for named in arguments.also:
        name, _, binary = named.partition("=")
        BINARIES[name] = binary
        kinds.append(name)
    own_binary = harness.ZOOID
    templates = arguments.templates or harness.temporary_directory("zooid-scale-")
    for nodes, size in sizes:
        template = make_template(os.path.join(templates, f"{nodes}x{size}"), nodes, size)
        for part in arguments.parts.split(","):
            found = {kind: {} for kind in kinds}
            for kind in kinds:
                print(f"{part} {kind}", file=sys.stderr, flush=True)
                PARTS[part](kind, template, found[kind])
                for name, value in found[kind].items():
                    print(f"  {kind}: {name} = {value:.2f}", file=sys.stderr, flush=True)
                harness.ZOOID = own_binary
            print_table(f"{part}: {nodes} znodes of {size} B, {snapshot_mb(template):.0f} MB", found,
                        kinds)
    return 0


sys.exit(main())
