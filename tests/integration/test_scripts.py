"""The scripts of bin/ from outside: the lines that people's scripts grep for, exit codes, what is never done. Where Debian has
ZooKeeper's own (3.8.0: classes of the toolkits), both are run on the same files."""

import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess

import harness
from harness import free_ports, temporary_directory, wait_for

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
GOLDEN = os.path.join(ROOT, "tests/golden/storage")


class Installation:
    """A configuration directory for one server."""

    def __init__(self, text=None, more=""):
        self.directory = temporary_directory("zooid-scripts-")
        self.data = os.path.join(self.directory, "data dir")
        self.logs = os.path.join(self.directory, "logs")
        self.pid_file = os.path.join(self.data, "zookeeper_server.pid")
        self.port, = free_ports(1)
        self.config = self.write("zoo.cfg", text or "tickTime=2000\ndataDir=DATA\nclientPort=PORT\n" + more)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text.replace("DATA", self.data).replace("PORT", str(self.port)))
        return path

    def run(self, *words, script="zkServer.sh", environment=None):
        variables = dict(os.environ, ZOOID_BIN=os.path.abspath(harness.ZOOID), **(environment or {}))
        variables.setdefault("ZOO_LOG_DIR", self.logs)
        return subprocess.run([os.path.join(ROOT, "bin", script), "--config", self.directory, *words], text=True,
                              capture_output=True, timeout=60, env=variables)

    def pid(self):
        with open(self.pid_file) as file:
            return int(file.read())

    def log(self):
        name, = os.listdir(self.logs)
        with open(os.path.join(self.logs, name)) as file:
            return file.read()


def expect(run, code, *texts, never=()):
    output = run.stdout + run.stderr
    assert run.returncode == code, f"exit code {run.returncode} instead of {code}: {output}"
    for text in texts:
        assert text in output, f"'{text}' is missing in: {output}"
    for text in never:
        assert text not in output, f"'{text}' in: {output}"


def a_server_starts_answers_and_stops():
    server = Installation()
    expect(server.run("status"), 1, f"Using config: {server.config}",
           f"Client port found: {server.port}. Client address: localhost. Client SSL: false.",
           "Error contacting service. It is probably not running.")
    expect(server.run("stop"), 0,
           f"Stopping zookeeper ... no zookeeper to stop (could not find file {server.pid_file})")
    try:
        expect(server.run("start"), 0, "Starting zookeeper ... STARTED\n", never=["JVM"])
        expect(server.run("status"), 0, "Mode: standalone")
        expect(server.run("start"), 1, f"already running as process {server.pid()}.")
        expect(server.run("restart"), 0, "Stopping zookeeper ... STOPPED", "Starting zookeeper ... STARTED\n")
        expect(server.run("status"), 0, "Mode: standalone")
        assert server.log().count("recovered") >= 2, server.log()  # the first run's lines are still there
    finally:
        stopped = server.run("stop")
    expect(stopped, 0, "Stopping zookeeper ... STOPPED")
    assert not os.path.exists(server.pid_file)
    expect(server.run("status"), 1, "It is probably not running.")


def what_cannot_start_says_why():
    bad = Installation(more="sslQuorum=true\n")
    expect(bad.run("start"), 1, "Starting zookeeper ... FAILED TO START", f"{bad.config}:4: sslQuorum=true: TLS")
    assert not os.path.exists(bad.pid_file)
    # Somebody else's answer on the port is not taken for the server's.
    other = harness.standalone("zooid").start()
    other.wait_mode("standalone")
    second = Installation("dataDir=DATA\nclientPort=" + str(other.client_port) + "\n")
    expect(second.run("start"), 1, "FAILED TO START", "Address already in use")
    other.kill()
    missing = Installation()
    expect(missing.run("start", "other.cfg"), 1, f"Unable to find config file at {missing.directory}/other.cfg")
    expect(Installation("clientPort=PORT\n").run("start"), 1, "Unable to determine dataDir from")
    assert not os.path.exists("/zookeeper_server.pid")


def only_its_own_server_is_stopped():
    server = Installation()
    os.makedirs(server.data)
    sleeper = subprocess.Popen(["sleep", "600"])
    harness.ended_at_exit(sleeper)
    other = harness.standalone("zooid").start()
    other.wait_mode("standalone")
    for pid, program in ((sleeper.pid, "sleep"), (other.process.pid, "zooid")):
        server.write("data dir/zookeeper_server.pid", str(pid))
        expect(server.run("stop"), 0, f"no zookeeper to stop (process {pid} in {server.pid_file} is /", program,
               never=["STOPPED"])
    expect(server.run("start"), 0, "Starting zookeeper ... STARTED")
    assert sleeper.poll() is None and other.alive()
    pid = server.pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read(), 10, "its end")
    expect(server.run("stop"), 0, f"process {pid} in {server.pid_file} has ended", never=["STOPPED"])


