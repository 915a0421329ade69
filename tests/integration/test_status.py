"""`zooid status` in each state of servers, Zooid's and Java's: every server counts once, and the words tell
the states apart."""

import json
import os
import shutil
import socket
import subprocess
import threading

import harness
from harness import Ensemble, free_ports, standalone, wait_for


def run(*arguments):
    return subprocess.run([harness.ZOOID, "status", *arguments], capture_output=True, text=True,
                          timeout=60)


def status(*arguments):
    """The JSON form; its exit code is the process's."""
    answer = run("--json", *arguments)
    told = json.loads(answer.stdout)
    assert told["exit_code"] == answer.returncode, answer
    return told


def states(told):
    return [server["state"] for server in told["servers"]]


def text_of(*arguments):
    return run(*arguments).stdout


def a_word_is_asked_of_each_server():
    def word(*arguments):
        return subprocess.run([harness.ZOOID, "word", *arguments], capture_output=True, text=True, timeout=60)
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    answer = word("srvr", "-s", server.address)
    assert answer.returncode == 0 and "Mode: standalone" in answer.stdout, answer
    dead = f"127.0.0.1:{free_ports(1)[0]}"
    answer = word("srvr", "-s", f"{server.address},{dead}")
    assert answer.returncode == 1 and "Mode: standalone" in answer.stdout, answer
    assert answer.stderr.startswith(dead + ": ") and "refused" in answer.stderr, answer
    answer = word("server", "-s", server.address)
    assert answer.returncode == 2 and "four letters" in answer.stderr, answer


def three_on_one_host_with_a_file_each():
    ensemble = Ensemble(["zooid"] * 3).start()
    leader = ensemble.wait_all()
    one = ensemble[1].config_path
    # No line tells a client port; the files of the others lie beside.
    told = status(one)
    assert sorted(states(told)) == ["follower", "follower", "leader"], told
    assert [s["port"] for s in told["servers"]] == [s.client_port for s in ensemble], told
    assert told["leader"] == leader.id and told["epoch"] == 1 and told["exit_code"] == 0, told
    assert all(s["lag"] is not None and s["version"].startswith("3.9.5 (zooid")
               for s in told["servers"]), told
    text = text_of(one)
    assert "3 of 3 up, can lose 1 more\n" in text, text
    assert f"leader: server.{leader.id}" in text and "client ports from files beside" in text, text

    # Alone with its file it asks nobody twice.
    lone = os.path.join(harness.temporary_directory(), "zoo.cfg")
    shutil.copy(one, lone)
    told = status(lone)
    assert (told["up"], told["not_known"], told["exit_code"]) == (1, 2, 1), told
    assert states(told)[1:] == ["port unknown"] * 2, told
    text = text_of(lone)
    assert "1 of 3 up, 2 not known (a quorum is 2)" in text, text

    # One of them hangs, another one is killed.
    follower = next(s for s in ensemble if s is not leader)
    follower.pause()
    told = status(one)
    assert states(told)[follower.id - 1] == "frozen", told
    assert (told["up"], told["has_quorum"], told["exit_code"]) == (2, True, 1), told
    assert "2 of 3 up, cannot lose any\n" in text_of(one)
    follower.resume()
    follower.wait_mode("follower")
    leader.kill()
    wait_for(lambda: sum(s.alive() and s.mode() == "leader" for s in ensemble) == 1, 30, "a new leader")
    told = wait_for(lambda: (lambda t: t if t["up"] == 2 else None)(status(one)), 30, "two that serve")
    assert states(told)[leader.id - 1] == "refused" and told["epoch"] == 2, told
    assert told["leader"] not in (None, leader.id), told

    # The last one alone: looking, and how many are missing.
    follower.kill()
    last = next(s for s in ensemble if s.alive())
    wait_for(lambda: last.mode() is None, 30, "the last one to stop serving")
    told = status(one)
    assert states(told)[last.id - 1] == "looking", told
    assert (told["alive_without_leader"], told["more_needed"], told["exit_code"]) == (1, 1, 2), told
    assert "0 of 3 up, 1 alive: no quorum, 1 more needed\n" in text_of(one)
    last.kill()
    assert "0 of 3 up: no quorum, 2 more needed\n" in text_of(one)


