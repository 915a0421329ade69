"""Hostile bytes on every port: the server stays up and serves the rest (issue list 9)."""

import random
import resource
import socket
import struct
import threading
import time

import harness
from harness import Ensemble, client, wait_for

SEED = 20261125


def still_serves(ensemble, label):
    for server in ensemble:
        assert server.alive(), (label, server.id, server.log_path)
    zk = client(ensemble.hosts())
    path = zk.create("/alive-", b"", sequence=True)
    assert zk.exists(path)
    zk.stop()
    zk.close()


def quietly(action):
    try:
        action()
    except OSError:
        pass


def send_and_close(port, payload, linger=0.0):
    def run():
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(payload)
            time.sleep(linger)
    quietly(run)


def handshake():
    body = struct.pack(">iqiq", 0, 0, 10000, 0) + struct.pack(">i", 16) + b"\0" * 17
    return struct.pack(">i", len(body)) + body


def fuzzed_bytes_on_all_ports():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    chance = random.Random(SEED)
    client_port = leader.client_port
    quorum_port = ensemble.quorum_ports[leader.id - 1]
    election_port = ensemble.election_ports[leader.id - 1]
    hello = struct.pack(">qqi", -65536, 99, 15) + b"127.0.0.1:23204"
    follower_info = struct.pack(">iqi", 11, 0, 20) + struct.pack(">qiq", 99, 0x10000, 0)
    follower_info += struct.pack(">i", -1)
    for _ in range(400):
        noise = chance.randbytes(chance.randrange(1, 2000))
        send_and_close(client_port, noise)
        send_and_close(client_port, handshake() + noise)
        frame = struct.pack(">ii", chance.randrange(1, 99), chance.randrange(-12, 110))
        frame += chance.randbytes(chance.randrange(0, 200))
        send_and_close(client_port, handshake() + struct.pack(">i", len(frame)) + frame, 0.001)
        send_and_close(quorum_port, noise)
        send_and_close(quorum_port, follower_info + noise)
        send_and_close(election_port, noise)
        send_and_close(election_port, hello + noise)
        send_and_close(election_port, hello + struct.pack(">i", len(noise)) + noise)
    for length in (-1, -2**31, 2**31 - 1, 1 << 28, 0):
        for port in (client_port, quorum_port, election_port):
            send_and_close(port, struct.pack(">i", length) + b"x" * 100)
            send_and_close(port, handshake() + struct.pack(">i", length))
            send_and_close(port, struct.pack(">iqi", 2, 5, length) + b"y" * 100)
            send_and_close(port, hello + struct.pack(">i", length) + b"z" * 100)
    still_serves(ensemble, "fuzz")
    assert ensemble.wait_leader().id == leader.id, "strangers must not end a leadership"


def slow_and_half_connections():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    held = []
    for port in (leader.client_port, ensemble.quorum_ports[leader.id - 1],
                 ensemble.election_ports[leader.id - 1]):
        for i in range(60):
            connection = socket.create_connection(("127.0.0.1", port), timeout=2)
            if i % 3 == 1:
                connection.sendall(b"\0")
            if i % 3 == 2:
                connection.sendall(struct.pack(">i", 45) + b"\0" * 10)
            held.append(connection)
    slow = socket.create_connection(("127.0.0.1", leader.client_port), timeout=5)

    def one_byte_at_a_time():
        for byte in handshake():
            slow.sendall(bytes([byte]))
            time.sleep(0.02)

    thread = threading.Thread(target=one_byte_at_a_time)
    thread.start()
    still_serves(ensemble, "half connections")
    thread.join()
    assert len(harness.receive_frame(slow)) == 37, "a slow writer is served, too"
    still_serves(ensemble, "slow writer")
    for connection in held:
        connection.close()


def a_reader_that_does_not_read():
    server = harness.standalone("zooid").start()
    server.wait_mode("standalone")
    zk = client(server.address)
    zk.create("/big", b"b" * 500_000)
    lazy, _, _ = harness.raw_connect(server.client_port, timeout_ms=4000)
    request = struct.pack(">ii", 1, 4) + struct.pack(">i", 4) + b"/big" + b"\0"
    frame = struct.pack(">i", len(request)) + request
    lazy.settimeout(2)
    quietly(lambda: lazy.sendall(frame * 2000))  # a gigabyte of answers, none is read
    for i in range(100):
        zk.create(f"/other{i}", b"")
    with open(f"/proc/{server.process.pid}/status") as status:
        resident = next(int(l.split()[1]) for l in status if l.startswith("VmRSS"))
    assert resident < 300 * 1024, f"{resident} KiB resident"
    zk.stop()
    zk.close()


def five_thousand_connections():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(8192, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1])))
    server = harness.standalone("zooid").start()
    server.wait_mode("standalone")
    held = []
    for _ in range(5000):
        connection = socket.create_connection(("127.0.0.1", server.client_port), timeout=10)
        held.append(connection)
    for connection in held[::10]:
        connection.sendall(handshake())
    for connection in held[::10]:
        assert len(harness.receive_frame(connection)) == 37
    zk = client(server.address)
    zk.create("/among-many", b"")
    assert int(server.monitor()["zk_num_alive_connections"]) >= 501
    zk.stop()
    zk.close()
    for connection in held:
        connection.close()
    wait_for(lambda: int(server.monitor()["zk_num_alive_connections"]) < 10, 20, "they are gone")


def limit_of_connections_per_address():
    server = harness.standalone("zooid")
    with open(server.config_path) as config:
        text = config.read().replace("maxClientCnxns=0", "maxClientCnxns=5")
    with open(server.config_path, "w") as config:
        config.write(text)
    server.start()
    server.wait_mode("standalone")
    held = [harness.raw_connect(server.client_port)[0] for _ in range(5)]
    try:
        extra = socket.create_connection(("127.0.0.1", server.client_port), timeout=5)
        extra.sendall(handshake())
        assert extra.recv(10) == b"", "the sixth must be closed without a byte"
    except ConnectionResetError:
        pass
    held[0].close()
    wait_for(lambda: harness.raw_connect(server.client_port), 5, "a free place can be used again")
    for connection in held[1:]:
        connection.close()


harness.main([fuzzed_bytes_on_all_ports, slow_and_half_connections, a_reader_that_does_not_read,
              five_thousand_connections, limit_of_connections_per_address])
