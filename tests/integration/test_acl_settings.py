"""Settings of ACLs that are not the default, Zooid's servers beside Java's: the digest scheme switched off,
the eager check."""

import struct

import harness
from harness import Ensemble, standalone, wait_for

CREATE, DELETE, SET_DATA, SET_ACL, CREATE2, AUTH = 1, 2, 5, 7, 15, 100
NO_AUTH, INVALID_ACL, AUTH_FAILED = -102, -114, -115
ANYONE = [(31, "world", "anyone")]


def text(value):
    return struct.pack(">i", len(value)) + value.encode()


def acl_bytes(acl):
    return struct.pack(">i", len(acl)) + b"".join(
        struct.pack(">i", perms) + text(scheme) + text(name) for perms, scheme, name in acl)


def frame(xid, kind, body):
    return struct.pack(">iii", 8 + len(body), xid, kind) + body


def create(path, acl, kind=CREATE):
    return kind, text(path) + text("") + acl_bytes(acl) + struct.pack(">i", 0)


def ask(connection, request, xid=1):
    """(error, zxid) of the reply."""
    connection.settimeout(20)
    connection.sendall(frame(xid, *request))
    return struct.unpack(">iqi", harness.receive_frame(connection)[:16])[:0:-1]


def without_digest_nobody_logs_in_by_it_and_no_acl_may_name_it():
    answers = {}
    for kind in ("java", "zooid"):
        server = standalone(kind, "DigestAuthenticationProvider.enabled=false\n").start()
        wait_for(lambda: server.mode() == "standalone", 30, "the server")
        connection, _, _ = harness.raw_connect(server.client_port)
        seen = [ask(connection, request)[0] for request in (
            create("/digest", [(31, "digest", "alice:x")]),
            create("/auth", [(31, "auth", "")]),
            create("/ip", [(31, "ip", "127.0.0.1")]),
            (SET_ACL, text("/ip") + acl_bytes([(31, "digest", "alice:x")]) + struct.pack(">i", -1)))]
        connection.sendall(frame(-4, AUTH, struct.pack(">i", 0) + text("digest") + text("alice:pw")))
        seen.append(struct.unpack(">iqi", harness.receive_frame(connection)[:16])[2])
        try:
            seen.append(connection.recv(1))
        except ConnectionResetError:
            seen.append(b"")
        answers[kind] = seen
        connection.close()
        server.kill()
    assert answers["java"] == [INVALID_ACL, INVALID_ACL, 0, INVALID_ACL, AUTH_FAILED, b""], answers
    assert answers["zooid"] == answers["java"], answers


def the_eager_check_refuses_without_a_transaction():
    answers = {}
    for kind in ("java", "zooid"):
        ensemble = Ensemble([kind] * 3, settings="enableEagerACLCheck=true\n", tick_ms=500,
                            init_limit=20).start()
        leader = ensemble.wait_all()
        for server in ensemble:
            shut = f"/shut{server.id}"
            connection, _, _ = harness.raw_connect(server.client_port)
            error, before = ask(connection, create(shut, [(1, "world", "anyone")]))
            assert error == 0
            refused = [ask(connection, request) for request in (
                create(shut + "/a", ANYONE), create(shut + "/a", ANYONE, CREATE2),
                (DELETE, text(shut + "/a") + struct.pack(">i", -1)),
                (SET_DATA, text(shut) + text("") + struct.pack(">i", -1)),
                (SET_ACL, text(shut) + acl_bytes(ANYONE) + struct.pack(">i", -1)),
                create(f"/other{server.id}", []),
                create(f"/other{server.id}", [(31, "nobody", "x")]))]
            error, after = ask(connection, create(f"/last{server.id}", ANYONE))
            role = "leader" if server is leader else "follower"
            answers.setdefault((kind, role), []).append((refused, error, after - before))
            connection.close()
        ensemble.stop()
    wanted = ([(NO_AUTH, 0)] * 5 + [(INVALID_ACL, 0)] * 2, 0, 1)
    for who, seen in answers.items():
        assert seen == [wanted] * len(seen), (who, seen)
    assert len(answers) == 4


harness.main([without_digest_nobody_logs_in_by_it_and_no_acl_may_name_it,
              the_eager_check_refuses_without_a_transaction])
