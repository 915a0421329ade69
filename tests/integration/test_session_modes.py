"""Local sessions with their upgrade, read-only mode, and the reaper of containers and TTL nodes."""

import re
import struct
import subprocess
import time

import harness
from harness import Ensemble, client, standalone, wait_for

EPHEMERAL_ON_LOCAL = -120
SESSION_EXPIRED = -112
MULTI = 14
NO_NODE = -101
EXISTS, CREATE_CONTAINER, CREATE_TTL, CLOSE_SESSION = 3, 19, 21, -11
EPHEMERAL = 1
LOCAL = "localSessionsEnabled=true\n"
UPGRADING = LOCAL + "localSessionsUpgradingEnabled=true\n"


def ask(connection, frame):
    """(error, header zxid, body) of the reply to one request; events before it are skipped."""
    connection.settimeout(20)
    connection.sendall(frame)
    wanted, = struct.unpack(">i", frame[4:8])
    while True:
        reply = harness.receive_frame(connection)
        xid, zxid, error = struct.unpack(">iqi", reply[:16])
        if xid == wanted:
            return error, zxid, reply[16:]


def create(connection, xid, path, flags=0):
    return ask(connection, harness.create_frame(xid, path, b"", flags))[0]


def create_in_multi(connection, xid, path, flags=0):
    """The error of the only operation of a multi; 0 if it was done."""
    operation = struct.pack(">ibi", 1, 0, -1) + harness.create_frame(0, path, b"", flags)[12:]
    body = struct.pack(">ii", xid, MULTI) + operation + struct.pack(">ibi", -1, 1, -1)
    error, _, results = ask(connection, struct.pack(">i", len(body)) + body)
    assert error == 0, error
    return struct.unpack(">ibi", results[:9])[2] if struct.unpack(">i", results[:4])[0] == -1 else 0


def exists(connection, xid, path):
    return ask(connection, harness._request(xid, EXISTS, path, b"\0"))


def close_session(connection, xid):
    return ask(connection, struct.pack(">iii", 8, xid, CLOSE_SESSION))[0]


def last_zxid(server):
    """Of the tree that this server serves."""
    connection, session, _ = harness.raw_connect(server.client_port)
    assert session != 0
    zxid = exists(connection, 1, "/")[1]
    connection.close()
    return zxid


def is_gone(server, path):
    connection, _, _ = harness.raw_connect(server.client_port)
    error = exists(connection, 1, path)[0]
    connection.close()
    return error == NO_NODE


def is_closed(connection):
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def a_local_session_makes_no_transaction_and_ends_with_its_server():
    ensemble = Ensemble(["zooid"] * 3, settings=LOCAL).start()
    leader = ensemble.wait_all()
    follower = next(s for s in ensemble if s is not leader)
    before = last_zxid(leader)
    opened = [harness.raw_connect(s.client_port) for s in ensemble for _ in range(5)]
    assert all(session != 0 for _, session, _ in opened)
    assert last_zxid(leader) == before, "opening local sessions must log nothing"
    for connection, _, _ in opened[:3]:
        assert close_session(connection, 7) == 0
    assert last_zxid(leader) == before

    for server in (leader, follower):
        connection, session, password = harness.raw_connect(server.client_port)
        name = f"/n{server.id}"
        assert create(connection, 1, name) == 0, "writes need no global session"
        assert create(connection, 2, name + "/e", EPHEMERAL) == EPHEMERAL_ON_LOCAL
        assert create(connection, 3, name + "/e", EPHEMERAL + 2) == EPHEMERAL_ON_LOCAL
        # A leader knows its own local sessions; of a follower's it says so only to the follower.
        inside = EPHEMERAL_ON_LOCAL if server is leader else SESSION_EXPIRED
        assert create_in_multi(connection, 5, name + "/e", EPHEMERAL) == inside
        connection.close()
        again, same, _ = harness.raw_connect(server.client_port, session=session,
                                             password=password)
        assert same == session, "it attaches again at its own server"
        other = next(s for s in ensemble if s is not server)
        _, refused, _ = harness.raw_connect(other.client_port, session=session, password=password)
        assert refused == 0, "another server does not know it"
        assert create(again, 4, name + "/c") == 0, "which does it no harm"
        again.close()

    # Silent for longer than its time-out: gone, without a transaction. An attempt that finds it alive
    # gives it its full time again.
    before = last_zxid(leader)
    silent, session, password = harness.raw_connect(follower.client_port, timeout_ms=800)
    assert is_closed(silent)
    wait_for(lambda: harness.raw_connect(follower.client_port, session=session, password=password,
                                         timeout_ms=800)[1] == 0, 30, "the expiry", interval=3)
    assert last_zxid(leader) == before
    ensemble.stop()


