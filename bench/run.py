#!/usr/bin/python3
"""The same load against Zooid and Java ZooKeeper in turn; prints figures and their ratios.

  ./dev bench                     everything, about four minutes
  ./dev bench --only throughput   standalone and three servers, get and set
  ./dev bench --seconds 10 --json figures.json

Machines are noisy: only ratios of one run mean something.
"""

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
import harness  # noqa: E402

harness.JAVA_OPTIONS = ["-Xmx1000m"]  # as zkServer.sh starts it
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0


def zooid_bench(hosts, *options):
    run = subprocess.run([harness.ZOOID, "bench", "-s", hosts, "--json", "--connections", "64", *options],
                         capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        raise RuntimeError(run.stderr + run.stdout)
    return json.loads(run.stdout)


def servers_of(kind, count):
    if count == 1:
        server = harness.standalone(kind, tick_ms=2000).start()
        server.wait_mode("standalone")
        return [server], server.address
    ensemble = harness.Ensemble([kind] * count, tick_ms=2000, init_limit=10, sync_limit=5).start()
    ensemble.wait_all()
    return list(ensemble), ensemble.hosts()


def stop(servers):
    for server in servers:
        if server.alive():
            server.kill()


def throughput(seconds):
    rows = {}
    for count in (1, 3):
        for mix in ("get", "set"):
            for kind in ("zooid", "java"):
                servers, hosts = servers_of(kind, count)
                options = ["--mix", mix, "--seconds", str(seconds), "--warm-up",
                           "2" if kind == "java" else "1"]
                if kind == "java":  # let the compiler of the JVM work first
                    zooid_bench(hosts, "--mix", mix, "--seconds", "3")
                before = sum(cpu_seconds(s) for s in servers)
                began = time.monotonic()
                result = zooid_bench(hosts, *options)
                elapsed = time.monotonic() - began
                used = sum(cpu_seconds(s) for s in servers) - before
                # The warm-up and the making of nodes cost CPU too: count all operations evenly.
                share = result["seconds"] / elapsed
                result["cpu_us_per_op"] = used * 1e6 * share / max(1, result["operations"])
                result["rss_mib"] = max(resident_mib(s) for s in servers)
                rows[f"{count} server{'s' if count > 1 else ''}, {mix}", kind] = result
                stop(servers)
    return rows


def start_times():
    rows = {}
    for count in (1, 3):
        for kind in ("zooid", "java"):
            best = None
            for _ in range(3):
                if count == 1:
                    servers = [harness.standalone(kind, tick_ms=2000)]
                else:
                    servers = list(harness.Ensemble([kind] * count, tick_ms=2000, init_limit=10,
                                                    sync_limit=5))
                began = time.monotonic()
                for server in servers:
                    server.start()
                harness.wait_for(lambda: all(s.mode() for s in servers), 60, "serving",
                                 interval=0.001)
                took = (time.monotonic() - began) * 1000
                best = took if best is None else min(best, took)
                stop(servers)
            rows[f"start of {count}, ms", kind] = best
    return rows


def fail_over():
    """kill -9 of the leader to the first acknowledged write through a survivor."""
    rows = {}
    for kind in ("zooid", "java"):
        gaps = []
        for _ in range(3):
            ensemble = harness.Ensemble([kind] * 3, tick_ms=2000, init_limit=10, sync_limit=5)
            ensemble.start()
            leader = ensemble.wait_all()
            time.sleep(1)
            survivors = [s for s in ensemble if s is not leader]
            began = time.monotonic()
            leader.kill()
            attempt = 0
            while True:
                attempt += 1
                try:
                    connection, session, _ = harness.raw_connect(survivors[attempt % 2].client_port)
                    connection.settimeout(2)
                    if session != 0:
                        connection.sendall(harness.create_frame(1, f"/f{attempt}"))
                        harness.receive_frame(connection)
                        break
                except OSError:
                    time.sleep(0.002)
            gaps.append((time.monotonic() - began) * 1000)
            stop(list(ensemble))
        rows["fail-over, ms", kind] = sorted(gaps)[1]
    return rows


def memory():
    rows = {}
    for kind in ("zooid", "java"):
        server = harness.standalone(kind, tick_ms=2000, settings="snapCount=10000000").start()
        server.wait_mode("standalone")
        time.sleep(0.5)
        rows["resident, empty, MiB", kind] = resident_mib(server)
        stop([server])
    return rows


def million(nodes=1_000_000):
    """A million znodes of 100 bytes: resident memory and time to restart."""
    rows = {}
    for kind in ("zooid", "java"):
        server = harness.standalone(kind, tick_ms=2000).start()
        server.wait_mode("standalone")
        fill(server, nodes)
        rows["resident, million znodes, MiB", kind] = resident_mib(server)
        server.kill()
        began = time.monotonic()
        server.start()
        server.wait_mode("standalone", seconds=120)
        rows["restart, million znodes, ms", kind] = (time.monotonic() - began) * 1000
        stop([server])
    return rows


def fill(server, nodes):
    connection, _, _ = harness.raw_connect(server.client_port, timeout_ms=40000)
    connection.settimeout(120)
    stream = connection.makefile("rb", buffering=1 << 16)
    data = b"v" * 100
    xid = 1
    for parent in range(nodes // 1000):
        batch = [harness.create_frame(xid, f"/p{parent}")]
        batch += [harness.create_frame(xid + 1 + child, f"/p{parent}/node-{child}", data)
                  for child in range(1000)]
        xid += len(batch)
        connection.sendall(b"".join(batch))
        for _ in batch:
            stream.read(int.from_bytes(stream.read(4), "big"))
    connection.close()


def show(rows):
    names = list(dict.fromkeys(name for name, _ in rows))
    print(f"{'':34} {'Zooid':>12} {'Java 3.8.0':>12} {'ratio':>8}")
    for name in names:
        zooid, java = rows.get((name, "zooid")), rows.get((name, "java"))
        if isinstance(zooid, dict):
            for key, label in (("operations_per_second", "operations/s"), ("p99", "p99, us"),
                               ("cpu_us_per_op", "server CPU, us/op"), ("rss_mib", "resident, MiB")):
                a = zooid["latency_us"]["p99"] if key == "p99" else zooid[key]
                b = java["latency_us"]["p99"] if key == "p99" else java[key]
                print(f"{name + ': ' + label:34} {a:12.2f} {b:12.2f} {a / b if b else 0:8.3f}")
        else:
            ratio = f"{zooid / java:8.3f}" if java else ""
            print(f"{name:34} {zooid:12.2f} {java if java is not None else float('nan'):12.2f} {ratio}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", choices=["throughput", "start", "failover", "memory", "million"])
    parser.add_argument("--json")
    arguments = parser.parse_args()
    parts = {"throughput": lambda: throughput(arguments.seconds), "start": start_times,
             "failover": fail_over, "memory": memory, "million": million}
    rows = {}
    for name, part in parts.items():
        if arguments.only in (None, name):
            rows.update(part())
    show(rows)
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump({f"{name} ({kind})": value for (name, kind), value in rows.items()}, out,
                      indent=1)


main()