def a_server_that_does_not_end_is_told_of():
    server = Installation()
    expect(server.run("start"), 0, "STARTED")
    pid = server.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(server.run("stop", environment={"ZOO_STOP_SECONDS": "1"}), 1,
               f"FAILED TO STOP (process {pid} is still there after 1 s)", never=["STOPPED"])
        assert server.pid() == pid
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, "its end")


def one_of_three_waits_for_a_quorum():
    quorum, election = free_ports(2)
    server = Installation(
        "dataDir=DATA\ninitLimit=10\nsyncLimit=5\nclientPort=PORT\n"
        f"server.1=127.0.0.1:{quorum}:{election}\nserver.2=127.0.0.1:1:2\nserver.3=127.0.0.1:3:4\n")
    server.write("data dir/myid", "1\n")
    try:
        expect(server.run("start"), 0, "Starting zookeeper ... STARTED (waiting for a quorum)\n")
    finally:
        expect(server.run("stop"), 0, "STOPPED")


def the_port_is_found_wherever_it_stands():
    line = "dataDir=DATA\nserver.3=h:1:2;127.0.0.1:PORT\nserver.4=h:3:4;1\n"
    server = Installation(line)
    os.makedirs(server.data)
    expect(server.run("status"), 1, "myid could not be determined", "Terminating.")
    server.write("data dir/myid", "3\n")
    expect(server.run("status"), 1, f"Client port found: {server.port}. Client address: 127.0.0.1.")
    server.write("zoo.cfg", f"dataDir=DATA\ndynamicConfigFile={server.directory}/zoo.cfg.dynamic\n")
    server.write("zoo.cfg.dynamic", "server.3=h:1:2:participant;[::1]:PORT\n")
    expect(server.run("status"), 1, "Looking in dynamic config file.",
           f"Client port found: {server.port}. Client address: ::1.")
    server.write("zoo.cfg", "dataDir=DATA\nsecureClientPort=PORT\nsecureClientPortAddress=127.0.0.1\n")
    expect(server.run("status"), 1, "Client port not found. Looking for secureClientPort in the static config.",
           f"Client port found: {server.port}. Client address: 127.0.0.1. Client SSL: true.")
    # The official container's file: one line has the port, and there may be no myid.
    server.write("zoo.cfg", "dataDir=DATA\nstandaloneEnabled=true\nserver.1=localhost:2888:3888;PORT\n")
    os.remove(os.path.join(server.data, "myid"))
    try:
        expect(server.run("start"), 0, "STARTED\n")
        expect(server.run("status"), 0, f"Client port found: {server.port}.", "Mode: standalone")
    finally:
        expect(server.run("stop"), 0, "STOPPED")


def environment_files_are_read():
    server = Installation()
    logs = os.path.join(server.directory, "their logs")
    server.write("zookeeper-env.sh", f"ZOO_LOG_DIR='{logs}'\n")
    server.write("java.env", "ZK_SERVER_HEAP=2000\nSERVER_JVMFLAGS='-Xmx1g -Dzookeeper.4lw.commands.whitelist=ruok'\n")
    try:
        expect(server.run("start", environment={"ZOO_LOG_DIR": ""}), 0,
               "There is no JVM, these have no effect: -Xmx1g ZK_SERVER_HEAP=2000", "STARTED")
        assert harness.four_letter_word(server.port, "ruok") == "imok"
        assert os.listdir(logs), "the log is not where zookeeper-env.sh says"
    finally:
        server.run("stop")


def other_words():
    server = Installation()
    version = server.run("version")
    expect(version, 0, "Zooid, version ", never=["version zooid"])
    expect(server.run("print-cmd"), 0, " server ", server.config)
    expect(server.run("print-cmd", "other.cfg"), 0, f"Using config: {server.directory}/other.cfg")
    expect(server.run("dance"), 1, "Usage: ", "start-foreground")
    expect(server.run("start", environment={"ZOO_DATADIR_AUTOCREATE_DISABLE": "1"}), 1,
           f"ZooKeeper data directory is missing at {server.data} fix the path or run initialize")


