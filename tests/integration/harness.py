"""Real servers for the integration tests: Zooid and Java ZooKeeper processes on loopback.

Every test makes its own directory and takes free ports, so runs do not collide; every process is ended
by the pid that was started here, also when a test fails.
"""

import atexit
import logging
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from relay import Relays  # noqa: F401 - part of this module's interface

ZOOID = os.environ.get("ZOOID_BIN", os.path.join(os.path.dirname(__file__), "../../build/zooid"))
JAVA_CLASS_PATH = "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar"
# Small, as tests start many; a benchmark sets what ZooKeeper's own scripts do.
JAVA_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC"]
LONG_RUN = os.environ.get("ZOOID_TEST_ALL") == "1"

logging.getLogger("kazoo").addHandler(logging.NullHandler())
logging.getLogger("kazoo").propagate = False

_processes = []
_directories = []
_reserved = []


def _clean_up():
    for process in _processes:
        if process.poll() is None:
            process.kill()
    for process in _processes:
        process.wait()
    if os.environ.get("ZOOID_KEEP") != "1":
        for directory in _directories:
            shutil.rmtree(directory, ignore_errors=True)


atexit.register(_clean_up)


def ended_at_exit(process):
    """A process that the test started by itself is ended with it, too."""
    _processes.append(process)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def free_ports(count):
    """Ports that nothing listens on. They stay below the range that outgoing connections use."""
    found = []
    seed = (os.getpid() * 7919 + len(_reserved) * 101) % 20000
    port = 10000 + seed
    while len(found) < count:
        port = port + 1 if port < 31000 else 10000
        if port in _reserved:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        _reserved.append(port)
    return found


def temporary_directory(prefix="zooid-test-"):
    directory = tempfile.mkdtemp(prefix=prefix)
    _directories.append(directory)
    return directory


