#!/usr/bin/python3
"""Three servers under attack on all ports while clients get 2,000 operations a second.

First a quiet part, then all generators of attacks together for so many minutes, then a quiet part again.
What is told: stops (must be 0), errors and longest gap of the load, its p99 beside the quiet one, memory
of the servers at their highest.

  ./dev bench-hostile                    an hour
  ./dev bench-hostile --minutes 3
  ./dev bench-hostile --minutes 3 --only strangers,silent
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/integration"))
import wire  # noqa: E402
from wire import (ALLCHILDREN, AUTH, CLOSE, CREATE, EPHEMERALS, GET, MULTI, MULTIREAD, PING,  # noqa: E402
                  SETWATCHES2, SYNC, Client, buf, create, frame, hello, i32, i64, learner_info,
                  multi, packet, path_watch, vec, vote)

RATE = 2000          # of the load, operations a second
PAUSE_S = 0.05       # of a generator between two attacks: they share the cores with the servers
HELD_SOCKETS = 60    # that one generator keeps open at most


# ---- attacks: each is called again and again with a source of chance and the ports ----
# ports: [(client, quorum, election)], of the three servers

def dial(port, timeout=2):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def packets(rnd, ports, held):
    """Valid packets of the quorum protocol in a drawn order and segmentation."""
    epoch = rnd.choice([0, 1, 2, 0x7fffffff])
    zxid = rnd.choice([0, -1, 1 << 32, (epoch << 32) + 1, (1 << 62) + 5])
    some = [packet(11, zxid, learner_info(rnd.choice([1, 2, 3, 99, -1]))),
            packet(16, 0, learner_info(99)), packet(18, zxid, i32(rnd.choice([-1, 0, 1]))),
            packet(3, zxid), packet(5, zxid), packet(7, 0), packet(6, -1, i64(5) + i32(4000)),
            packet(10, zxid, b"x"), packet(2, zxid, b"y"), packet(12, -1), packet(4, zxid),
            packet(1, -1, i64(5) + i32(1) + i32(CREATE) + create(b"/z"), [])]
    rnd.shuffle(some)
    if rnd.random() < 0.6:
        some.insert(0, packet(11, 0, learner_info(99)))
    data = b"".join(some[:rnd.randrange(1, 9)])
    s = dial(rnd.choice(ports)[1])
    cut = rnd.randrange(len(data) + 1)
    s.sendall(data[:cut])
    time.sleep(0.005)
    s.sendall(data[cut:])
    held.append(s)


def strangers(rnd, ports, held):
    """Votes of members and strangers, far rounds and epochs, configurations."""
    s = dial(rnd.choice(ports)[2])
    sid = rnd.choice([77, 4, 0, -5, 1 << 40])
    data = hello(sid)
    for _ in range(rnd.randrange(1, 6)):
        data += vote(rnd.choice([0, 1, 2, 3]), rnd.choice([1, 2, 3, 77]),
                     rnd.choice([0, 1 << 62, -1]), rnd.choice([0, 1, 1 << 62, -1]),
                     rnd.choice([0, 1, 0x7ffffffd]),
                     rnd.choice([b"", b"server.1=127.0.0.1:1:2:participant\nversion=7fffffff"]))
    s.sendall(data)
    held.append(s)


def silent(rnd, ports, held):
    """Connections that say nothing, or half of something."""
    s = dial(rnd.choice(rnd.choice(ports)))
    s.sendall(rnd.choice([b"", b"\0", frame(b"x" * 40)[:20], i32(900_000) + b"x" * 200_000]))
    held.append(s)


def garbage(rnd, ports, held):
    s = dial(rnd.choice(rnd.choice(ports)))
    s.sendall(rnd.randbytes(rnd.randrange(1, 4000)))
    held.append(s)


def dear(rnd, ports, held):
    """Requests that cost much: long lists, many identities, large answers."""
    c = Client(rnd.choice(ports)[0], 6000, wait=10)
    kind = rnd.randrange(6)
    if kind == 0:
        acl = vec(i32(31) + buf(b"ip") + buf(b"10.0.%d.%d" % (k >> 8, k & 255)) for k in range(8000))
        c.err(CREATE, create(b"/nope/x", b"", acl))
    elif kind == 1:
        c.s.sendall(c.req(MULTIREAD, b"".join(
            i32(4) + b"\0" + i32(-1) + path_watch(b"/large") for _ in range(60)) +
            i32(-1) + b"\1" + i32(-1)))
        c.recv()
    elif kind == 2:
        c.pipeline(c.req(AUTH, i32(0) + buf(b"digest") + buf(b"u%d:p" % k), -4) for k in range(800))
    elif kind == 3:
        c.pipeline(c.req(ALLCHILDREN, buf(b"/")) for _ in range(60))
    elif kind == 4:
        c.err(MULTI, multi((CREATE, create(b"/hostile/e%d-%d" % (c.sid, k), b"", flags=1)) for k in range(2000)))
        c.call(CLOSE)
    else:
        c.pipeline(c.req(EPHEMERALS, buf(b"/")) for _ in range(60))
    c.close()


def watchers(rnd, ports, held):
    c = Client(rnd.choice(ports)[0], 6000, wait=10)
    paths = [b"/w%d-%d" % (c.sid, k) for k in range(3000)]
    empty = vec([])
    c.s.sendall(c.req(SETWATCHES2, i64(1 << 50) + empty + vec(buf(p) for p in paths) + empty * 3, -8))
    held.append(c.s)


def deaf(rnd, ports, held):
    """Asks and does not read."""
    c = Client(rnd.choice(ports)[0], 6000, wait=10)
    c.s.settimeout(0.2)
    try:
        c.s.sendall(b"".join(c.req(GET, path_watch(b"/large")) for _ in range(50)))
    except OSError:
        pass
    held.append(c.s)


def clients(rnd, ports, held):
    """Valid client packets in any order: before the handshake, twice, with strange xids."""
    s = dial(rnd.choice(ports)[0])
    connect = frame(i32(0) + i64(rnd.choice([0, 1 << 60])) + i32(rnd.choice([-1, 1, 1 << 30])) +
                    i64(rnd.choice([0, 5, -1])) + buf(b"\0" * 16) + b"\0")
    some = [connect, connect, frame(i32(-2) + i32(PING)), frame(i32(1) + i32(SYNC) + buf(b"/")),
            frame(i32(1) + i32(9999)), frame(i32(0) + i32(CLOSE)),
            frame(i32(7) + i32(CREATE) + create(b"/hostile/c"))]
    rnd.shuffle(some)
    data = b"".join(some)
    cut = rnd.randrange(len(data))
    s.sendall(data[:cut])
    s.sendall(data[cut:])
    held.append(s)


def words(rnd, ports, held):
    wire.word(rnd.choice(ports)[0], rnd.choice(["ruok", "mntr", "dump", "wchp", "wchc", "cons", "stat", "srvr"]))


ATTACKS = [packets, strangers, silent, garbage, dear, watchers, deaf, clients, words]


def attack_main(name, seed, ports):
    """Until it is killed."""
    attack = {f.__name__: f for f in ATTACKS}[name]
    rnd, held = random.Random(seed), []
    while True:
        try:
            attack(rnd, ports, held)
        except (OSError, EOFError):
            pass
        while len(held) > HELD_SOCKETS:
            held.pop(rnd.randrange(len(held))).close()
        time.sleep(PAUSE_S)


# ---- the load and the verdict ----

def load(servers, seconds):
    run = subprocess.run([wire.ZOOID, "bench", "-s", ",".join("127.0.0.1:%d" % s.port for s in servers),
                          "--mix", "get=70,set=30", "--connections", "16", "--depth", "8", "--rate", str(RATE),
                          "--seconds", str(seconds), "--json"], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError("load: " + run.stderr + run.stdout)
    return json.loads(run.stdout)


def line(name, result):
    print("%-16s %8d operations  %4d errors  p99 %8.2f ms  longest gap %8.1f ms" % (
        name, result["operations"], result["errors"], result["latency_us"]["p99"] / 1000,
        result["longest_gap_ms"]), flush=True)


def main():
    if sys.argv[1:2] == ["--attack"]:
        ports = [tuple(int(p) for p in server.split(":")) for server in sys.argv[4:]]
        return attack_main(sys.argv[2], int(sys.argv[3]), ports)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", default=",".join(f.__name__ for f in ATTACKS))
    arguments = parser.parse_args()
    part = min(60.0, 60 * arguments.minutes)

    servers = wire.ensemble(3, "maxClientCnxns=0 jute.maxbuffer=1048575")
    for server in servers.values():
        server.start()
    for server in servers.values():
        server.must_serve(30)
    c = wire.leader(servers).client()
    c.call(CREATE, create(b"/large", b"x" * 1_000_000))
    c.call(CREATE, create(b"/hostile"))
    c.close()
    live = list(servers.values())
    quiet = load(live, part)
    line("quiet", quiet)
    before = max(s.rss() for s in live)
    places = ["%d:%d:%d" % (s.port, s.peers[s.sid][1], s.peers[s.sid][2]) for s in live]
    attackers = [subprocess.Popen([sys.executable, os.path.abspath(__file__), "--attack", name, str(k), *places])
                 for k, name in enumerate(arguments.only.split(","))]
    wire.EXTRA.extend(attackers)
    worst, stops = None, 0
    end = time.time() + 60 * arguments.minutes
    while time.time() < end:
        result = load(live, min(part, max(1.0, end - time.time())))
        line("under attack", result)
        if worst is None or result["latency_us"]["p99"] > worst["latency_us"]["p99"]:
            worst = result
        stops = sum(not s.lives() for s in live)
        if stops:
            break
    for attacker in attackers:
        attacker.kill()
        attacker.wait()
    for server in live:
        if not server.lives():
            print("server %d ended: %s" % (server.sid, wire.tail(server)))
    if not stops:
        line("quiet again", load(live, part))
    print("stops %d, p99 under attack %.2f x the quiet one at its worst, resident %d MiB before, %d MiB at the highest" % (
        stops, worst["latency_us"]["p99"] / max(1, quiet["latency_us"]["p99"]), before,
        max(s.rss("VmHWM") for s in live if s.lives()) if stops < 3 else 0))
    return 1 if stops else 0


sys.exit(main())