def directories_are_initialized():
    server = Installation(more="dataLogDir=DATA log\n")
    log = server.data + " log"
    expect(server.run("--myid=3", script="zkServer-initialize.sh"), 0, "Using myid of 3")
    assert sorted(os.listdir(server.data)) == ["myid", "version-2"], os.listdir(server.data)
    assert sorted(os.listdir(log)) == ["initialize", "version-2"]
    expect(server.run("--myid=4", script="zkServer-initialize.sh"), 1,
           f"ZooKeeper data directory already exists at {server.data} (or use --force to force re-initialization)")
    expect(server.run("--myid", "4", "--force", script="zkServer-initialize.sh"), 0, "Force enabled", "Using myid of 4")
    with open(os.path.join(server.data, "myid")) as file:
        assert file.read() == "4\n"
    expect(server.run("--frobnicate", script="zkServer-initialize.sh"), 2, "--frobnicate")
    expect(server.run("--configfile=/none", script="zkServer-initialize.sh"), 1, "Unable to find config file at /none")
    expect(server.run("--myid=300", script="zkServer-initialize.sh"), 2, "300")
    expect(server.run("start", environment={"ZOO_DATADIR_AUTOCREATE_DISABLE": "1"}), 0, "STARTED")
    try:
        refused = server.run("--force", script="zkServer-initialize.sh")
        assert refused.returncode == 1 and "version-2" in refused.stderr, refused
        expect(server.run("status"), 0, "Mode: standalone")
    finally:
        server.run("stop")


def old_snapshots_are_cleaned_up():
    server = Installation(more="snapCount=2\n")
    expect(server.run("start"), 0, "STARTED")
    version2 = os.path.join(server.data, "version-2")

    def snapshots():
        return sorted(name for name in os.listdir(version2) if name.startswith("snapshot."))
    zk = harness.client(f"127.0.0.1:{server.port}")
    try:
        for n in range(200):
            zk.create(f"/n{n}", b"")
            if len(snapshots()) >= 6:
                break
        assert len(snapshots()) >= 6, snapshots()
        expect(server.run("-n", "2", script="zkCleanup.sh"), 1, "count should be greater than or equal to 3")
        cleaned = server.run("-n", "3", script="zkCleanup.sh")
        expect(cleaned, 0, f"\t{version2}/snapshot.0\n")
        assert re.match(r"Removing file: \w{3} \d+, \d{4}, \d+:\d\d:\d\d [AP]M\t/", cleaned.stdout), cleaned.stdout
        assert len(snapshots()) in (3, 4), snapshots()
        count = len(zk.get_children("/"))
    finally:
        zk.stop()
        server.run("restart")
    zk = harness.client(f"127.0.0.1:{server.port}")
    assert len(zk.get_children("/")) == count
    zk.stop()
    server.run("stop")


def java_tool(name, *words):
    """What ZooKeeper 3.8.0's class prints."""
    run = subprocess.run(["java", *harness.JAVA_OPTIONS, "-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8",
                          "-Dstdout.encoding=UTF-8", "-cp", harness.JAVA_CLASS_PATH,
                          "org.apache.zookeeper.server." + name, *words], capture_output=True, text=True, timeout=60)
    return run.stdout


def run_script(name, *words):
    return subprocess.run([os.path.join(ROOT, "bin", name), *words], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, ZOOID_BIN=os.path.abspath(harness.ZOOID)))


def a_log_is_shown_as_by_java():
    for log in ("standalone-3.9.5/version-2/log.1", "standalone-3.8.0/version-2/log.1"):
        path = os.path.join(GOLDEN, log)
        # Java breaks a line behind each list of ACLs and shows a multi's records as bytes.
        java = java_tool("persistence.TxnLogToolkit", path)
        java = re.sub(r"\n(?=\],|, \d)", "", java).replace("createTtl", "createTTL").splitlines()
        lines = run_script("zkTxnLogToolkit.sh", path).stdout.splitlines()
        entry = re.compile(r"(\S+ \S+ \S+ \S+) session (0x\w+) cxid (0x\w+) zxid (0x\w+) (\w+) ?(.*)")
        java_entries = {m.group(4): m.groups() for m in map(entry.match, java) if m}
        our_entries = {m.group(4): m.groups() for m in map(entry.match, lines) if m}
        assert len(our_entries) > 50 and our_entries.keys() == java_entries.keys()
        for zxid, fields in our_entries.items():
            compared = 5 if fields[4] == "multi" else 6
            assert fields[:compared] == java_entries[zxid][:compared], (fields, java_entries[zxid])
        assert (lines[0], lines[-1]) == (java[0], java[-1]), (lines[0], lines[-1], java[0], java[-1])
        assert any("multi create" in line and "/m" in line for line in lines)