def dumped_sessions(server):
    """The session part of `dump`: sessions by name, moments as T, a set that is empty by now left out."""
    text = server.word("dump")
    text = text[:text.index("ephemeral nodes dump:")]
    text = re.sub(r"0 expire at .*\n", "", text)
    return re.sub(r"Sets \(\d+\)", "Sets (n)", re.sub(r"expire at .*:", "expire at T:", text))


def dump_and_mntr_tell_local_sessions_as_java_does():
    for kinds in (["java", "zooid", "zooid"], ["zooid", "zooid", "java"]):
        ensemble = Ensemble(kinds, settings=UPGRADING, tick_ms=500, init_limit=20)
        ensemble.start(2, 3)
        leader = ensemble.wait_leader()
        assert leader.id == 3
        ensemble.start(1)
        ensemble.wait_all()
        connection, global_id, _ = harness.raw_connect(ensemble[2].client_port, timeout_ms=9000)
        assert create(connection, 1, "/e", EPHEMERAL) == 0
        connections = {0: connection}
        known = {}
        for server in ensemble:
            wait_for(lambda: "zk_global_sessions\t1\n" in server.word("mntr"), 10, "the global session")
            connections[server.id], session, _ = harness.raw_connect(server.client_port, timeout_ms=9000)
            known[server.id] = session
        for server in ensemble:
            assert "zk_local_sessions\t1\n" in server.word("mntr"), (server.kind, server.word("mntr"))
            wanted = ("SessionTracker dump:\nLocal Session Sets (n)/(1):\n1 expire at T:\n"
                      f"\t0x{known[server.id]:x}\n")
            wanted += (f"Global Session Sets (n)/(1):\n1 expire at T:\n\t0x{global_id:x}\n"
                       if server is leader else f"Global Sessions(1):\n0x{global_id:x}\t9000ms\n")
            assert dumped_sessions(server) == wanted, (server.kind, dumped_sessions(server), wanted)
        for connection in connections.values():
            connection.close()
        ensemble.stop()


def run_upgrade(kinds, leader_id, server_id):
    """A client of server_id makes an ephemeral node: its session becomes global."""
    ensemble = Ensemble(kinds, settings=UPGRADING, tick_ms=500, init_limit=20)
    first = [i for i in (1, 2, 3) if i != leader_id][0]
    ensemble.start(first, leader_id)
    assert ensemble.wait_leader().id == leader_id
    ensemble.start(*[i for i in (1, 2, 3) if i not in (first, leader_id)])
    ensemble.wait_all()
    server = ensemble[server_id]
    other = next(s for s in ensemble if s.id not in (leader_id, server_id))
    connection, session, password = harness.raw_connect(server.client_port, timeout_ms=6000)
    assert harness.raw_connect(other.client_port, session=session, password=password)[1] == 0, \
        "local so far"
    batch = harness.create_frame(1, "/p") + harness.create_frame(2, "/e", b"", EPHEMERAL) \
        + harness.create_frame(3, "/f", b"", EPHEMERAL)
    connection.sendall(batch)
    for xid in (1, 2, 3):
        reply = harness.receive_frame(connection)
        assert struct.unpack(">iqi", reply[:16])[::2] == (xid, 0), (kinds, xid, reply[:16])
    _, _, stat = exists(connection, 4, "/e")
    assert struct.unpack(">q", stat[44:52])[0] == session, "owned by the same session id"
    wait_for(lambda: not is_gone(other, "/e"), 10, "the node on another server")
    moved, same, _ = harness.raw_connect(other.client_port, session=session, password=password)
    assert same == session, "a global session attaches anywhere"
    assert close_session(moved, 9) == 0
    for each in ensemble:
        wait_for(lambda: is_gone(each, "/e") and is_gone(each, "/f"), 10, "ephemerals to vanish")

    # And one whose client is lost expires on the leader.
    connection, session, _ = harness.raw_connect(server.client_port, timeout_ms=2000)
    assert create(connection, 1, "/lost", EPHEMERAL) == 0
    connection.close()
    wait_for(lambda: is_gone(ensemble[leader_id], "/lost"), 20, "the lost client's ephemeral to go")
    ensemble.stop()


def an_ephemeral_node_makes_a_local_session_global():
    run_upgrade(["zooid"] * 3, leader_id=3, server_id=1)
    run_upgrade(["zooid"] * 3, leader_id=3, server_id=3)


def upgrades_beside_java():
    run_upgrade(["zooid", "zooid", "java"], leader_id=3, server_id=1)
    run_upgrade(["java", "zooid", "zooid"], leader_id=3, server_id=1)


