"""`zooid up` and `zooid down`: a local ensemble that remembers its shape, and takes nobody else's server for its
own."""

import json
import os
import signal
import socket
import subprocess
import time

import harness
from harness import free_ports, standalone, temporary_directory, wait_for


def zooid(*arguments, cwd=None, environment=None):
    return subprocess.run([harness.ZOOID, *arguments], capture_output=True, text=True, timeout=100,
                          cwd=cwd, env=environment)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def ports_for(count):
    """A first client port whose whole range is free: up has its own idea of the others."""
    while True:
        port, = free_ports(1)
        if all(is_free(port + offset + i) for offset in (0, 707, 1707) for i in range(count)):
            return port


class Local:
    """One directory of `zooid up`; its servers are ended with the test."""

    def __init__(self, count):
        self.count = count
        self.port = ports_for(count)
        self.directory = os.path.join(temporary_directory(), "local")

    def up(self, *arguments):
        answer = zooid("up", "--dir", self.directory, *arguments)
        for i in range(1, 8):
            pid = self.pid(i)
            if pid:
                harness.ended_at_exit(Process(pid))
        return answer

    def first_up(self):
        return self.up("-n", str(self.count), "--port", str(self.port))

    def down(self):
        return zooid("down", "--dir", self.directory)

    def pid(self, server):
        try:
            with open(f"{self.directory}/server{server}/server.pid") as file:
                return int(file.read())
        except FileNotFoundError:
            return None

    def mode(self, server):
        try:
            text = harness.four_letter_word(self.port + server - 1, "srvr")
        except OSError:
            return None
        return next((line[6:] for line in text.splitlines() if line.startswith("Mode: ")), None)


class Process:
    """As subprocess.Popen, of a process that another one started; that it is still a server is checked."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        try:
            with open(f"/proc/{self.pid}/cmdline") as file:
                return None if "zoo.cfg" in file.read() else 0
        except OSError:
            return 0

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout=None):
        end = time.monotonic() + 20
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.01)


def starts_tells_and_remembers():
    local = Local(3)
    answer = local.first_up()
    assert answer.returncode == 0, answer
    assert answer.stdout.count("follower") >= 2 and "leads." in answer.stdout, answer.stdout
    # The line to connect with works as typed, in a shell.
    connect = next(line[len("connect: "):] for line in answer.stdout.splitlines()
                   if line.startswith("connect: "))
    listed = subprocess.run(["bash", "-c", connect + " ls /"], capture_output=True, text=True,
                            timeout=60)
    assert "[zookeeper]" in listed.stdout, (connect, listed)
    # Again, without a word of how many and where: the one that is gone comes back.
    os.kill(local.pid(2), signal.SIGKILL)
    Process(local.pid(2)).wait()
    again = local.up()
    assert again.returncode == 0 and "server 1 runs already" in again.stdout, again
    assert f"server 2  127.0.0.1:{local.port + 1}" in again.stdout, again
    # Another shape is refused, and nothing changes.
    with open(f"{local.directory}/server1/zoo.cfg") as file:
        config = file.read()
    for arguments in (["-n", "5"], ["--port", str(local.port + 1)]):
        refused = local.up(*arguments)
        assert refused.returncode == 2 and "--wipe" in refused.stderr, refused
        assert f"an ensemble of 3 with ports from {local.port}" in refused.stderr, refused
    with open(f"{local.directory}/server1/zoo.cfg") as file:
        assert file.read() == config
    assert local.up("-n", "3", "--port", str(local.port)).returncode == 0
    # --wipe stops and deletes them, and takes the new shape.
    pids = [local.pid(i) for i in (1, 2, 3)]
    smaller = local.up("--wipe", "-n", "1", "--port", str(local.port))
    assert smaller.returncode == 0 and "standalone" in smaller.stdout, smaller
    assert all(Process(pid).poll() is not None for pid in pids), pids
    assert os.listdir(local.directory) == ["server1"], os.listdir(local.directory)
    # What lies there is one server, so that this is the shape now.
    assert local.up("-n", "3").returncode == 2
    assert local.down().returncode == 0


def down_stops_all():
    local = Local(3)
    assert local.first_up().returncode == 0
    pids = [local.pid(i) for i in (1, 2, 3)]
    answer = local.down()
    assert answer.returncode == 0, answer
    assert [f"server {i} stopped" in answer.stdout for i in (1, 2, 3)] == [True] * 3, answer.stdout
    assert all(Process(pid).poll() is not None for pid in pids), pids
    # Together: nobody was left to elect another leader.
    for i in (1, 2, 3):
        record = zooid("explain", "--json", f"{local.directory}/server{i}/zoo.cfg").stdout
        assert json.loads(record.splitlines()[-1])["new_epoch"] == 1, record
    again = local.down()
    assert again.returncode == 0 and "nothing runs" in again.stdout, again
    missing = zooid("down", "--dir", local.directory + "/none")
    assert missing.returncode == 2 and "no such directory" in missing.stderr, missing


def a_foreign_server_is_not_taken_for_an_own_one():
    local = Local(3)
    stranger = standalone("java")
    with open(stranger.config_path) as file:
        text = file.read().replace(f"clientPort={stranger.client_port}", f"clientPort={local.port + 1}")
    with open(stranger.config_path, "w") as file:
        file.write(text)
    stranger.client_port = local.port + 1
    stranger.start()
    stranger.wait_mode("standalone")
    answer = local.first_up()
    assert answer.returncode == 1, answer
    assert f"port {local.port + 1} (for clients of server 2) is taken by a ZooKeeper server " \
           "(standalone, version 3.8.0)" in answer.stderr, answer
    assert all(local.mode(i) is None for i in (1, 3)), "nothing was started"
    stranger.kill()
    # A port of the peers counts, too, whoever has it.
    listener = socket.create_server(("127.0.0.1", local.port + 707 + 2))
    answer = local.first_up()
    assert answer.returncode == 1 and "quorum port of server 3" in answer.stderr, answer
    listener.close()
    answer = local.first_up()
    assert answer.returncode == 0, answer
    local.down()


def the_error_of_a_server_that_ends_is_shown():
    local = Local(3)
    assert local.first_up().returncode == 0
    local.down()
    with open(f"{local.directory}/server2/zoo.cfg", "a") as file:
        file.write("syncLimit=many\n")
    answer = local.up()
    assert answer.returncode == 1, answer
    row = next(line for line in answer.stdout.splitlines() if line.startswith("server 2 "))
    assert "has ended: " in row and "syncLimit" in row, answer.stdout
    wait_for(lambda: local.mode(1) in ("leader", "follower"), 30, "the two others to serve")
    assert local.down().returncode == 0


harness.main([starts_tells_and_remembers, down_stops_all, a_foreign_server_is_not_taken_for_an_own_one,
              the_error_of_a_server_that_ends_is_shown])