def run_log(*words, answers=""):
    return subprocess.run([harness.ZOOID, "log", *words], capture_output=True, text=True, timeout=20, input=answers)


def a_log_is_repaired_and_cut():
    directory = temporary_directory()
    path = os.path.join(directory, "log.1")
    shutil.copy(os.path.join(GOLDEN, "standalone-3.9.5/version-2/log.1"), path)
    with open(path, "r+b") as file:
        content = bytearray(file.read())
        place = content.index(b"hello")
        content[place:place + 5] = b"HELLO"
        file.seek(0)
        file.write(content)
    shown = run_log(path)
    assert shown.returncode == 0 and shown.stdout.count("CRC ERROR - ") == 1, shown
    aborted = run_log("-r", path, answers="what\nabort\n")
    assert aborted.returncode == 1 and "Recovery aborted." in aborted.stderr, aborted
    os.remove(path + ".fixed")
    fixed = run_log("-r", "-y", path)
    assert f"Recovery file {path}.fixed has been written with 1 fixed CRC error(s)" in fixed.stdout, fixed
    assert run_log("-r", "-y", path).returncode == 1, "an existing file is not overwritten"
    again = run_log(path + ".fixed")
    assert "CRC ERROR" not in again.stdout and "HELLO" in again.stdout
    assert "CRC" not in java_tool("persistence.TxnLogToolkit", path + ".fixed")

    cut = run_log("-c", "-z", "0x10", path + ".fixed")
    assert cut.returncode == 0, cut
    rest = run_log(path + ".fixed.chopped16")
    assert "EOF reached after 16 txns." in rest.stdout, rest.stdout[-300:]
    assert "EOF reached after 16 txns." in java_tool("persistence.TxnLogToolkit", path + ".fixed.chopped16")
    missing = run_log("-c", "-z", "0x9999", path + ".fixed")
    assert missing.returncode == 1 and "is not in it" in missing.stderr, missing
    # A damaged length asks for nothing that is not there.
    with open(path, "r+b") as file:
        file.seek(16 + 8)
        file.write(struct.pack(">i", 0x7fffffff))
    damaged = subprocess.run([harness.ZOOID, "log", path], capture_output=True, text=True, timeout=60, check=False,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)))
    assert damaged.returncode == 1 and "offset 16: Last transaction was partial." in damaged.stderr, damaged
    assert run_log("-z", "1", path).returncode == 2
    assert run_log("/none").returncode == 1
    assert run_log(os.path.join(GOLDEN, "README.md")).returncode == 1


def a_snapshot_is_shown_as_by_java():
    def parts(text):
        # 3.8.0 does not show the digest.
        nodes, _, sessions = text.partition("Session Details")
        return set(nodes.split("----\n")) | {line for line in sessions.splitlines() if "Target zxid" not in line}
    for name in ("standalone-3.9.5/version-2/snapshot.51", "standalone-3.8.0/version-2/snapshot.55.gz"):
        path = os.path.join(GOLDEN, name)
        for options in ([], ["-d"]):
            java = java_tool("SnapshotFormatter", *options, path)
            ours = run_script("zkSnapShotToolkit.sh", *options, path)
            assert ours.returncode == 0, ours.stderr
            assert parts(ours.stdout) == parts(java), parts(ours.stdout) ^ parts(java)
            assert len(parts(java)) > 40 and "Target zxid digest is: " in ours.stdout
    ours = run_script("zkSnapShotToolkit.sh", "-json", path)
    tree = json.loads(ours.stdout)
    names = set(re.findall(r'"name":"([^"]*)"', ours.stdout))
    assert tree[:2] == [1, 0] and tree[3][0]["name"] == "/", tree[:4]
    assert names == set(re.findall(r'"name":"([^"]*)"', java_tool("SnapshotFormatter", "-json", path)))


if __name__ == "__main__":
    harness.main([a_server_starts_answers_and_stops, what_cannot_start_says_why, only_its_own_server_is_stopped,
                  a_server_that_does_not_end_is_told_of, one_of_three_waits_for_a_quorum,
                  the_port_is_found_wherever_it_stands, environment_files_are_read, other_words,
                  directories_are_initialized, old_snapshots_are_cleaned_up, a_log_is_shown_as_by_java,
                  a_log_is_repaired_and_cut, a_snapshot_is_shown_as_by_java])
