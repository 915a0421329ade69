"""The throttles that are off by default, Zooid's beside Java's: of requests and of connections."""

import socket
import struct
import time

import harness
from harness import standalone, wait_for

THROTTLED = -127
EXISTS, PING = 3, 11
KINDS = ("java", "zooid")


def serve(kind, settings):
    server = standalone(kind, settings).start()
    wait_for(lambda: server.mode() == "standalone", 30, "the server")
    return server


def ping_frame():
    return struct.pack(">iii", 8, -2, PING)


def exists_frame(xid, path):
    return harness._request(xid, EXISTS, path, b"\0")


def replies_to(connection, count):
    """(xid, error) of so many replies."""
    connection.settimeout(60)
    return [struct.unpack(">iqi", harness.receive_frame(connection)[:16])[::2] for _ in range(count)]


def nodes_of(server, count):
    """Which of /n1 … /ncount exist."""
    connection, _, _ = harness.raw_connect(server.client_port)
    connection.sendall(b"".join(exists_frame(xid, f"/n{xid}") for xid in range(1, count + 1)))
    found = {xid for xid, error in replies_to(connection, count) if error == 0}
    connection.close()
    return found


def number(server, name):
    values = [line.split("\t")[1] for line in server.word("mntr").splitlines()
              if line.startswith(name + "\t")]
    return float(values[0])


def a_request_that_waits_for_too_long_is_refused_in_its_turn():
    for kind in KINDS:
        server = serve(kind, "request_throttle_max_requests=1\nthrottled_op_wait_time=1\n")
        connection, _, _ = harness.raw_connect(server.client_port)
        sent, wanted = b"", []
        for xid in range(1, 401):
            sent += harness.create_frame(xid, f"/n{xid}") if xid % 4 else exists_frame(xid, "/")
            wanted.append(xid)
            if xid % 50 == 0:
                sent += ping_frame()
                wanted.append(-2)
        connection.sendall(sent)
        replies = replies_to(connection, len(wanted))
        assert [xid for xid, _ in replies] == wanted, "in the order of the requests"
        refused = {xid for xid, error in replies if error == THROTTLED}
        assert {error for _, error in replies} == {0, THROTTLED}, (kind, replies)
        assert -2 not in refused, "a ping is never refused"
        assert any(xid % 4 == 0 for xid in refused), "reads are refused, too"
        assert number(server, "zk_throttled_ops") == len(refused), kind
        assert number(server, "zk_request_throttle_wait_count") > 0, kind
        # What was refused did not happen. One request at a time, asked again if even that one waited.
        for xid in range(1, 401):
            error = THROTTLED
            while error == THROTTLED:
                connection.sendall(exists_frame(xid, f"/n{xid}"))
                (same, error), = replies_to(connection, 1)
                assert same == xid
            assert (error == 0) == (xid % 4 != 0 and xid not in refused), (kind, xid, error)
        connection.close()
        server.kill()


def throttled_requests_are_only_late():
    for kind in KINDS:
        server = serve(kind, "request_throttle_max_requests=2\n")
        connections = [harness.raw_connect(server.client_port)[0] for _ in range(5)]
        for each, connection in enumerate(connections):
            connection.sendall(b"".join(harness.create_frame(xid, f"/n{1 + each * 40 + xid}")
                                        for xid in range(40)))
        for connection in connections:
            assert replies_to(connection, 40) == [(xid, 0) for xid in range(40)], kind
        assert len(nodes_of(server, 200)) == 200
        server.kill()


def requests_of_a_closed_connection_are_dropped_unless_they_shall_not():
    count = 400
    for kind in KINDS:
        for drops in (True, False):
            settings = f"request_throttle_max_requests=1\nrequest_throttle_drop_stale={str(drops).lower()}\n"
            server = serve(kind, settings)
            connection, _, _ = harness.raw_connect(server.client_port)
            connection.sendall(b"".join(harness.create_frame(xid, f"/n{xid}")
                                        for xid in range(1, count + 1)))
            # The server reads everything, then the end. (Closing would tell of replies that are not
            # read, which drops what the server has not read.)
            connection.shutdown(socket.SHUT_WR)
            if drops:
                wait_for(lambda: number(server, "zk_stale_requests_dropped") == 1, 20, "the drop")
                found = nodes_of(server, count)
                assert found == set(range(1, len(found) + 1)), (kind, "no gap", found)
                assert len(found) < count, kind
            else:
                wait_for(lambda: len(nodes_of(server, count)) == count, 20, f"all writes of {kind}")
                assert number(server, "zk_stale_requests_dropped") == 0
                assert number(server, "zk_stale_requests") > 0
            connection.close()
            server.kill()


def connects(server, session=0, password=b"\0" * 16):
    """Whether a connect request is answered with a session; if not it is closed without a byte."""
    try:
        connection, _, _ = harness.raw_connect(server.client_port, session=session, password=password)
        connection.close()
        return True
    except ConnectionError:
        return False


def connect_requests_take_tokens():
    for kind in KINDS:
        # A token in a hundred seconds, so time has no part.
        server = serve(kind, "connection_throttle_tokens=5\nconnection_throttle_fill_time=100000\n")
        answers = [connects(server) for _ in range(8)]
        assert answers == [True] * 5 + [False] * 3, (kind, answers)
        assert number(server, "zk_connection_rejected") == 3, kind
        assert number(server, "zk_connection_request_count") == 5, kind
        assert number(server, "zk_connection_drop_probability") == 0, kind
        assert server.word("ruok") == "imok", "words take no token"
        server.kill()


def sessions_have_weights():
    for kind in KINDS:
        server = serve(kind, "connection_throttle_tokens=3\nconnection_throttle_fill_time=100000\n"
                             "connection_throttle_weight_enabled=true\n"
                             "connection_throttle_global_session_weight=4\n"
                             "connection_throttle_renew_session_weight=3\n")
        connection, session, password = harness.raw_connect(server.client_port)  # 8 of 12 are left
        answers = [connects(server, session, password) for _ in range(3)]
        assert answers == [True, True, False], (kind, answers)
        connection.close()
        server.kill()


def the_chance_of_being_refused_grows_while_no_token_is_left():
    for kind in KINDS:
        server = serve(kind, "connection_throttle_tokens=1\nconnection_throttle_fill_time=100000\n"
                             "connection_throttle_freeze_time=1\nconnection_throttle_drop_increase=0.5\n")
        assert connects(server)
        assert number(server, "zk_connection_drop_probability") == 0, kind
        for _ in range(2):
            time.sleep(0.01)
            assert not connects(server)
        assert "zk_connection_drop_probability\t1.0\n" in server.word("mntr"), kind
        server.kill()


harness.main([connect_requests_take_tokens, sessions_have_weights,
              the_chance_of_being_refused_grows_while_no_token_is_left,
              a_request_that_waits_for_too_long_is_refused_in_its_turn,
              throttled_requests_are_only_late,
              requests_of_a_closed_connection_are_dropped_unless_they_shall_not])
