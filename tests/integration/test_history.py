"""kill -9 of random servers under load (issue list 6): no acknowledged write is lost, writes are
linearizable, each client sees its own writes and its reads never go back, sequential numbers are unique
and increasing, ephemerals vanish only after expiry. Also: pipelined create / get / delete as Java does it.

The checkers work on recorded histories; the register checker uses the mzxid order that every server
agrees on.
"""

import os
import random
import struct
import threading
import time

import harness
from harness import Ensemble, client, standalone, wait_for

from kazoo.exceptions import KazooException, NoNodeError

SECONDS = 180 if harness.LONG_RUN else 60
SEED = int(os.environ.get("ZOOID_SEED", "20261125"))


class Histories:
    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}   # path -> data, creates that were answered
        self.register = []       # (began, ended, kind, value, version, mzxid) of /register
        self.sequences = []      # (began, ended, number)
        self.backwards = []      # reads that went back, own writes not seen
        self.early = []          # ephemerals that vanished while their session lived

    def add(self, name, value):
        with self.lock:
            getattr(self, name).append(value)


def creator(ensemble, histories, stop, number):
    zk = client(ensemble.hosts(), timeout=10)
    i = 0
    last_zxid = 0
    while not stop.is_set():
        path, data = f"/w/{number}-{i}", os.urandom(20).hex().encode()
        i += 1
        try:
            zk.create(path, data)
            with histories.lock:
                histories.acknowledged[path] = data
            seen, stat = zk.get(path)
            if seen != data:
                histories.add("backwards", ("own write not seen", path))
            if stat.mzxid < last_zxid:
                histories.add("backwards", ("mzxid went back", path, stat.mzxid, last_zxid))
            last_zxid = max(last_zxid, stat.mzxid)
        except NoNodeError:
            histories.add("backwards", ("own acknowledged write missing", path))
        except KazooException:
            time.sleep(0.01)
    zk.stop()
    zk.close()


def register_user(ensemble, histories, stop, number, chance):
    zk = client(ensemble.hosts(), timeout=10)
    last_version = -1
    while not stop.is_set():
        began = time.monotonic()
        try:
            if chance.random() < 0.5:
                value = f"{number}:{began}".encode()
                stat = zk.set("/register", value)
                histories.add("register", (began, time.monotonic(), "write", value, stat.version,
                                           stat.mzxid))
            else:
                value, stat = zk.get("/register")
                histories.add("register", (began, time.monotonic(), "read", value, stat.version,
                                           stat.mzxid))
            if stat.version < last_version:
                histories.add("backwards", ("register version went back", stat.version,
                                            last_version))
            last_version = stat.version
        except KazooException:
            time.sleep(0.01)
        time.sleep(0.002)
    zk.stop()
    zk.close()


def sequencer(ensemble, histories, stop, _number):
    zk = client(ensemble.hosts(), timeout=10)
    while not stop.is_set():
        began = time.monotonic()
        try:
            path = zk.create("/seq/n-", b"", sequence=True)
            histories.add("sequences", (began, time.monotonic(), int(path[-10:])))
        except KazooException:
            time.sleep(0.01)
        time.sleep(0.002)
    zk.stop()
    zk.close()


def ephemeral_owner(ensemble, histories, stop, number):
    """Its session lives all the time; so must its node."""
    zk = client(ensemble.hosts(), timeout=30)
    session = zk.client_id[0]
    path = f"/eph/{number}"
    zk.retry(zk.create, path, b"", ephemeral=True)
    while not stop.is_set():
        try:
            stat = zk.exists(path)
            identity = zk.client_id  # none while it has no connection
            if identity is not None and identity[0] != session:
                histories.add("early", ("session lost", path))
                break
            if stat is None or stat.ephemeralOwner != session:
                histories.add("early", ("vanished", path, stat))
        except KazooException:
            pass
        time.sleep(0.05)
    zk.stop()
    zk.close()


def check_register(history):
    """Writes are totally ordered by version; that order must respect real time, and every read must
    return the write of its version, which must have begun before the read ended."""
    writes = {}
    for began, ended, kind, value, version, mzxid in history:
        if kind == "write":
            assert version not in writes, ("two writes of one version", version)
            writes[version] = (began, ended, value, mzxid)
    ordered = [writes[v] for v in sorted(writes)]
    latest_begin = 0.0
    zxid = 0
    for began, ended, _, mzxid in ordered:
        assert mzxid > zxid, "versions and zxids must agree in order"
        zxid = mzxid
        # No write of a lower version may begin after this one has ended.
        assert latest_begin <= ended, "a later write got the lower version"
        latest_begin = max(latest_begin, began)
    for began, ended, kind, value, version, mzxid in history:
        if kind == "read" and version in writes:
            assert writes[version][2] == value, ("read of a value nobody wrote at that version",
                                                 version)
            assert writes[version][0] <= ended, "a read saw a write before it began"


