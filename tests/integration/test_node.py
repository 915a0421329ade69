"""node-zookeeper-client against Zooid. It sends a handshake of 44 bytes, without the read-only flag of
newer clients, numbers its requests from 0 and sends setWatches under an ordinary xid.

In the ordinary test command a client of that sequence in Python speaks; with `./dev test --all` the
program itself runs, too, fetched by npm into a temporary directory. `--java` judges against Java."""

import os
import shutil
import socket
import struct
import subprocess
import sys

import harness
import interop
from harness import receive_frame, standalone, temporary_directory, wait_for

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop/node/run.js")
PACKAGE = "node-zookeeper-client@1.1.3"
CHECKS = 13
CHECKS_WITH_KILL = 16
KIND = "zooid"

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_CHILDREN2 = 1, 2, 3, 4, 5, 12
AUTH, SET_WATCHES, PING, CLOSE = 100, 101, 11, -11
NO_NODE = -101


def text(value):
    return struct.pack(">i", len(value)) + value.encode()


class OldClient:
    """The requests of node-zookeeper-client in its order, one connection after another."""

    def __init__(self, port, session=0, password=b"\0" * 16, last_zxid=0):
        self.session, self.password, self.zxid, self.xid = session, password, last_zxid, 0
        self.connect(port)

    def connect(self, port):
        body = struct.pack(">iqiq", 0, self.zxid, 20000, self.session)
        body += struct.pack(">i", 16) + self.password
        assert len(body) == 44
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.connection.sendall(struct.pack(">i", 44) + body)
        reply = receive_frame(self.connection)
        # An old client is answered in its own form: no read-only flag, either.
        assert len(reply) == 36, len(reply)
        version, self.timeout, session, length = struct.unpack(">iiqi", reply[:20])
        assert (version, length) == (0, 16), (version, length)
        assert self.session in (0, session), "the session must go on"
        self.session, self.password = session, reply[20:]

    def send(self, kind, payload, xid=None):
        if xid is None:
            xid, self.xid = self.xid, self.xid + 1
        body = struct.pack(">ii", xid, kind) + payload
        self.connection.sendall(struct.pack(">i", len(body)) + body)
        return xid

    def reply(self, xid):
        """(error, payload) of the next packet, which must have this xid."""
        packet = receive_frame(self.connection)
        got, zxid, error = struct.unpack(">iqi", packet[:16])
        assert got == xid, (got, xid)
        if got >= 0 and zxid > 0:
            self.zxid = zxid
        return error, packet[16:]

    def ask(self, kind, payload=b"", xid=None):
        return self.reply(self.send(kind, payload, xid))

    def create(self, path, flags=0):
        acl = struct.pack(">ii", 1, 31) + text("world") + text("anyone")
        return self.ask(CREATE, text(path) + text("d") + acl + struct.pack(">i", flags))

    def event(self):
        error, payload = self.reply(-1)
        kind, state, length = struct.unpack(">iii", payload[:12])
        assert (error, state) == (0, 3)
        return kind, payload[12:12 + length].decode()


def first_session(port):
    client = OldClient(port)
    assert client.create("/old") == (0, text("/old"))
    assert client.create("/old")[0] == -110
    assert client.create("/old/e", flags=1) == (0, text("/old/e"))
    error, data = client.ask(GET_DATA, text("/old") + b"\1")
    assert error == 0 and data[:5] == text("d") and len(data) == 5 + 68
    assert client.ask(EXISTS, text("/old/none") + b"\1") == (NO_NODE, b"")
    error, children = client.ask(GET_CHILDREN2, text("/old") + b"\1")
    assert error == 0 and children[:9] == struct.pack(">i", 1) + text("e") and len(children) == 9 + 68
    assert client.ask(AUTH, struct.pack(">i", 0) + text("digest") + text("me:secret"), xid=-4) == (0, b"")
    assert client.ask(PING, b"", xid=-2) == (0, b"")
    # The event comes before the reply to the write that fired it.
    xid = client.send(SET_DATA, text("/old") + text("x") + struct.pack(">i", -1))
    assert client.event() == (3, "/old")
    error, stat = client.reply(xid)
    assert error == 0 and len(stat) == 68
    return client


