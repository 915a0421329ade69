"""What an operator reads: the log of a start, of elections, of a lost quorum, of clients' mistakes; files,
levels and the journal's form (docs/operations.md)."""

import os
import re
import signal
import socket
import struct
import subprocess

import harness
from harness import Ensemble, raw_connect, standalone, wait_for

LINE = re.compile(r"^[0-9-]{10} [0-9:]{8},[0-9]{3} \[myid:(\d*)\] - (DEBUG|INFO|WARN|ERROR) +\[[^\]]*\] - (.*)$")
CLOSE_SESSION = struct.pack(">iii", 8, 1, -11)


def lines(server, level=None):
    """(level, text) of each line; every line has to be of the one form."""
    found = []
    for line in server.log().splitlines():
        match = LINE.match(line)
        assert match, f"not a log line: {line!r}"
        if level in (None, match[2]):
            found.append((match[2], match[3]))
    return found


def texts(server, part, level=None):
    return [text for _, text in lines(server, level) if part in text]


def the_text(server, part, level=None):
    found = wait_for(lambda: texts(server, part, level), 10, f"{part!r} in {server.log_path}")
    assert len(found) == 1, found
    return found[0]


def a_normal_day():
    """Start, election, 1,000 clients come and go, stop: at most 40 lines a server, none twice."""
    ensemble = Ensemble(["zooid"] * 3).start()
    ensemble.wait_all()
    for number in range(1000):
        connection, _, _ = raw_connect(ensemble[number % 3 + 1].client_port)
        connection.sendall(CLOSE_SESSION)
        harness.receive_frame(connection)
        connection.close()
    for server in ensemble:
        server.kill(signal.SIGTERM)
    for server in ensemble:
        told = lines(server)
        assert len(told) <= 40, "\n".join(text for _, text in told)
        assert len({text for _, text in told}) == len(told), sorted(text for _, text in told)
        assert "\\n" not in server.log(), server.log_path
        assert "[exe]" not in server.log(), server.log_path
        assert not texts(server, "", "ERROR"), texts(server, "", "ERROR")
        assert told[-1][1] == "stopped", told[-1]


def a_start_says_what_one_asks_first():
    ensemble = Ensemble(["zooid"] * 3)
    server = ensemble.start(1)[1]
    the_text(server, "waiting for the other servers: 2 of 3 voters are needed to serve clients")
    told = [text for _, text in lines(server)]
    until = next(i for i, text in enumerate(told) if text.startswith("waiting for"))
    assert until <= 8, told
    start = "\n".join(told[:until])
    for part in (f"process {server.process.pid}", server.config_path, server.data,
                 f"{server.client_port} for clients", f"3=127.0.0.1:{ensemble.quorum_ports[2]}",
                 "open files", "jute.maxbuffer", "Zooid ", "as ZooKeeper 3.9"):
        assert part in start, (part, start)
    assert not texts(server, "serving clients, as"), "it serves nobody"


def an_election_is_one_line():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    for server in ensemble:
        text = the_text(server, f"server {leader.id} leads epoch 1")
        assert "zooid explain has the votes" in text and "took" in text, text
        assert len(text) < 300 and "votes for" not in text, text
        role = "leader" if server is leader else f"follower of server {leader.id}"
        the_text(server, f"serving clients, as {role}")
    for server in ensemble:
        if server is not leader:
            the_text(leader, f"server {server.id} (127.0.0.1:")


def a_lost_quorum_is_told_with_who_was_heard_when():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    others = [server for server in ensemble if server is not leader]
    for server in others:
        server.kill()
    text = the_text(leader, "no longer serving clients", "WARN")
    assert "only 1 of 3 voters is here, 2 are needed" in text, text
    for server in others:
        assert re.search(rf"server {server.id} last heard [0-9.]+ m?s ago", text), text
    others[0].start()
    text = the_text(leader, "serving clients again after ")
    assert re.search(r"after [0-9.]+ m?s, as ", text), text


def a_lost_leader_is_told_at_its_followers():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    leader.kill()
    ensemble.wait_leader()
    for server in ensemble:
        if server is leader:
            continue
        assert f"as follower of server {leader.id}" in the_text(server, "no longer serving", "WARN")
        the_text(server, "serving clients again after ")
        assert len(texts(server, " leads epoch ")) == 2, server.log_path


def files_are_opened_anew_and_levels_change_by_signals():
    server = standalone("zooid", settings="zooid.log.level=warn\n")
    path = os.path.join(server.directory, "zooid.log")
    with open(server.config_path, "a") as config:
        config.write(f"zooid.log.file={path}\n")
    server.start().wait_mode("standalone")

    def content(name):
        with open(name) as file:
            return file.read()
    assert content(path) == "", "nothing at level warn"
    server.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "lines are logged from level info on" in content(path), 10)
    os.rename(path, path + ".moved")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(path) and "the log file was opened anew" in content(path), 10)
    server.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "level debug on" in content(path), 10)
    server.process.send_signal(signal.SIGUSR2)
    server.process.send_signal(signal.SIGQUIT)
    wait_for(lambda: "SIGQUIT is ignored" in content(path), 10)
    assert server.mode() == "standalone"
    server.kill(signal.SIGTERM)
    assert server.process.returncode == 0, server.process.returncode
    assert "SIGTERM: stopping" in content(path) and "opened anew" not in content(path + ".moved")
    assert server.log() == "", "the file has all of it"


