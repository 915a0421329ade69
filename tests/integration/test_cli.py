"""`zooid cli` beside Java's zkCli.sh on one server, command by command: what goes to standard output, what to
standard error, which exit code; and the prompt, in a pseudo-terminal."""

import os
import pty
import re
import select
import subprocess
import threading
import time

import harness
from harness import ZOOID, client, standalone, wait_for

JAVA_MAIN = ["java", *harness.JAVA_OPTIONS, "-cp", harness.JAVA_CLASS_PATH, "org.apache.zookeeper.ZooKeeperMain"]

# Played in this order by both, Java below /j0 and Zooid below /z0. Marked "=": standard output and standard
# error are the same but for numbers, times and names of the roots; "~": both refuse (something on standard
# error, nothing on standard output), in other words (docs/cli.md says why).
COMMANDS = [
    ("=", "create R data"),
    ("=", "create R/e x -e"),
    ("=", "create -s R/s- x"),
    ("=", "create R/c -c"),
    ("=", "create R/t x -t 100000"),
    ("=", "create R/acl x world:anyone:r"),
    ("=", "create R again"),
    ("=", "create R/no/where x"),
    ("=", "create R/e/below x"),
    ("=", "create -c -e R/ce"),
    ("=", "create -e -t 5 R/et"),
    ("~", "create R/'quoted name' 'two words'"),
    ("=", "create \"R/with space\" \"two words\""),
    ("=", "get \"R/with space\""),
    ("=", "create nopath x"),
    ("=", "create R/ x"),
    ("=", "create R//x x"),
    ("=", "create R/../x x"),
    ("~", "create"),
    ("~", "create -t abc R/ttl"),
    ("~", "create R/o x -y"),
    ("=", "get R"),
    ("=", "get R -s"),
    ("=", "get -s R"),
    ("=", "get R/none"),
    ("=", "get R watch"),
    ("~", "get"),
    ("~", "get -q R"),
    ("=", "set R new"),
    ("=", "set R newer -s"),
    ("=", "set R x -v 77"),
    ("=", "set -v 77 R x"),
    ("~", "set R"),
    ("=", "stat R"),
    ("=", "stat R/none"),
    ("=", "ls R"),
    ("=", "ls R -s"),
    ("=", "ls R -R"),
    ("=", "ls R/none"),
    ("~", "ls -x R"),
    ("=", "create R/deep"),
    ("=", "create R/deep/b"),
    ("=", "create R/deep/a"),
    ("=", "create R/deep/a/x"),
    ("=", "create R/deep/b/y"),
    ("=", "ls -R R/deep"),
    ("=", "getAcl R"),
    ("=", "getAcl R/acl -s"),
    ("=", "setAcl -R R/deep world:anyone:cdrwa"),
    ("=", "getAcl R/deep/b/y -s"),
    ("=", "setAcl R/deep world:anyone:cdrwa -v 99"),
    ("=", "setAcl R/none world:anyone:r"),
    ("~", "setAcl R/deep"),
    ("=", "set R/acl x"),
    ("=", "delete R/deep/b/y -v 77"),
    ("=", "delete -v 77 R/deep/b/y"),
    ("=", "delete R"),
    ("=", "delete R/deep/b/y"),
    ("=", "delete R/none"),
    ("~", "delete"),
    ("=", "sync R"),
    ("=", "getAllChildrenNumber R"),
    ("=", "getEphemerals"),
    ("=", "getEphemerals R"),
    ("=", "addauth digest me:secret"),
    ("=", "create R/mine x auth::cdrwa"),
    ("=", "getAcl R/mine"),
    ("=", "setquota -n 100 R"),
    ("=", "listquota R"),
    ("=", "setquota -B 100000 R"),
    ("=", "listquota R"),
    ("=", "setquota -n 1 R/deep"),
    ("=", "setquota -n 0 R"),
    ("=", "setquota -n 5 R"),
    ("=", "delquota -n R"),
    ("=", "listquota R"),
    ("=", "delquota R"),
    ("=", "listquota R"),
    ("=", "delquota R"),
    ("~", "setquota R"),
    ("=", "addWatch R/deep"),
    ("=", "removewatches R/deep -a"),
    ("=", "removewatches R/deep -d"),
    ("~", "addWatch -m SOMETIMES R"),
    ("=", "printwatches off"),
    ("=", "printwatches"),
    ("=", "config -s"),
    ("=", "reconfig -remove 3"),
    ("~", "reconfig"),
    ("=", "deleteall R/deep"),
    ("=", "deleteall R -b 2"),
    ("=", "ls R"),
]


def below(root, command):
    return re.sub(r"(?<![-\w])R(?=[/ \"']|$)", root, command)


def normal(text, root):
    text = text.replace(root, "R")
    text = re.sub(r"\[zk: [^\]]*\] ?", "", text)
    text = re.sub(r"0x[0-9a-f]+", "0xN", text)
    text = re.sub(r"(?m)^([cm]time) = .*$", r"\1 = T", text)
    text = re.sub(r"(?m)^WATCHER::\n\nWatchedEvent .*\n?", "", text)
    return text.strip("\n")