def check_sequences(sequences):
    numbers = [number for _, _, number in sequences]
    assert len(set(numbers)) == len(numbers), "a sequential number was given twice"
    by_number = sorted(sequences, key=lambda s: s[2])
    latest_begin = 0.0
    for began, ended, number in by_number:
        assert latest_begin <= ended, ("a later create got a smaller number", number)
        latest_begin = max(latest_begin, began)


def random_kills_under_load():
    chance = random.Random(SEED)
    ensemble = Ensemble(["zooid"] * 3, settings="snapCount=2000\n").start()
    ensemble.wait_all()
    zk = client(ensemble.hosts())
    for path in ("/w", "/seq", "/eph"):
        zk.create(path, b"")
    zk.create("/register", b"start")
    zk.stop()
    zk.close()
    histories, stop = Histories(), threading.Event()
    threads = []
    for i in range(3):
        threads.append(threading.Thread(target=creator, args=(ensemble, histories, stop, i)))
        threads.append(threading.Thread(target=register_user,
                                        args=(ensemble, histories, stop, i,
                                              random.Random(SEED + i))))
        threads.append(threading.Thread(target=sequencer, args=(ensemble, histories, stop, i)))
        threads.append(threading.Thread(target=ephemeral_owner,
                                        args=(ensemble, histories, stop, i)))
    for thread in threads:
        thread.daemon = True
        thread.start()
    end = time.monotonic() + SECONDS
    kills = 0
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 2.5))
        victims = chance.sample([1, 2, 3], chance.choice([1, 1, 1, 2]))
        for victim in victims:
            ensemble[victim].kill()
            kills += 1
        time.sleep(chance.uniform(0.0, 1.0))
        for victim in victims:
            ensemble[victim].start()
        # Give the ensemble a moment of service between the blows.
        wait_for(lambda: any(s.mode() == "leader" for s in ensemble), 30, "a leader again")
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a client hangs"
    ensemble.wait_all()
    print(f"     {kills} kills, {len(histories.acknowledged)} creates, {len(histories.register)} "
          f"register operations, {len(histories.sequences)} sequential nodes", flush=True)
    assert len(histories.acknowledged) > 500 and len(histories.register) > 500
    assert not histories.backwards, histories.backwards[:5]
    assert not histories.early, histories.early[:5]
    check_register(histories.register)
    check_sequences(histories.sequences)
    for server in ensemble:
        zk = client(server.address)
        zk.sync("/")
        names = set(zk.get_children("/w"))
        for path, data in histories.acknowledged.items():
            assert path[3:] in names, f"acknowledged write lost at server {server.id}: {path}"
        zk.stop()
        zk.close()
        assert "digest mismatch" not in server.log(), server.log_path
        assert "assertion failed" not in server.log(), server.log_path
    trees = [harness.tree(s.address) for s in ensemble]
    assert trees[0] == trees[1] == trees[2]


def read_frame(xid, path):
    body = struct.pack(">ii", xid, 4) + struct.pack(">i", len(path)) + path.encode() + b"\0"
    return struct.pack(">i", len(body)) + body


def delete_frame(xid, path):
    body = struct.pack(">ii", xid, 2) + struct.pack(">i", len(path)) + path.encode()
    body += struct.pack(">i", -1)
    return struct.pack(">i", len(body)) + body


def pipelined_create_get_delete():
    """The read sees the create and not the delete, on a single server, a leader and a follower; Java
    is asked the same."""
    ensemble = Ensemble(["zooid"] * 3).start()
    ensemble.wait_all()
    alone = standalone("zooid").start()
    alone.wait_mode("standalone")
    java = standalone("java").start()
    java.wait_mode("standalone")
    for server, rounds in [(java, 300), (alone, 3000), (ensemble[1], 1000), (ensemble[2], 1000),
                           (ensemble[3], 1000)]:
        connection, _, _ = harness.raw_connect(server.client_port)
        for i in range(rounds):
            xid = 3 * i + 1
            connection.sendall(harness.create_frame(xid, "/p", b"d") + read_frame(xid + 1, "/p") +
                               delete_frame(xid + 2, "/p"))
            created, got, deleted = (harness.receive_frame(connection) for _ in range(3))
            for reply, expected in ((created, xid), (got, xid + 1), (deleted, xid + 2)):
                assert struct.unpack(">i", reply[:4])[0] == expected
                assert struct.unpack(">i", reply[12:16])[0] == 0, (server.kind, i, reply)
            create_zxid, read_zxid, delete_zxid = (struct.unpack(">q", r[4:12])[0]
                                                   for r in (created, got, deleted))
            assert create_zxid <= read_zxid < delete_zxid, (server.kind, i)
            assert got[16:21] == b"\0\0\0\1d"
        connection.close()


harness.main([pipelined_create_get_delete, random_kills_under_load])
