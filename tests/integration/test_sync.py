"""How a server that was away comes back: SNAP, DIFF, TRUNC, with ten thousand writes during each
(issue list 5)."""

import socket
import struct
import threading
import time

import harness
from harness import Ensemble, client, wait_for

WRITES = 10_000


class Writer(threading.Thread):
    """Pipelines WRITES creates through one server; counts what was acknowledged."""

    def __init__(self, server, prefix, count=WRITES):
        super().__init__(daemon=True)
        self.server, self.prefix, self.count = server, prefix, count
        self.acknowledged = 0
        self.connection, _, _ = harness.raw_connect(server.client_port, timeout_ms=4000)

    def run(self):
        batch = 100
        for first in range(0, self.count, batch):
            self.connection.sendall(b"".join(
                harness.create_frame(i + 1, f"/{self.prefix}{i}", b"x" * 50)
                for i in range(first, first + batch)))
            for _ in range(batch):
                harness.receive_frame(self.connection)
                self.acknowledged += 1


def equal_everywhere(ensemble, prefix, count=WRITES):
    counts = []
    for server in ensemble:
        zk = client(server.address)
        wait_for(lambda: len([n for n in zk.get_children("/") if n.startswith(prefix)]) == count, 30,
                 f"server {server.id} has all {count} of {prefix}")
        zk.stop()
        zk.close()
        counts.append(server.monitor()["zk_znode_count"])
    assert len(set(counts)) == 1, counts
    for server in ensemble:
        assert "digest mismatch" not in server.log(), server.log_path


def wiped_follower_comes_back_by_snap():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    away = next(s for s in ensemble if s is not leader)
    zk = client(leader.address)
    for i in range(700):
        zk.create(f"/early{i}", b"e" * 100)
    zk.stop()
    zk.close()
    away.kill()
    away.wipe()
    writer = Writer(leader, "snap")
    writer.start()
    time.sleep(0.05)
    away.start()
    away.wait_mode("follower")
    writer.join(60)
    assert writer.acknowledged == WRITES, writer.acknowledged
    equal_everywhere(ensemble, "snap")
    assert "SNAP" in sync_words(away), sync_words(away)


def sync_words(server):
    import subprocess
    return subprocess.run([harness.ZOOID, "explain", server.config_path], capture_output=True,
                          text=True, timeout=20).stdout


def short_absence_is_a_diff():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    away = next(s for s in ensemble if s is not leader)
    zk = client(leader.address)
    zk.create("/marker", b"")
    away.kill()
    for i in range(20):
        zk.create(f"/missed{i}", b"")
    zk.stop()
    zk.close()
    writer = Writer(leader, "diff")
    writer.start()
    away.start()
    away.wait_mode("follower")
    writer.join(60)
    assert writer.acknowledged == WRITES
    equal_everywhere(ensemble, "diff")
    assert "DIFF" in sync_words(away), sync_words(away)


def surplus_transactions_are_cut():
    """The leader logs what nobody else gets, dies, comes back to a new epoch: TRUNC."""
    relays = harness.Relays()
    ensemble = harness.relayed_ensemble(3, relays)
    ensemble.start()
    old = ensemble.wait_all()
    others = [s for s in ensemble if s is not old]
    zk = client(old.address)
    for i in range(20):
        zk.create(f"/common{i}", b"")
    zk.stop()
    zk.close()
    for server in others:
        relays.cut(old.id, server.id)
    # Its createSession transaction is proposed and logged, and goes nowhere.
    lonely = half_open_session(old.client_port)
    time.sleep(0.3)
    lonely.close()
    old.kill()
    new = wait_for(lambda: next((s for s in others if s.mode() == "leader"), None), 30)
    for server in others:
        relays.heal(old.id, server.id)
    old.start()
    old.wait_mode("follower")
    assert "TRUNC" in sync_words(old), sync_words(old)
    # And again, with ten thousand writes while it is brought in line.
    zk = client(new.address)
    zk.create("/newer", b"")
    writer = Writer(new, "trunc")
    old.kill()
    writer.start()
    old.start()
    old.wait_mode("follower")
    writer.join(60)
    assert writer.acknowledged == WRITES
    equal_everywhere(ensemble, "trunc")
    view = client(old.address)
    assert view.exists("/newer")
    view.stop()
    view.close()
    zk.stop()
    zk.close()
    relays.stop()


def half_open_session(port):
    """Asks for a session without waiting: its createSession transaction is proposed and logged."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    body = struct.pack(">iqiq", 0, 0, 10000, 0) + struct.pack(">i", 16) + b"\0" * 16 + b"\0"
    connection.sendall(struct.pack(">i", len(body)) + body)
    return connection


harness.main([wiped_follower_comes_back_by_snap, short_absence_is_a_diff,
              surplus_transactions_are_cut])