def a_java_leader_refuses_what_the_client_hears_as_ephemeral_on_local_session():
    ensemble = Ensemble(["zooid", "zooid", "java"], settings=LOCAL, tick_ms=500, init_limit=20)
    ensemble.start(1, 3)
    assert ensemble.wait_leader().id == 3
    connection, _, _ = harness.raw_connect(ensemble[1].client_port)
    assert create(connection, 1, "/e", EPHEMERAL) == EPHEMERAL_ON_LOCAL
    assert create(connection, 2, "/p") == 0
    assert create_in_multi(connection, 3, "/e", EPHEMERAL) == SESSION_EXPIRED
    connection.close()
    ensemble.stop()


def reads_without_a_quorum():
    from kazoo.client import KazooState
    from kazoo.exceptions import NotReadOnlyCallError
    from kazoo.protocol.states import KeeperState
    ensemble = Ensemble(["zooid"] * 3, settings="readonlymode.enabled=true\n").start()
    ensemble.wait_all()
    zk = client(ensemble.hosts())
    zk.create("/data", b"kept")
    global_session, global_password = zk.client_id
    wait_for(lambda: not is_gone(ensemble[1], "/data"), 10, "the write on every server")
    ensemble[2].kill()
    ensemble[3].kill()
    one = ensemble[1]
    wait_for(lambda: one.mode() == "read-only", 20, "read-only mode")
    zk.stop()
    assert one.word("isro") == "ro"

    # Who does not ask for read-only gets nothing, a session of the quorum neither.
    for options in ({"read_only": False}, {"read_only_byte": False},
                    {"read_only": True, "session": global_session, "password": global_password}):
        try:
            harness.raw_connect(one.client_port, **options)
            raise AssertionError(f"{options} must be closed without a reply")
        except ConnectionError:
            pass

    states = []
    reader = client(one.address, read_only=True)
    reader.add_listener(states.append)
    assert reader.client_state == KeeperState.CONNECTED_RO
    assert reader.get("/data")[0] == b"kept"
    for write in (lambda: reader.create("/no", b""), lambda: reader.set("/data", b"no"),
                  lambda: reader.delete("/data"), lambda: reader.sync("/data"),
                  lambda: reader.transaction().commit()):
        try:
            write()
            raise AssertionError("a write must be refused")
        except NotReadOnlyCallError:
            pass
    reader.set_hosts(ensemble.hosts())

    # Java's own client, with its -r flag.
    shell = subprocess.run(
        ["java", f"-Dlog4j.configuration=file:{harness.log4j_config()}", "-cp",
         harness.JAVA_CLASS_PATH, "org.apache.zookeeper.ZooKeeperMain", "-server", one.address,
         "-r", "get", "/data"], capture_output=True, text=True, timeout=60)
    assert "kept" in shell.stdout, shell.stdout + shell.stderr

    # A quorum again: read-only connections are dropped, the client gets a session that may write.
    ensemble[2].start()
    ensemble.wait_leader()
    wait_for(lambda: reader.client_state == KeeperState.CONNECTED, 30, "a session of the quorum")
    assert KazooState.SUSPENDED in states or KazooState.LOST in states, states
    reader.create("/yes", b"")
    assert one.word("isro") == "rw"
    reader.stop()
    ensemble.stop()


def without_the_key_a_server_without_quorum_serves_nobody():
    ensemble = Ensemble(["zooid"] * 3)
    ensemble[1].start()
    wait_for(lambda: ensemble[1].word("isro") == "null", 10, "the server")
    time.sleep(3)
    assert ensemble[1].mode() is None
    try:
        harness.raw_connect(ensemble[1].client_port, read_only=True)
        raise AssertionError("must be closed")
    except ConnectionError:
        pass
    ensemble.stop()


def typed_create(xid, kind, path, flags, ttl_ms=None):
    frame = harness.create_frame(xid, path, b"", flags)[4:]
    frame = frame[:4] + struct.pack(">i", kind) + frame[8:]
    if ttl_ms is not None:
        frame += struct.pack(">q", ttl_ms)
    return struct.pack(">i", len(frame)) + frame


REAPER = ("extendedTypesEnabled=true\nznode.container.checkIntervalMs=300\n"
          "znode.container.maxPerMinute=1200\nznode.container.maxNeverUsedIntervalMs=2500\n")