class Client:
    """Reads its commands from a pipe; behind each of them an answer on either stream is waited for."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, bufsize=1)
        harness.ended_at_exit(self.process)
        self.text = {"out": "", "err": ""}
        self.at = {"out": 0, "err": 0}
        for name, stream in (("out", self.process.stdout), ("err", self.process.stderr)):
            threading.Thread(target=self._read, args=(name, stream), daemon=True).start()
        self.marks = 0
        self.run("ls /")

    def _read(self, name, stream):
        while text := stream.readline():
            self.text[name] += text

    def run(self, line):
        """(standard output, standard error) of one command."""
        self.marks += 1
        self.process.stdin.write(f"{line}\nls /mark-{self.marks}\nversion\n")
        self.process.stdin.flush()
        ends = {"err": f"Node does not exist: /mark-{self.marks}\n", "out": "ZooKeeper CLI version: "}
        found = {}
        for name, end in ends.items():
            position = wait_for(lambda: self.text[name].find(end, self.at[name]) + 1, 60, f"{line}: {name}") - 1
            found[name] = self.text[name][self.at[name]:position]
            self.at[name] = position + len(end)
            if name == "out":
                wait_for(lambda: "\n" in self.text["out"][self.at["out"]:], 10, "a line's end")
                self.at["out"] = self.text["out"].find("\n", self.at["out"]) + 1
        # Java's terminal library repeats what it reads.
        out = "\n".join(one for one in found["out"].split("\n")
                        if not one.endswith((line, f"ls /mark-{self.marks}", "version")))
        return out, found["err"]


def log_free(text):
    """Without lines of Java's logger."""
    return "\n".join(one for one in text.split("\n")
                     if not re.match(r"\d{4}-\d\d-\d\d |log4j:|SLF4J|OpenJDK|WARNING:", one))


def commands_answer_as_zkclis():
    server = standalone("java", settings="quorumListenOnAllIPs=false").start()
    server.wait_mode("standalone")
    java = Client(JAVA_MAIN + ["-server", server.address])
    ours = Client([ZOOID, "cli", "-server", server.address])
    wrong = []
    for kind, command in COMMANDS:
        theirs = [normal(log_free(text), "/j0") for text in java.run(below("/j0", command))]
        our = [normal(text, "/z0") for text in ours.run(below("/z0", command))]
        if kind == "=" and our != theirs:
            wrong.append(f"{command}:\n  zooid out {our[0]!r} err {our[1]!r}\n  java  out {theirs[0]!r} err {theirs[1]!r}")
        if kind == "~" and (our[0] or not our[1] or not theirs[1]):
            wrong.append(f"{command}: zooid {our}, java {theirs}")
    assert not wrong, "\n".join(wrong)


def run(server, *words, code=None, **options):
    done = subprocess.run([ZOOID, "cli", "-server", server if isinstance(server, str) else server.address, *words],
                          capture_output=True, text=True, timeout=60, **options)
    if code is not None:
        assert done.returncode == code, (words, done)
    return done


def exit_codes_are_zkclis():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    for words in (["create", "/a", "x"], ["create", "/a", "x"], ["get", "/a"], ["get", "/none"], ["nonsense"],
                  ["ls"], ["set", "/a", "y", "-v", "5"]):
        java = subprocess.run(JAVA_MAIN + ["-server", server.address, *words], capture_output=True, text=True, timeout=60)
        expected = java.returncode
        if words == ["create", "/a", "x"]:  # the second one fails as Zooid's does
            run(server, "deleteall", "/a")
            run(server, "create", "/a", "x", code=0)
            expected = 1
        run(server, *words, code=expected)


def options_that_guard_data_are_never_dropped():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    run(server, "create", "/o", "x", code=0)
    for words in (["delete", "/o", "-v", "77"], ["delete", "-v", "abc", "/o"], ["delete", "/o", "77"],
                  ["set", "/o", "y", "-v", "77"], ["set", "/o", "y", "-q"], ["delete", "/o", "-v"]):
        done = run(server, *words, code=1)
        assert done.stderr, words
    assert run(server, "get", "/o").stdout == "x\n"
    run(server, "set", "/o", "eHg=", "-b", code=0)
    assert run(server, "get", "/o").stdout == "xx\n"
    assert run(server, "get", "-b", "/o").stdout == "eHg=\n"
    assert "|00000000| 78 78 " in run(server, "get", "-x", "/o").stdout
    run(server, "set", "/o", "no base64!", "-b", code=1)


def a_chroot_is_a_root():
    server = standalone("zooid").start()
    server.wait_mode("standalone")
    run(server, "create", "/app", code=0)
    inside = server.address + "/app"
    run(inside, "create", "/x", "1", code=0)
    run(inside, "create", "/x/y", "2", code=0)
    assert run(inside, "ls", "-R", "/").stdout == "/\n/x\n/x/y\n"
    run(inside, "delete", "/", code=1)
    run(inside, "deleteall", "/", code=0)
    assert run(server, "ls", "/app", code=0).stdout == "[]\n"
    done = run(server.address + "/nochroot", "ls", "/", code=1)
    assert "Node does not exist: /" in done.stderr
    assert run(inside, "ls", "zookeeper", code=1).stderr.startswith("Path must start with / character")