def a_server_without_a_file_outlives_sighup():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    server.process.send_signal(signal.SIGHUP)
    server.process.send_signal(signal.SIGUSR1)
    the_text(server, "level debug on")
    the_text(server, "there is no log file to be opened anew")
    assert server.mode() == "standalone"


def flags_come_before_the_file():
    server = standalone("zooid", settings="zooid.log.level=error\nzooid.log.file=/nowhere/zooid.log")
    path = os.path.join(server.directory, "flag.log")
    run = subprocess.run([harness.ZOOID, "server", server.config_path], capture_output=True, text=True)
    assert run.returncode == 2 and "/nowhere/zooid.log cannot be opened" in run.stderr, run
    run = subprocess.run([harness.ZOOID, "server", "--log-level", "loud", server.config_path],
                         capture_output=True, text=True)
    assert run.returncode == 2 and "debug, info, warn or error" in run.stderr, run
    with open(server.log_path, "wb") as log:
        server.process = subprocess.Popen(
            [harness.ZOOID, "server", "--log-level", "info", "--log-file", path, "--log-format",
             "journald", server.config_path], stdout=log, stderr=log)
    harness.ended_at_exit(server.process)
    server.wait_mode("standalone")
    with open(path) as file:
        told = file.read().splitlines()
    assert told and all(re.match(r"<[3467]>\S", line) for line in told), told


def the_journal_gets_priorities():
    server = standalone("zooid", settings="nosuchkey=1")
    open(server.log_path, "w").close()
    status = os.stat(server.log_path)
    server.wrapper = ["env", f"JOURNAL_STREAM={status.st_dev}:{status.st_ino}"]
    server.start().wait_mode("standalone")
    told = server.log().splitlines()
    assert all(re.match(r"<[3467]>\S", line) for line in told), told
    assert any(line.startswith("<4>") and "nosuchkey" in line for line in told), told


def send(port, data):
    """Sends, and waits for the other side to close."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass


def connect_body(session=0, password=b"\0" * 16, last_zxid=0):
    body = struct.pack(">iqiq", 0, last_zxid, 10000, session) + struct.pack(">i", 16) + password
    return struct.pack(">i", len(body)) + body


def clients_mistakes_leave_one_line_each():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    port = server.client_port
    tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

    def too_large():
        connection, session, _ = raw_connect(port)
        connection.sendall(struct.pack(">i", 1_500_000) + b"x" * 1000)
        while connection.recv(65536):
            pass
        return session

    def bad_login():
        connection, _, _ = raw_connect(port)
        body = struct.pack(">iii", -4, 100, 0) + struct.pack(">i", 7) + b"no\nsuch" + struct.pack(">i", 1) + b"x"
        connection.sendall(struct.pack(">i", len(body)) + body)
        while connection.recv(65536):
            pass
    sessions = []
    for _ in range(20):
        sessions.append(too_large())
        bad_login()
        send(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        send(port, tls)
        send(port, struct.pack(">i", -5))
        send(port, struct.pack(">i", 8) + b"\0" * 8)
        send(port, connect_body(last_zxid=0x7_0000_0000))
        send(port, connect_body(session=0x1234, password=b"p" * 16))
    text = the_text(server, "a request of 1500000 bytes is longer than jute.maxbuffer, 1048575", "WARN")
    assert re.match(rf"client 127\.0\.0\.1:\d+, session 0x{sessions[0]:x}: ", text), text
    for part in ("it speaks HTTP", "wrong password", "it has seen zxid 0x700000000", "cannot be read",
                 "authentication failed, scheme 'no\\nsuch'"):
        text = the_text(server, part, "WARN")
        assert re.match(r"client 127\.0\.0\.1:\d+", text), text
    warnings = texts(server, "", "WARN")
    # TLS counts as HTTP does.
    assert len(warnings) == 7, warnings


def a_stranger_cannot_fill_the_log():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    before = len(lines(leader))
    for port in (ensemble.quorum_ports[leader.id - 1], ensemble.election_ports[leader.id - 1]):
        for _ in range(100):
            send(port, b"\x7f" * 64)
    more = lines(leader)[before:]
    assert len(more) == 2, more
    assert all("127.0.0.1:" in text and " port " in text for _, text in more), more


harness.main([
    a_normal_day, a_start_says_what_one_asks_first, an_election_is_one_line,
    a_lost_quorum_is_told_with_who_was_heard_when, a_lost_leader_is_told_at_its_followers,
    files_are_opened_anew_and_levels_change_by_signals, a_server_without_a_file_outlives_sighup,
    flags_come_before_the_file, the_journal_gets_priorities, clients_mistakes_leave_one_line_each,
    a_stranger_cannot_fill_the_log])
