"""What mntr tells, beside Java's."""

import struct

import harness
from harness import standalone, wait_for

QUOTA_EXCEEDED = -125


def quota_lines(server):
    return sorted(line for line in server.word("mntr").splitlines() if "_quota_" in line)


def quotas_are_shown_by_namespace_as_java_does():
    limits = {"/a/x": b"count=3,bytes=-1;byteHardLimit=10;countHardLimit=-1",
              "/a/y": b"count=-1,bytes=-1;byteHardLimit=-1;countHardLimit=2",
              "/b": b"count=1,bytes=2"}
    shown = {}
    for kind in ("java", "zooid"):
        server = standalone(kind, "enforceQuota=true\n").start()
        wait_for(lambda: server.mode() == "standalone", 30, "the server")
        assert quota_lines(server) == [], kind
        connection, _, _ = harness.raw_connect(server.client_port)

        def create(path, data=b""):
            connection.sendall(harness.create_frame(1, path, data))
            return struct.unpack(">iqi", harness.receive_frame(connection)[:16])[2]

        for path, data in (("/a", b""), ("/a/x", b"12345"), ("/a/y", b""), ("/b", b"123"), ("/c", b"")):
            assert create(path, data) == 0
        for path in ("/a", "/a/x", "/a/y", "/b", "/c"):
            assert create("/zookeeper/quota" + path) == 0
        for path, text in limits.items():
            assert create(f"/zookeeper/quota{path}/zookeeper_limits", text) == 0
            assert create(f"/zookeeper/quota{path}/zookeeper_stats", b"count=0,bytes=0") == 0
        errors = [create(*node) for node in (("/a/x/1", b"12345"), ("/a/x/2", b"1"), ("/a/y/1",),
                                             ("/a/y/2",), ("/b/1", b"12"))]
        assert errors == [0, QUOTA_EXCEEDED, 0, QUOTA_EXCEEDED, 0], (kind, errors)
        shown[kind] = quota_lines(server)
        connection.close()
        server.kill()
    assert "zk_a_quota_exceeded_error_per_namespace\t2" in shown["java"], shown["java"]
    assert shown["zooid"] == shown["java"], shown


harness.main([quotas_are_shown_by_namespace_as_java_does])