def errors_name_their_reason_at_once():
    port, = harness.free_ports(1)
    began = time.monotonic()
    done = run(f"127.0.0.1:{port}", "ls", "/", code=1)
    assert "refused" in done.stderr.lower() and str(port) in done.stderr, done
    assert time.monotonic() - began < 20
    assert run("127.0.0.1:1", "help", code=0).stdout.startswith("ZooKeeper -server")
    assert "Command not found" in run("127.0.0.1:1", "nonsense", code=127).stderr
    assert "usage: get" in run("127.0.0.1:1", "get", code=1).stderr
    for words in (["frob"], ["cli", "--frob"], ["bench", "--seconds"], ["cli", "-server", "a:b:c:x", "ls"]):
        done = subprocess.run([ZOOID, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and done.stderr, (words, done)
    version = subprocess.run([ZOOID, "--version"], capture_output=True, text=True, timeout=20).stdout
    assert version.startswith("zooid ") and "ZooKeeper 3.9" in version, version


class Terminal:
    """`zooid cli` in a pseudo-terminal."""

    def __init__(self, server, home):
        environment = dict(os.environ, HOME=home, TERM="xterm")
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(ZOOID, [ZOOID, "cli", "-timeout", "4000", "-server", server], environment)
        self.pid, self.text, self.at = pid, "", 0

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if ready:
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                return False
        return True

    def wait(self, pattern, seconds=20):
        """Behind what was waited for last."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if match := re.compile(pattern).search(self.text, self.at):
                self.at = match.end()
                return match
            self.read(0.1)
        raise AssertionError(f"{pattern!r} did not come; the screen: {self.text[self.at - 500:]!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def ended(self, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it did not end: {self.text[-500:]!r}")


def the_prompt_lives_beside_the_loop():
    server = standalone("zooid", tick_ms=500, settings="minSessionTimeout=1000").start()
    server.wait_mode("standalone")
    home = harness.temporary_directory()
    terminal = Terminal(server.address, home)
    terminal.wait(r"\(CONNECTED\) 0\] ")
    terminal.type("create -e /mine x\n")
    terminal.wait("Created /mine")
    terminal.type("get -w /mine\n")
    terminal.wait(r"\(CONNECTED\) 2\] ")
    # Longer than its time-out of 4 s without a key: it pings.
    time.sleep(5)
    zk = client(server.address)
    assert zk.exists("/mine")
    # An event comes at once, without a key, and what was typed stays.
    terminal.type("ls /zoo")
    zk.set("/mine", b"y")
    terminal.wait("type:NodeDataChanged path:/mine", 5)
    terminal.wait("ls /zoo", 5)
    terminal.type("\t")
    terminal.wait("keeper", 5)
    terminal.type("\n")
    terminal.wait(r"\[config, quota\]", 5)
    # Completion of commands; Ctrl-C drops the line and keeps the session.
    terminal.type("getAllC\t")
    terminal.wait("ildrenNumber", 5)
    terminal.type("\x03")
    terminal.wait(r"\(CONNECTED\) \d+\] ", 5)
    assert zk.exists("/mine")
    # Ctrl-D closes the session on a line of its own.
    terminal.type("\x04")
    assert terminal.ended() == 0
    wait_for(lambda: not zk.exists("/mine"), 3, "the session is closed")
    # The history is there the next time.
    terminal = Terminal(server.address, home)
    terminal.wait(r"\(CONNECTED\) 0\] ")
    terminal.type("\x10\x10\n")
    terminal.wait(r"get -w /mine|create -e /mine x", 5)
    terminal.type("quit\n")
    terminal.ended()


def a_session_that_expired_is_followed_by_a_new_one():
    server = standalone("zooid", tick_ms=500, settings="minSessionTimeout=1000").start()
    server.wait_mode("standalone")
    terminal = Terminal(server.address, harness.temporary_directory())
    terminal.wait(r"\(CONNECTED\) 0\] ")
    os.kill(terminal.pid, 19)
    time.sleep(6)
    os.kill(terminal.pid, 18)
    terminal.wait("Session expired", 20)
    terminal.wait("state:SyncConnected", 20)
    terminal.type("ls /\n")
    terminal.wait(r"\[zookeeper\]", 5)
    terminal.type("exit\n")
    assert terminal.ended() == 0


if __name__ == "__main__":
    harness.main([
        commands_answer_as_zkclis,
        exit_codes_are_zkclis,
        options_that_guard_data_are_never_dropped,
        a_chroot_is_a_root,
        errors_name_their_reason_at_once,
        the_prompt_lives_beside_the_loop,
        a_session_that_expired_is_followed_by_a_new_one,
    ])
