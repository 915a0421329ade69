"""A Java 3.8.0 server in one ensemble with two Zooid servers, in both roles, under load with batches;
each kind of leader killed, every server restarted (issue list 8)."""

import glob
import struct
import threading
import time

import harness
from harness import Ensemble, client, wait_for

CONNECTIONS, DEPTH = 32, 8
# Behind so many writes the load goes on more slowly: every tree is compared node by node at the end.
FULL_LOAD_WRITES = 60_000


class Load:
    """CONNECTIONS connections, each with DEPTH creates in flight, reconnecting when they break."""

    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.stopping = False
        self.acknowledged = set()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                        for i in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        sequence = 0
        while not self.stopping:
            server = self.ensemble.servers[(number + sequence) % len(self.ensemble.servers)]
            try:
                connection, session, _ = harness.raw_connect(server.client_port, timeout_ms=4000)
                if session == 0:
                    raise ConnectionError("refused")
                connection.settimeout(8)
                while not self.stopping:
                    paths = []
                    batch = b""
                    for i in range(DEPTH):
                        sequence += 1
                        paths.append(f"/load/c{number}-{sequence}")
                        batch += harness.create_frame(sequence, paths[-1], b"v" * 60)
                    connection.sendall(batch)
                    for path in paths:
                        reply = harness.receive_frame(connection)
                        error = int.from_bytes(reply[12:16], "big", signed=True)
                        assert error == 0, (path, error)
                        with self.lock:
                            self.acknowledged.add(path)
                    time.sleep(0.5 if len(self.acknowledged) > FULL_LOAD_WRITES else 0.03)
            except (OSError, ConnectionError):
                sequence += 1
                time.sleep(0.05)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)


def hole_in_log(server):
    """Zxids that a Java server's own log files jump over inside an epoch, behind its newest snapshot:
    (before, behind), or None. Java 3.8.0 can apply what it is sent while it synchronises and never log
    it (ZOOKEEPER-4712); when it is killed later, that is gone."""
    zxids = set()
    for path in glob.glob(f"{server.directory}/**/log.*", recursive=True):
        with open(path, "rb") as file:
            content = file.read()
        position = 16
        while position + 12 <= len(content):
            length = int.from_bytes(content[position + 8:position + 12], "big")
            if length == 0:
                break
            zxids.add(int.from_bytes(content[position + 24:position + 32], "big"))
            position += 12 + length + 1
    snapshots = glob.glob(f"{server.directory}/**/snapshot.*", recursive=True)
    newest = max((int(path.rpartition(".")[2], 16) for path in snapshots), default=0)
    ordered = sorted(zxid for zxid in zxids if zxid >= newest)
    for before, behind in zip([newest] + ordered, ordered):
        if before >> 32 == behind >> 32 and behind > before + 1:
            return f"0x{before:x}", f"0x{behind:x}"
    return None


def check_equal(ensemble, load):
    servers, trees = [], []
    for server in ensemble:
        hole = hole_in_log(server) if server.kind == "java" else None
        if hole:
            print(f"     Java server {server.id} did not log what stands between {hole}: not compared")
            continue
        servers.append(server)
        trees.append(harness.tree(server.address))
    for path in load.acknowledged:
        assert path in trees[0], f"acknowledged write lost: {path}"
    assert len(trees) >= 2
    for server, one in zip(servers, trees):
        assert one == trees[0], (f"server {server.id} differs",
                                 sorted(set(one.items()) ^ set(trees[0].items()))[:5])
    for server in ensemble:
        log = server.log()
        for word in ("Digests are not matching", "digest mismatch", "Exiting JVM",
                     "Severe unrecoverable error"):
            assert word not in log, (word, server.log_path)


def restart_all(ensemble):
    """Every server reads its files again: what a synchronisation left there comes back, whatever it is."""
    for server in ensemble:
        if server.alive():
            server.kill()
    ensemble.start()
    ensemble.wait_all()


def run_mixed(kinds, first_leader):
    """kinds[i] is server i + 1; started so that `first_leader` leads first."""
    ensemble = Ensemble(kinds, tick_ms=500, init_limit=20, sync_limit=8)
    order = [s.id for s in ensemble if s.id != first_leader]
    low = min(order)
    ensemble.start(low, first_leader) if first_leader > low else ensemble.start(first_leader)
    if first_leader < low:
        ensemble.start(low)
    leader = ensemble.wait_leader()
    assert leader.id == first_leader, (leader.id, first_leader)
    ensemble.start(*[i for i in order if i != low])
    ensemble.wait_all()
    zk = client(ensemble.hosts())
    zk.create("/load", b"")
    zk.stop()
    zk.close()
    load = Load(ensemble)
    time.sleep(2)
    assert load.acknowledged, "the load must get through"

    # Each server in turn is killed and restarted, the leader of that moment first.
    for _ in range(2):
        leader = ensemble.wait_leader()
        before = len(load.acknowledged)
        leader.kill()
        ensemble.wait_leader()
        wait_for(lambda: len(load.acknowledged) > before + 200, 30, "writes after the leader's end")
        leader.start()
        leader.wait_mode("leader", "follower", seconds=60)
        # Java 3.8.0 loses what it has applied and not yet logged when its leader is lost
        # (ZOOKEEPER-4712): a Java follower gets time to log what it was sent.
        time.sleep(2)
    for server in ensemble:
        if server.mode() == "follower":
            server.kill()
            time.sleep(0.5)
            server.start()
            server.wait_mode("follower", "leader", seconds=60)
    time.sleep(1)
    load.stop()
    ensemble.wait_all()
    for server in ensemble:
        assert server.alive(), (server.id, server.kind, server.log_path)
    check_equal(ensemble, load)
    restart_all(ensemble)
    check_equal(ensemble, load)
    print(f"     {kinds}: {len(load.acknowledged)} acknowledged writes, none lost", flush=True)
    ensemble.stop()


def java_leads_two_zooid_followers():
    run_mixed(["zooid", "zooid", "java"], first_leader=3)


def zooid_leads_java_and_zooid():
    run_mixed(["zooid", "java", "zooid"], first_leader=3)


def tree_once_settled(server):
    """Servers that were started together may send their clients away once more before they stay."""
    def attempt():
        try:
            return harness.tree(server.address)
        except struct.error:
            return None  # the connection ended in the middle of an answer
    return wait_for(attempt, 60, f"the tree of server {server.id}")


def migration_one_server_at_a_time_and_back():
    """Java to Zooid and back on the same directories, the ensemble serving all the time."""
    ensemble = Ensemble(["java"] * 3, tick_ms=500, init_limit=20, sync_limit=8).start()
    ensemble.wait_all()
    zk = client(ensemble.hosts(), timeout=20)
    zk.create("/load", b"")
    written = []
    for kind in ("zooid", "java"):
        for server in ensemble:
            server.kill()
            server.kind = kind
            wait_for(lambda: zk.connected, 30)
            for _ in range(20):
                path = f"/load/m{len(written)}"
                zk.retry(zk.ensure_path, path)
                written.append(path)
            server.start()
            server.wait_mode("leader", "follower", seconds=60)
    ensemble.wait_all()
    restart_all(ensemble)
    trees = [tree_once_settled(server) for server in ensemble]
    for server, one in zip(ensemble, trees):
        assert set(written) <= set(one), (server.id, set(written) - set(one))
        assert one == trees[0], (server.id, sorted(set(one.items()) ^ set(trees[0].items()))[:5])
    zk.stop()
    zk.close()


harness.main([java_leads_two_zooid_followers, zooid_leads_java_and_zooid,
              migration_one_server_at_a_time_and_back])