def wait_for(condition, seconds=30, what="condition", interval=0.02):
    """Polls until condition() is truthy and returns its value; fails loudly."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except (OSError, AssertionError) as error:
            last = error
        time.sleep(interval)
    raise AssertionError(f"{what}: not within {seconds} s (last: {last!r})")


def four_letter_word(port, word, timeout=3):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(word.encode())
        answer = b""
        while True:
            chunk = connection.recv(65536)
            if not chunk:
                return answer.decode()
            answer += chunk


class Server:
    """One server process, Zooid's or Java's, with its own directory."""

    def __init__(self, kind, server_id, directory, client_port, config, wrapper=()):
        self.kind = kind
        self.id = server_id
        self.directory = directory
        self.data = os.path.join(directory, "data")
        self.client_port = client_port
        self.config_path = os.path.join(directory, "zoo.cfg")
        self.log_path = os.path.join(directory, "server.log")
        self.wrapper = list(wrapper)
        self.class_path = JAVA_CLASS_PATH
        self.process = None
        os.makedirs(self.data, exist_ok=True)
        with open(self.config_path, "w") as out:
            out.write(config)
        if server_id is not None:
            with open(os.path.join(self.data, "myid"), "w") as out:
                out.write(f"{server_id}\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def command(self):
        if self.kind == "java":
            return [
                "java", *JAVA_OPTIONS, "-Dzookeeper.admin.enableServer=false",
                "-Dzookeeper.extendedTypesEnabled=true", "-Dzookeeper.4lw.commands.whitelist=*",
                f"-Dlog4j.configuration=file:{log4j_config()}",
                "-cp", self.class_path,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.config_path]
        return [ZOOID, "server", self.config_path]

    def start(self):
        assert self.process is None or self.process.poll() is not None, "already running"
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.wrapper + self.command(), stdout=log,
                                        stderr=subprocess.STDOUT, cwd=self.directory)
        _processes.append(self.process)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        if sig in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait(timeout=20)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def word(self, word):
        return four_letter_word(self.client_port, word)

    def mode(self):
        """leader, follower, standalone, or None while it does not serve (or is not there)."""
        try:
            for line in self.word("srvr").splitlines():
                if line.startswith("Mode: "):
                    return line[6:]
        except OSError:
            pass
        return None

    def monitor(self):
        values = {}
        for line in self.word("mntr").splitlines():
            name, _, value = line.partition("\t")
            values[name] = value
        return values

    def log(self):
        try:
            with open(self.log_path, errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def wipe(self):
        """Loses all data, myid excepted."""
        shutil.rmtree(os.path.join(self.data, "version-2"), ignore_errors=True)

    def wait_mode(self, *modes, seconds=40):
        return wait_for(lambda: self.mode() in modes and self.mode(), seconds,
                        f"server {self.id} ({self.kind}) to be {modes}; log {self.log_path}")


def log4j_config():
    path = os.path.join(tempfile.gettempdir(), f"zooid-test-log4j-{os.getuid()}.properties")
    if not os.path.exists(path):
        with open(path + f".{os.getpid()}", "w") as out:
            out.write("log4j.rootLogger=INFO, CONSOLE\n"
                      "log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender\n"
                      "log4j.appender.CONSOLE.layout=org.apache.log4j.PatternLayout\n"
                      "log4j.appender.CONSOLE.layout.ConversionPattern="
                      "%d{ISO8601} - %-5p [%t:%C{1}@%L] - %m%n\n")
        os.replace(path + f".{os.getpid()}", path)
    return path


class Ensemble:
    """Servers 1..n of one ensemble. kinds: a list such as ["zooid", "java", "zooid"]."""

    def __init__(self, kinds, settings=None, tick_ms=200, init_limit=50, sync_limit=10,
                 directory=None, wrappers=None, hosts=None):
        self.directory = directory or temporary_directory()
        count = len(kinds)
        ports = free_ports(3 * count)
        hosts = hosts or ["127.0.0.1"] * count
        self.quorum_ports = ports[count:2 * count]
        self.election_ports = ports[2 * count:]
        self.server_lines = "".join(
            f"server.{i + 1}={hosts[i]}:{self.quorum_ports[i]}:{self.election_ports[i]}\n"
            for i in range(count))
        self.servers = []
        for i, kind in enumerate(kinds):
            directory = os.path.join(self.directory, f"server{i + 1}")
            os.makedirs(directory, exist_ok=True)
            config = (f"tickTime={tick_ms}\ninitLimit={init_limit}\nsyncLimit={sync_limit}\n"
                      f"dataDir={directory}/data\nclientPort={ports[i]}\n"
                      f"maxClientCnxns=0\n4lw.commands.whitelist=*\nmaxSessionTimeout=60000\n"
                      f"admin.enableServer=false\n{settings or ''}\n{self.server_lines}")
            wrapper = (wrappers or {}).get(i + 1, ())
            self.servers.append(Server(kind, i + 1, directory, ports[i], config, wrapper))

    def __getitem__(self, server_id):
        return self.servers[server_id - 1]

    def __iter__(self):
        return iter(self.servers)

    def start(self, *ids):
        for server in self.servers:
            if not ids or server.id in ids:
                server.start()
        return self

    def wait_leader(self, seconds=40):
        """The one leader, once a quorum serves."""
        def settled():
            modes = {s.id: s.mode() for s in self.servers if s.alive()}
            leaders = [i for i, mode in modes.items() if mode == "leader"]
            serving = [i for i, mode in modes.items() if mode in ("leader", "follower")]
            if len(leaders) == 1 and len(serving) > len(self.servers) // 2:
                return self[leaders[0]]
            return None
        return wait_for(settled, seconds, f"a leader in {self.directory}")

    def wait_all(self, seconds=60):
        leader = self.wait_leader(seconds)
        for server in self.servers:
            if server.alive():
                server.wait_mode("leader", "follower", seconds=seconds)
        return leader

    def hosts(self):
        return ",".join(s.address for s in self.servers)

    def stop(self):
        for server in self.servers:
            if server.alive():
                server.kill(signal.SIGKILL)


def relayed_ensemble(count, relays, kind="zooid", record=None, **options):
    """Each server reaches each other one through relays of its own (relay.py). `record(from, to, kind)`
    gives a recorder for that link or None."""
    ensemble = Ensemble([kind] * count, **options)
    pairs = [(a.id, b.id) for a in ensemble for b in ensemble if a is not b]
    ports = free_ports(2 * len(pairs))
    quorum = dict(zip(pairs, ports))
    election = dict(zip(pairs, ports[len(pairs):]))
    for a, b in pairs:
        relays.add(a, b, "quorum", quorum[a, b], ensemble.quorum_ports[b - 1],
                   record(a, b, "quorum") if record else None)
        relays.add(a, b, "election", election[a, b], ensemble.election_ports[b - 1],
                   record(a, b, "election") if record else None, hello_port=election[b, a])
    for server in ensemble:
        lines = ""
        for other in ensemble:
            own = other is server
            q = ensemble.quorum_ports[other.id - 1] if own else quorum[server.id, other.id]
            e = ensemble.election_ports[other.id - 1] if own else election[server.id, other.id]
            lines += f"server.{other.id}=127.0.0.1:{q}:{e}\n"
        with open(server.config_path) as config:
            text = config.read().replace(ensemble.server_lines, lines)
        with open(server.config_path, "w") as config:
            config.write(text)
    return ensemble


def standalone(kind, settings="", directory=None, tick_ms=200, wrapper=()):
    directory = directory or temporary_directory()
    port, = free_ports(1)
    config = (f"tickTime={tick_ms}\ndataDir={directory}/data\nclientPort={port}\n"
              f"maxClientCnxns=0\n4lw.commands.whitelist=*\nadmin.enableServer=false\n{settings}\n")
    return Server(kind, None, directory, port, config, wrapper)


def client(hosts, timeout=10.0, **options):
    """A started kazoo client."""
    from kazoo.client import KazooClient
    from kazoo.retry import KazooRetry
    retry = KazooRetry(max_tries=-1, delay=0.02, backoff=1.5, max_delay=0.5, max_jitter=0.0,
                       ignore_expire=False)
    zk = KazooClient(hosts=hosts, timeout=timeout, connection_retry=retry, **options)
    zk.start(timeout=30)
    return zk


def _request(xid, kind, path, tail=b""):
    encoded = path.encode()
    body = struct.pack(">iii", xid, kind, len(encoded)) + encoded + tail
    return struct.pack(">i", len(body)) + body


def _names(body):
    count, = struct.unpack(">i", body[:4])
    position, names = 4, []
    for _ in range(count):
        length, = struct.unpack(">i", body[position:position + 4])
        names.append(body[position + 4:position + 4 + length].decode())
        position += 4 + length
    return names


def tree(address):
    """path -> (data and Stat, ACLs and Stat) as raw bytes, of everything but /zookeeper. Pipelined, so
    that a hundred thousand nodes take seconds."""
    connection, _, _ = raw_connect(int(address.rpartition(":")[2]), timeout_ms=40000)
    connection.settimeout(60)
    connection.sendall(_request(1, 9, "/"))  # sync: see all that was committed before
    receive_frame(connection)
    stream = connection.makefile("rb", buffering=1 << 16)

    def answers(paths):
        for first in range(0, len(paths), 300):
            part = paths[first:first + 300]
            connection.sendall(b"".join(
                _request(1, 4, p, b"\0") + _request(2, 6, p) + _request(3, 8, p, b"\0")
                for p in part))
            for path in part:
                replies = [stream.read(struct.unpack(">i", stream.read(4))[0]) for _ in range(3)]
                yield path, replies

    result, level = {}, ["/"]
    while level:
        below = []
        for path, (data, acl, children) in answers(level):
            errors = [struct.unpack(">i", reply[12:16])[0] for reply in (data, acl, children)]
            assert errors == [0, 0, 0], (path, errors)
            if path != "/":
                result[path] = (data[16:], acl[16:])
            below += [(path if path != "/" else "") + "/" + name for name in
                      sorted(_names(children[16:])) if (path, name) != ("/", "zookeeper")]
        level = below
    connection.close()
    return result


def zooid_cli(hosts, *words):
    """Output of one command of `zooid cli`."""
    run = subprocess.run([ZOOID, "cli", "-server", hosts, *words], capture_output=True, text=True,
                         timeout=60)
    return run.stdout + run.stderr


def raw_connect(port, timeout_ms=10000, session=0, password=b"\0" * 16, read_only_byte=True,
                last_zxid=0, read_only=False):
    """A bare client connection after its handshake: (socket, session id, password)."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    body = struct.pack(">iqiq", 0, last_zxid, timeout_ms, session)
    flag = b"\1" if read_only else b"\0"
    body += struct.pack(">i", len(password)) + password + (flag if read_only_byte else b"")
    connection.sendall(struct.pack(">i", len(body)) + body)
    reply = receive_frame(connection)
    _, _, session_id = struct.unpack(">iiq", reply[:16])
    return connection, session_id, reply[20:36]


def create_frame(xid, path, data=b"", flags=0):
    """A create request with world:anyone."""
    body = struct.pack(">ii", xid, 1) + struct.pack(">i", len(path)) + path.encode()
    body += struct.pack(">i", len(data)) + data
    body += struct.pack(">ii", 1, 31) + struct.pack(">i", 5) + b"world"
    body += struct.pack(">i", 6) + b"anyone" + struct.pack(">i", flags)
    return struct.pack(">i", len(body)) + body


def receive_exact(connection, count):
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError("closed")
        data += chunk
    return data


def receive_frame(connection):
    return receive_exact(connection, struct.unpack(">i", receive_exact(connection, 4))[0])


def main(tests):
    """Runs the named test functions (all, or those on the command line); prints one line each."""
    wanted = sys.argv[1:]
    failed = 0
    ran = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        ran += 1
        began = time.monotonic()
        try:
            test()
            print(f"ok   {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except BaseException as error:  # noqa: B902 - the traceback is printed, the run goes on
            import traceback
            traceback.print_exc()
            print(f"FAIL {test.__name__}: {error}", flush=True)
            failed += 1
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                break
        finally:
            for process in _processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()
    assert ran > 0, "no such test"
    sys.exit(1 if failed else 0)
