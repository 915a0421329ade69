"""Proof of format: Java starts on a directory that Zooid wrote and shows the same tree, and the reverse
(sessions, ACLs, sequential, container, TTL, multi)."""

import os
import shutil
import signal

import harness
from harness import client, standalone

from kazoo.security import make_acl, make_digest_acl

SETTINGS = "extendedTypesEnabled=true\nsnapCount=1000000\n"


def fill(server):
    zk = client(server.address)
    zk.add_auth("digest", "alice:pw")
    zk.create("/plain", b"data")
    zk.create("/empty", b"")
    zk.create("/deep/er/est", b"d", makepath=True)
    for _ in range(5):
        zk.create("/deep/seq-", b"s", sequence=True)
    zk.create("/owned", b"o", acl=[make_digest_acl("alice", "pw", all=True)])
    zk.create("/readable", b"r", acl=[make_acl("world", "anyone", read=True),
                                      make_digest_acl("alice", "pw", all=True)])
    zk.set("/plain", b"changed")
    zk.set_acls("/empty", [make_acl("world", "anyone", all=True),
                           make_acl("ip", "127.0.0.1", all=True)])
    zk.delete("/deep/seq-0000000002")
    transaction = zk.transaction()
    transaction.create("/multi", b"m")
    transaction.set_data("/multi", b"mm")
    transaction.check("/multi", 1)
    transaction.create("/multi/child", b"c")
    assert not any(isinstance(r, Exception) for r in transaction.commit())
    failing = zk.transaction()
    failing.create("/never", b"")
    failing.delete("/no/such")
    failing.commit()
    raw, _, _ = harness.raw_connect(server.client_port, timeout_ms=8000)
    raw.sendall(harness.create_frame(1, "/of-a-session", b"e", flags=1))
    harness.receive_frame(raw)
    run = harness.zooid_cli(server.address, "create", "-c", "/container", "x")
    assert "Created /container" in run, run
    run = harness.zooid_cli(server.address, "create", "-t", "3600000", "/ttl", "x")
    assert "Created /ttl" in run, run
    zk.stop()
    zk.close()
    return raw


def full_tree(server):
    """As alice, who may read everything; times, versions and owners included."""
    zk = client(server.address)
    zk.add_auth("digest", "alice:pw")
    result = {}

    def walk(path):
        data, stat = zk.get(path)
        acls, _ = zk.get_acls(path)
        result[path] = (data, tuple(stat), tuple(map(repr, acls)))
        for child in sorted(zk.get_children(path)):
            walk((path if path != "/" else "") + "/" + child)

    for child in sorted(zk.get_children("/")):
        if child != "zookeeper":
            walk("/" + child)
    zk.stop()
    zk.close()
    return result


def move(kind_from, kind_to, restart_first):
    first = standalone(kind_from, SETTINGS, tick_ms=2000).start()
    first.wait_mode("standalone")
    raw = fill(first)
    before = full_tree(first)
    assert "/of-a-session" in before and "/container" in before and "/ttl" in before
    first.kill(signal.SIGKILL)
    raw.close()
    if restart_first:  # so that a snapshot holds it, too
        first.start()
        first.wait_mode("standalone")
        assert full_tree(first) == before
        first.kill(signal.SIGKILL)
    second = standalone(kind_to, SETTINGS, tick_ms=2000)
    shutil.rmtree(second.data)
    shutil.copytree(first.data, second.data)
    second.start()
    second.wait_mode("standalone")
    assert full_tree(second) == before, second.log_path
    for word in ("mismatch", "Digests are not matching", "corrupt"):
        assert word not in second.log(), second.log_path
    second.kill(signal.SIGKILL)


def java_reads_what_zooid_wrote():
    move("zooid", "java", restart_first=False)


def zooid_reads_what_java_wrote():
    move("java", "zooid", restart_first=True)


def zooid_reads_compressed_snapshots_of_java_and_the_reverse():
    for method in ("gz", "snappy"):
        settings = SETTINGS + f"snapshot.compression.method={method}\n"
        first = standalone("zooid", settings + "snapCount=20\n", tick_ms=2000).start()
        first.wait_mode("standalone")
        raw = fill(first)
        zk = client(first.address)
        for i in range(100):
            zk.create(f"/more{i}", b"m" * 300)
        zk.stop()
        zk.close()
        harness.wait_for(lambda: any(n.endswith("." + method) and n != f"snapshot.0.{method}"
                                     for n in os.listdir(first.data + "/version-2")), 10,
                         f"a {method} snapshot")
        before = full_tree(first)
        first.kill(signal.SIGKILL)
        raw.close()
        second = standalone("java", settings, tick_ms=2000)
        shutil.rmtree(second.data)
        shutil.copytree(first.data, second.data)
        second.start()
        second.wait_mode("standalone")
        assert full_tree(second) == before, second.log_path
        second.kill(signal.SIGKILL)


harness.main([java_reads_what_zooid_wrote, zooid_reads_what_java_wrote,
              zooid_reads_compressed_snapshots_of_java_and_the_reverse])