def check_reaper(server, watched):
    connection, _, _ = harness.raw_connect(server.client_port)
    watcher, _, _ = harness.raw_connect(watched.client_port)
    # In one piece, so that no node is due before it has its child.
    connection.sendall(b"".join([
        typed_create(1, CREATE_CONTAINER, "/used", 4), harness.create_frame(2, "/used/c"),
        typed_create(3, CREATE_TTL, "/ttl-used", 5, ttl_ms=300), harness.create_frame(4, "/ttl-used/c"),
        typed_create(5, CREATE_TTL, "/ttl", 5, ttl_ms=1200),
        typed_create(6, CREATE_CONTAINER, "/never", 4)]))
    for xid in range(1, 7):
        reply = harness.receive_frame(connection)
        assert struct.unpack(">iqi", reply[:16])[::2] == (xid, 0), (xid, reply[:16])
    wait_for(lambda: exists(watcher, 1, "/used/c")[0] == 0, 10, "the nodes at the other server")
    for path in ("/ttl", "/never"):
        wait_for(lambda: exists(watcher, 9, path)[0] == NO_NODE, 30, f"{path} to be reaped")
    for path in ("/used", "/ttl-used"):
        assert exists(watcher, 10, path)[0] == 0, f"{path} has a child"
    error, _, _ = ask(watcher, harness._request(4, EXISTS, "/used", b"\1"))
    assert error == 0
    delete = harness._request(7, 2, "/used/c", struct.pack(">i", -1))
    assert ask(connection, delete)[0] == 0
    watcher.settimeout(20)
    event = harness.receive_frame(watcher)
    assert struct.unpack(">i", event[:4])[0] == -1 and struct.unpack(">i", event[16:20])[0] == 2, \
        "the reaper's deletion fires NodeDeleted"
    connection.close()
    watcher.close()


def containers_and_ttl_nodes_are_reaped():
    server = standalone("zooid", REAPER).start()
    wait_for(lambda: server.mode() == "standalone", 20, "the server")
    check_reaper(server, server)
    server.kill()
    ensemble = Ensemble(["zooid", "zooid", "java"], settings=REAPER, tick_ms=500, init_limit=20)
    ensemble.start(1, 2)
    leader = ensemble.wait_leader()
    ensemble.start(3)
    ensemble.wait_all()
    assert leader.kind == "zooid"
    check_reaper(leader, ensemble[3])
    ensemble.stop()


def sessions_outlive_a_restart():
    server = standalone("zooid").start()
    wait_for(lambda: server.mode() == "standalone", 20, "the server")
    first, session, password = harness.raw_connect(server.client_port, timeout_ms=8000)
    assert create(first, 1, "/e", EPHEMERAL) == 0
    second, same, _ = harness.raw_connect(server.client_port, session=session, password=password,
                                          timeout_ms=8000)
    assert same == session and is_closed(first), "a session has one connection, the newest"
    server.kill(harness.signal.SIGTERM)
    assert is_closed(second)
    server.start()
    wait_for(lambda: server.mode() == "standalone", 20, "the server again")
    third, same, _ = harness.raw_connect(server.client_port, session=session, password=password,
                                         timeout_ms=8000)
    assert same == session
    assert exists(third, 1, "/e")[0] == 0, "its ephemeral node waited for it"
    third.close()
    wait_for(lambda: is_gone(server, "/e"), 30, "the time-out")
    server.kill()


def a_moved_session_loses_its_old_connection():
    ensemble = Ensemble(["zooid"] * 3).start()
    ensemble.wait_all()
    first, session, password = harness.raw_connect(ensemble[1].client_port)
    assert create(first, 1, "/m") == 0
    second, same, _ = harness.raw_connect(ensemble[2].client_port, session=session,
                                          password=password)
    assert same == session and create(second, 1, "/m2") == 0
    first.sendall(harness.create_frame(2, "/late"))
    assert is_closed(first), "a write of the former owner closes its connection without a reply"
    assert is_gone(ensemble[2], "/late")
    ensemble.stop()


def a_chroot_is_the_clients_affair():
    from kazoo.exceptions import NoNodeError
    server = standalone("zooid").start()
    wait_for(lambda: server.mode() == "standalone", 20, "the server")
    zk = client(server.address)
    below = client(server.address)
    below.chroot = "/app"
    try:
        below.create("/x", b"")
        raise AssertionError("a chroot that does not exist makes no node")
    except NoNodeError:
        pass
    zk.create("/app", b"")
    events = []
    assert below.exists("/x", watch=events.append) is None
    assert below.create("/x", b"v") == "/x"
    wait_for(lambda: events, 10, "the event")
    assert events[0].path == "/x", events
    assert zk.get("/app/x")[0] == b"v"
    zk.stop()
    below.stop()
    server.kill()


harness.main([sessions_outlive_a_restart, a_moved_session_loses_its_old_connection,
              a_chroot_is_the_clients_affair,
              a_local_session_makes_no_transaction_and_ends_with_its_server,
              dump_and_mntr_tell_local_sessions_as_java_does,
              an_ephemeral_node_makes_a_local_session_global, upgrades_beside_java,
              a_java_leader_refuses_what_the_client_hears_as_ephemeral_on_local_session,
              reads_without_a_quorum, without_the_key_a_server_without_quorum_serves_nobody,
              containers_and_ttl_nodes_are_reaped])