def a_java_member_and_a_stranger_on_a_port():
    ensemble = Ensemble(["zooid", "java", "zooid"]).start()
    ensemble.wait_all()
    told = status(ensemble[1].config_path)
    assert told["up"] == 3 and told["exit_code"] == 0, told
    assert told["servers"][1]["version"] == "3.8.0", told
    # The port in the file leads to another member: who answers says so itself.
    config = os.path.join(harness.temporary_directory(), "zoo.cfg")
    with open(ensemble[1].config_path) as source, open(config, "w") as out:
        lines = source.read()
        for server in ensemble:
            port = ensemble[2].client_port if server.id == 3 else server.client_port
            line = f"server.{server.id}=127.0.0.1:{ensemble.quorum_ports[server.id - 1]}:" \
                   f"{ensemble.election_ports[server.id - 1]}"
            lines = lines.replace(line, f"{line};127.0.0.1:{port}")
        out.write(lines)
    told = status(config)
    assert states(told)[2] == "other server" and told["up"] == 2, told
    assert "server.2 answers there" in told["servers"][2]["detail"], told
    # A stand-alone server in the place of a member is not the member.
    ensemble[3].kill()
    stranger = standalone("zooid")
    with open(stranger.config_path) as source:
        text = source.read().replace(f"clientPort={stranger.client_port}",
                                     f"clientPort={ensemble[3].client_port}")
    with open(stranger.config_path, "w") as out:
        out.write(text)
    stranger.client_port = ensemble[3].client_port
    stranger.start()
    stranger.wait_mode("standalone")
    told = wait_for(lambda: (lambda t: t if t["up"] == 2 else None)(status(ensemble[1].config_path)),
                    30, "two that serve")
    assert states(told)[2] == "standalone" and told["exit_code"] == 1, told
    ensemble.stop()
    stranger.kill()


def read_only_servers_say_so_as_java_does():
    heads = {}
    for kind in ("zooid", "java"):
        ensemble = Ensemble([kind] * 3, settings="readonlymode.enabled=true\n")
        one = ensemble[1]
        command = one.command()
        if kind == "java":  # there it is a system property
            command.insert(1, "-Dreadonlymode.enabled=true")
        one.command = lambda command=command: command
        one.start()
        one.wait_mode("read-only")
        for word in ("srvr", "stat"):
            lines = one.word(word).splitlines()
            heads[kind, word] = [lines[0].split(":")[0], *lines[1:2 if word == "srvr" else 3]]
            assert "Mode: read-only" in lines, lines
        told = status(one.config_path)
        assert states(told) == ["read-only", "refused", "refused"], told
        assert told["alive_without_leader"] == 1 and told["exit_code"] == 2, told
        ensemble.stop()
    for word in ("srvr", "stat"):
        assert heads["zooid", word] == heads["java", word], heads
    assert heads["java", "srvr"][1] == "READ-ONLY mode; serving only read-only clients", heads


class Speaker:
    """Answers every word alike and closes."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, args=(answer,), daemon=True).start()

    def serve(self, answer):
        while True:
            connection, _ = self.listener.accept()
            word = connection.recv(4).decode()
            connection.sendall(answer.replace("WORD", word).encode())
            connection.close()


def what_is_no_server_of_ours():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    told = status("-s", server.address)
    assert states(told) == ["standalone"] and told["exit_code"] == 0, told
    # An address that stands twice is asked once.
    assert len(status("-s", f"{server.address},localhost:{server.client_port}")["servers"]) == 1
    dead, = free_ports(1)
    for address, state in (
            (f"127.0.0.1:{dead}", "refused"), ("no-such-host.invalid:2181", "name not found"),
            (Speaker("").address, "closed"), (Speaker("SSH-2.0-x\r\n").address, "not ZooKeeper"),
            (Speaker("WORD is not executed because it is not in the whitelist.\n").address,
             "not whitelisted")):
        told = status("-s", address)
        assert states(told) == [state] and told["exit_code"] == 2, (address, told)
        assert state in text_of("-s", address)
    told = status("-s", f"{server.address},127.0.0.1:{dead}")
    assert told["exit_code"] == 2, told  # no ensemble: nobody has a quorum
    server.kill()


def wrong_usage_ends_with_2_and_help_tells_of_each_option():
    for arguments in (["--frob"], ["-s", "a:b:c:x"], ["/no/such/zoo.cfg"], ["zoo.cfg", "-s", "a:1"]):
        answer = run(*arguments)
        assert answer.returncode == 2 and answer.stderr, (arguments, answer)
    for command in ("status", "explain", "word", "bench", "up", "down"):
        text = subprocess.run([harness.ZOOID, command, "--help"], capture_output=True, text=True).stdout
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if not line.startswith("  -"):
                continue
            words = line.split()
            told = [w for w in words if not w.startswith("-") and w not in
                    ("INT", "TEXT", "UINT", "FLOAT", "REQUIRED")]
            following = lines[number + 1] if number + 1 < len(lines) else ""
            assert len(told) > 2 or following.startswith("          "), (command, line)
    help_text = run("--help").stdout
    assert "Exit code: 0" in help_text and "localhost:2181" in help_text, help_text


harness.main([a_word_is_asked_of_each_server, three_on_one_host_with_a_file_each, a_java_member_and_a_stranger_on_a_port,
              read_only_servers_say_so_as_java_does, what_is_no_server_of_ours,
              wrong_usage_ends_with_2_and_help_tells_of_each_option])