def second_connection(client, port):
    """The same session elsewhere: its watches go with it, under an ordinary xid."""
    client.connection.close()
    client.connect(port)
    paths = [["/old"], ["/old/none"], ["/old"]]
    watches = struct.pack(">q", client.zxid)
    for some in paths:
        watches += struct.pack(">i", len(some)) + b"".join(text(p) for p in some)
    assert client.ask(SET_WATCHES, watches) == (0, b"")
    xid = client.send(DELETE, text("/old/e") + struct.pack(">i", -1))
    assert client.event() == (4, "/old")
    assert client.reply(xid) == (0, b"")
    other = OldClient(port)
    assert other.create("/old/none")[0] == 0
    assert client.event() == (1, "/old/none")
    assert other.ask(CLOSE) == (0, b"")


def last(client):
    assert client.create("/old/mine", flags=1)[0] == 0
    assert client.ask(CLOSE) == (0, b"")
    assert client.connection.recv(1) == b"", "the server closes behind the answer"


def handshake_of_44_bytes():
    server = standalone(KIND, tick_ms=1000).start()
    server.wait_mode("standalone")
    client = first_session(server.client_port)
    second_connection(client, server.client_port)
    last(client)
    # A session that is over is answered with a timeout of 0, in the old form, too.
    again = socket.create_connection(("127.0.0.1", server.client_port), timeout=20)
    again.sendall(struct.pack(">iiqiq", 44, 0, 0, 20000, client.session) + struct.pack(">i", 16) +
                  client.password)
    reply = receive_frame(again)
    assert len(reply) == 36 and struct.unpack(">iiq", reply[:16]) == (0, 0, 0), reply
    print("handshake of 44 bytes: one server ok", flush=True)


def handshake_with_a_leader_kill():
    def moves(hosts, kill):
        ports = [int(address.rpartition(":")[2]) for address in hosts.split(",")]
        client = first_session(ports[0])
        kill()

        def reconnected():
            for port in ports:
                try:
                    second_connection(client, port)
                    return True
                except (OSError, struct.error):
                    continue
            return False

        wait_for(reconnected, 40, "the session on another server")
        last(client)
        print("handshake of 44 bytes: three servers, leader killed, ok", flush=True)

    interop.with_a_leader_kill(KIND, "", moves)


_installed = []


def installed():
    """Where npm put the client; None, with a clear word, if it cannot be had."""
    if not harness.LONG_RUN:
        print("node-zookeeper-client: not run: only in ./dev test --all", flush=True)
        return None
    if not shutil.which("npm") or not shutil.which("node"):
        print("node-zookeeper-client: not run: npm not there", flush=True)
        return None
    if not _installed:
        directory = temporary_directory("zooid-npm-")
        run = subprocess.run(["npm", "install", "--no-audit", "--no-fund", PACKAGE], cwd=directory,
                             capture_output=True, text=True, timeout=200)
        if run.returncode != 0:
            last_line = (run.stderr.strip().splitlines() or ["?"])[-1]
            print(f"node-zookeeper-client: not run: npm could not fetch it: {last_line}", flush=True)
            return None
        _installed.append(directory)
    return _installed[0]


def run_node(hosts, directory, at_kill=None):
    environment = dict(os.environ, NODE_PATH=os.path.join(directory, "node_modules"))
    return interop.run(["node", PROGRAM, hosts, "kill" if at_kill else "stay"], at_kill, environment)


def node_one_server():
    directory = installed()
    if directory:
        server = standalone(KIND, tick_ms=1000).start()
        server.wait_mode("standalone")
        interop.expect(run_node(server.address, directory), "node-zookeeper-client", CHECKS)


def node_with_a_leader_kill():
    directory = installed()
    if directory:
        interop.with_a_leader_kill(KIND, "", lambda hosts, kill: interop.expect(
            run_node(hosts, directory, kill), "node-zookeeper-client", CHECKS_WITH_KILL))


if "--java" in sys.argv:
    sys.argv.remove("--java")
    KIND = "java"
harness.main([handshake_of_44_bytes, handshake_with_a_leader_kill, node_one_server,
              node_with_a_leader_kill])
