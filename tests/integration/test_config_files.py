"""zoo.cfg as people write it: whether a server serves with it or refuses it, Zooid beside Java. Java runs all
cases in one JVM (tests/interop/config). Debian's 3.8.0 is compared; with ZOOID_JAVA_39_CLASSPATH (crosscheck_servers.py)
the class path named there."""

import os
import re
import shutil
import socket
import subprocess

import harness
from crosscheck_servers import JAVA_39_CLASS_PATH
from harness import ZOOID, free_ports, temporary_directory, wait_for

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop/config/ConfigSurvey.java")
CLASS_PATH = JAVA_39_CLASS_PATH or "/usr/share/java/zookeeper.jar"

# Keys of the file alone: of a number or a boolean that cannot be read Java says so.
NUMBERS = ["clientPort", "clientPortListenBacklog", "tickTime", "maxClientCnxns", "minSessionTimeout",
           "maxSessionTimeout", "initLimit", "syncLimit", "autopurge.snapRetainCount", "autopurge.purgeInterval"]
BOOLEANS = ["quorumListenOnAllIPs", "localSessionsEnabled", "localSessionsUpgradingEnabled", "standaloneEnabled",
            "reconfigEnabled"]
VALUES = ["-2147483649", "-5", "0", " 60000 ", "99999999999", "1k", "+7", "0x10", ""]
# Properties: Java reads them leniently, whatever stands there.
PROPERTIES = ["globalOutstandingLimit", "preAllocSize", "snapCount", "snapSizeLimitInKb", "txnLogSizeLimitInKb",
              "commitLogCount", "snapshotSizeFactor", "snapshot.compression.method", "snapshot.trust.empty", "forceSync",
              "db.autocreate", "digest.enabled", "closeSessionTxn.enabled", "skipACL", "enforceQuota",
              "extendedTypesEnabled", "emulate353TTLNodes", "largeRequestThreshold", "largeRequestMaxBytes",
              "request_throttle_max_requests", "request_throttle_stall_time", "request_throttle_drop_stale",
              "request_stale_connection_check", "request_stale_latency_check", "connection_throttle_tokens",
              "connection_throttle_fill_time", "connection_throttle_fill_count", "connection_throttle_freeze_time",
              "connection_throttle_weight_enabled", "connection_throttle_global_session_weight",
              "throttled_op_wait_time", "jute.maxbuffer.extrasize", "maxCnxns", "4lw.commands.whitelist", "cnxTimeout",
              "DigestAuthenticationProvider.superDigest", "DigestAuthenticationProvider.enabled", "enableEagerACLCheck",
              "admin.serverPort"]

# Each with its reason, and in docs/compatibility.md.
INTENDED = {
    "metrics provider": "a provider is a Java class; mntr is served whatever is named",
    "a limit that only the Java server has": "it is not looked at, as it has no effect",
    "two servers at one address": "such an ensemble cannot work",
    "negative initLimit": "such an ensemble cannot work",
    "myid of another server": "no client could connect: Java serves without a client port",
    "no clientPort": "no client could connect",
}


class Case:
    """mode: parse (is the file accepted?), standalone or quorum (does a server serve with it?). In the text PORT is the
    client port, DIR the case's directory, Q and E ports of peers."""

    def __init__(self, name, mode, text, files=None, arguments=None, flags="", has_port=True):
        self.name = name
        self.mode = mode
        self.text = text
        self.files = dict(files or {})
        self.arguments = arguments
        self.flags = flags
        self.has_port = has_port

    def lay_out(self, directory, port, quorum, election):
        self.directory = directory
        self.port = port
        self.quorum = quorum
        os.makedirs(os.path.join(directory, "data"))

        def filled(text):
            for word, value in (("PORT", port), ("DIR", directory), ("QQ", quorum), ("EE", election)):
                text = text.replace(word, str(value))
            return text
        if self.arguments:
            self.arguments = [filled(word) for word in self.arguments]
            self.files["arguments"] = " ".join(self.arguments)
        self.files["zoo.cfg"] = self.text
        for name, content in self.files.items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as out:
                out.write(filled(content))

    def line(self):
        return f"{self.name}\t{self.mode}\t{self.port if self.has_port else 0}\t{self.directory}\n"


BASE = "dataDir=DIR/data\nclientPort=PORT\n"
MEMBER = "dataDir=DIR/data\ninitLimit=10\nsyncLimit=5\ntickTime=2000\nstandaloneEnabled=false\n"
THREE = "dataDir=DIR/data\ninitLimit=10\nsyncLimit=5\nclientPort=PORT\n"
LINES = "".join(f"server.{n}=127.0.0.1:1000{n}:2000{n}\n" for n in (1, 2, 3))
MY_ID = {"data/myid": "1\n"}
CONTAINER = ("dataDir=DIR/data\ndataLogDir=DIR/data\ntickTime=2000\ninitLimit=5\nsyncLimit=2\nautopurge.snapRetainCount=3\n"
             "autopurge.purgeInterval=0\nmaxClientCnxns=60\nstandaloneEnabled=true\nadmin.enableServer=false\n"
             "server.1=localhost:QQ:EE;PORT\n")


def key_cases():
    for key in NUMBERS + BOOLEANS:
        for value in VALUES if key in NUMBERS else ("0", "TRUE", "yes", ""):
            text = BASE if key != "clientPort" else "dataDir=DIR/data\n"
            ensemble = LINES if key == "standaloneEnabled" else ""
            yield Case(f"{key}={value}", "parse", f"{text}initLimit=10\nsyncLimit=5\n{key}={value}\n{ensemble}", MY_ID)


def whole_cases():
    for value in ("-5", "nonsense", "", "0x10"):
        lines = "".join(f"{key}={value}\n" for key in PROPERTIES)
        yield Case(f"all properties are '{value}'", "standalone", BASE + lines)
    yield Case("the container's file", "standalone", CONTAINER, MY_ID)
    yield Case("the container's file, ensemble of one", "quorum", CONTAINER.replace("=true\nadmin", "=false\nadmin"), MY_ID)
    yield Case("a key twice, the first one wrong", "standalone", "tickTime=soon\ntickTime=200\n" + BASE)
    yield Case("a server line twice", "parse", THREE + LINES + "server.2=127.0.0.1:10004:20004\n", MY_ID)
    yield Case("two servers at one address", "parse", THREE + LINES + "server.4=127.0.0.1:10001:20001\n", MY_ID)
    yield Case("negative initLimit", "parse", THREE.replace("initLimit=10", "initLimit=-1") + LINES, MY_ID)
    yield Case("initLimit=0", "parse", THREE.replace("initLimit=10", "initLimit=0") + LINES, MY_ID)
    yield Case("a version in the file", "parse", THREE + LINES + "version=1a\nobserverMasterPort=-1\n", MY_ID)
    yield Case("a version that is none", "parse", THREE + LINES + "version=new\n", MY_ID)
    yield Case("no syncLimit", "parse", THREE.replace("syncLimit=5\n", "") + LINES, MY_ID)
    yield Case("no myid", "parse", THREE + LINES)
    yield Case("myid is no number", "parse", THREE + LINES, {"data/myid": "one\n"})
    for end in (":", ";", ":participant;", ":PARTICIPANT", "|", ";;", ":2:3", ";1;2", ":learner", ";x"):
        yield Case(f"server line with {end} at its end", "parse",
                   THREE + LINES.replace("20003\n", f"20003{end}\n"), MY_ID)
    yield Case("a voter without a client port", "quorum", MEMBER + "server.1=127.0.0.1:QQ:EE\n", MY_ID, has_port=False)
    yield Case("the port in the line alone", "quorum", MEMBER + "server.1=127.0.0.1:QQ:EE;127.0.0.1:PORT\n", MY_ID)
    yield Case("dynamicConfigFile", "quorum", MEMBER + "dynamicConfigFile=DIR/zoo.cfg.dynamic.100000000\n",
               {**MY_ID, "zoo.cfg.dynamic.100000000": "server.1=127.0.0.1:QQ:EE:participant;127.0.0.1:PORT\n"})
    dynamic = THREE + "dynamicConfigFile=DIR/zoo.cfg.dynamic\n"
    yield Case("dynamicConfigFile and server lines", "parse", dynamic + LINES, {**MY_ID, "zoo.cfg.dynamic": LINES})
    yield Case("dynamicConfigFile that is not there", "parse", dynamic, MY_ID)
    yield Case("dynamicConfigFile with a version", "parse", dynamic, {**MY_ID, "zoo.cfg.dynamic": LINES + "version=1\n"})
    yield Case("dynamicConfigFile with another key", "parse", dynamic, {**MY_ID, "zoo.cfg.dynamic": LINES + "tickTime=1\n"})
    yield Case("clientPortAddress=[::1]", "parse", BASE + "clientPortAddress=[::1]\n")
    yield Case("clientPortAddress=127.0.0.1", "standalone", BASE + "clientPortAddress=127.0.0.1\n")
    yield Case("clientPortAddress alone", "parse", "dataDir=DIR/data\nclientPortAddress=127.0.0.1\n")
    yield Case("clientPortAddress empty", "standalone", BASE + "clientPortAddress=\n")
    yield Case("port and line differ", "parse", THREE + LINES.replace("20001\n", "20001;4321\n"), MY_ID)
    yield Case("no dataDir", "parse", "clientPort=PORT\n")
    yield Case("no clientPort", "parse", "dataDir=DIR/data\n")
    yield Case("myid of another server", "parse", "dataDir=DIR/data\nserver.1=127.0.0.1:1:2;3\n", {"data/myid": "7\n"})
    yield Case("windows line ends, colons and blanks", "standalone", "dataDir DIR/data\r\nclientPort : PORT\r\n! done\r\n")
    yield Case("unknown keys", "standalone", BASE + "zookeeper.skipACL=yes\nmy.plugin=1\nticktime=1\n")
    yield Case("metrics provider", "parse", BASE + "metricsProvider.className=no.such.Provider\n")
    yield Case("a limit that only the Java server has", "parse", BASE + "jvm.pause.sleep.time.ms=often\n")
    yield Case("digest algorithm that does not exist", "standalone", BASE + "DigestAuthenticationProvider.digestAlg=nonsense\n")
    yield Case("connection_throttle_drop_increase=1k", "standalone", BASE + "connection_throttle_drop_increase=1k\n")
    yield Case("arguments: port dataDir", "standalone", "", arguments=["PORT", "DIR/data"])
    yield Case("arguments: port dataDir tickTime", "standalone", "", arguments=["PORT", "DIR/data", "500"])
    yield Case("arguments: port dataDir tickTime maxClientCnxns", "standalone", "",
               arguments=["PORT", "DIR/data", "500", "-1"])
    yield Case("arguments: five", "standalone", "", arguments=["PORT", "DIR/data", "500", "10", "more"])
    yield Case("arguments: a word for a number", "standalone", "", arguments=["PORT", "DIR/data", "fast"])


def java_outcomes(cases):
    directory = temporary_directory("zooid-config-java-")
    subprocess.run([shutil.which("javac") or "javac", "-proc:none", "-d", directory, SOURCE], check=True)
    base = os.path.join(directory, "cases")
    with open(base, "w") as out:
        out.writelines(case.line() for case in cases)
    run = subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", directory,
                          "ConfigSurvey", CLASS_PATH, base], capture_output=True, text=True, timeout=250)
    outcomes = {}
    for line in run.stdout.splitlines():
        fields = line.split("\t")
        if len(fields) >= 2 and fields[1] in ("serves", "refuses"):
            outcomes[fields[0]] = (fields[1], " ".join(fields[2:]))
    assert len(outcomes) == len(cases), (len(outcomes), len(cases), run.stderr[-2000:])
    return outcomes


def zooid_outcome(case):
    environment = dict(os.environ, SERVER_JVMFLAGS=case.flags)
    words = case.arguments or [os.path.join(case.directory, "zoo.cfg")]
    if case.mode == "parse":
        run = subprocess.run([ZOOID, "config", "check", *words], capture_output=True, text=True, timeout=20,
                             env=environment)
        assert run.returncode in (0, 2), (case.name, run.returncode, run.stderr)
        return "serves" if run.returncode == 0 else "refuses", run.stdout + run.stderr
    with open(os.path.join(case.directory, "log"), "w+") as log:
        process = subprocess.Popen([ZOOID, "server", *words], stdout=log, stderr=log, env=environment)
        harness.ended_at_exit(process)

        def settled():
            if process.poll() is not None:
                return "refuses"
            if not case.has_port:  # a leader listens for followers
                socket.create_connection(("127.0.0.1", case.quorum), timeout=1).close()
                return "serves"
            return "serves" if "Mode: " in harness.four_letter_word(case.port, "srvr") else None
        outcome = wait_for(settled, 20, case.name)
        if outcome == "serves":
            process.kill()
            process.wait()
        log.seek(0)
        return outcome, log.read()


def compare(cases):
    base = temporary_directory("zooid-config-")
    for number, case in enumerate(cases):
        ports = free_ports(3) if case.mode != "parse" else (21810, 22880, 23880)
        # Of its own for each server: what one writes the other must not find.
        case.lay_out(os.path.join(base, "java", str(number)), *ports)
    java = java_outcomes(cases)
    wrong = []
    for number, case in enumerate(cases):
        for path in os.listdir(os.path.join(case.directory, "data")):
            if path != "myid":
                shutil.rmtree(os.path.join(case.directory, "data", path), ignore_errors=True)
        if os.path.exists(os.path.join(case.directory, "zoo.cfg.bak")):
            os.remove(os.path.join(case.directory, "zoo.cfg.bak"))
        outcome, text = zooid_outcome(case)
        is_same = outcome == java[case.name][0]
        if is_same == (case.name in INTENDED):
            wrong.append(f"{case.name}: Zooid {outcome}, Java {' '.join(java[case.name])}\n    {text}")
    assert not wrong, f"{len(wrong)} of {len(cases)} differ:\n" + "\n".join(wrong)
    print(f"{len(cases)} files, {sum(o == 'serves' for o, _ in java.values())} of them served", flush=True)


def values_of_keys_are_taken_as_by_java():
    compare(list(key_cases()))


def whole_files_and_arguments_are_taken_as_by_java():
    cases = list(whole_cases())
    compare(cases)
    assert set(INTENDED) <= {case.name for case in cases}


def run_check(text):
    directory = temporary_directory("zooid-check-")
    path = os.path.join(directory, "zoo.cfg")
    with open(path, "w") as out:
        out.write(text.replace("DIR", directory))
    return directory, subprocess.run([ZOOID, "config", "check", path], capture_output=True, text=True, timeout=20)


def config_check_changes_nothing_and_tells_all():
    directory, run = run_check("dataDir=DIR/none/deep\nclientPort=2181\nadmin.serverPort=8080\nenforceQuota=yes\n")
    assert run.returncode == 0, run.stderr
    assert os.listdir(directory) == ["zoo.cfg"], os.listdir(directory)
    assert "warning: enforceQuota=yes means false" in run.stdout, run.stdout
    assert "a server starts with it: a standalone server, clients on *:2181" in run.stdout, run.stdout
    _, run = run_check("dataDir=DIR/data\ntickTime=soon\nsslQuorum=true\n")
    assert run.returncode == 2 and run.stdout == "", (run.returncode, run.stdout)
    assert re.search(r"zoo.cfg:2: tickTime=soon: expected .*\n.*zoo.cfg:3: sslQuorum=true: TLS", run.stderr), run.stderr


def a_server_without_a_client_port_writes_nothing():
    directory = temporary_directory()
    path = os.path.join(directory, "zoo.cfg")
    with open(path, "w") as out:
        out.write(f"dataDir={directory}/data\n")
    run = subprocess.run([ZOOID, "server", path], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2, run.returncode
    assert "clientPort is not set: no client could connect; write for example clientPort=2181" in run.stderr
    assert os.listdir(directory) == ["zoo.cfg"]


def the_advice_for_a_missing_myid_works():
    directory = temporary_directory()
    text = (THREE + LINES).replace("DIR/data", f"{directory}/none/deep").replace("PORT", "2181")
    server = harness.Server("zooid", None, directory, 2181, text)
    run = subprocess.run(server.command(), capture_output=True, text=True, timeout=20)
    assert run.returncode == 2, run.stderr
    advice = re.search(r"for example: (.*)$", run.stderr, re.M).group(1)
    subprocess.run(advice, shell=True, check=True)
    run = subprocess.run([ZOOID, "config", "check", server.config_path], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0, run.stderr


def data_up_to_jute_maxbuffer_are_kept():
    ensemble = harness.Ensemble(["zooid"] * 3, settings="jute.maxbuffer=8388608\n").start()
    ensemble.wait_all()
    zk = harness.client(ensemble.hosts())
    data = b"x" * (8 * 1024 * 1024 - 200)
    zk.create("/large", data)
    zk.stop()
    for server in ensemble:
        zk = harness.client(server.address)
        zk.sync("/large")
        assert zk.get("/large")[0] == data, server.id
        zk.stop()
    ensemble.stop()
    for server in ensemble:
        server.start()
    ensemble.wait_all()
    zk = harness.client(ensemble.hosts())
    assert zk.get("/large")[0] == data
    zk.stop()


def trusting_an_empty_directory_writes_its_snapshot():
    server = harness.standalone("zooid").start()
    server.wait_mode("standalone")
    zk = harness.client(server.address)
    zk.create("/a", b"1")
    zk.stop()
    server.kill()
    version2 = os.path.join(server.data, "version-2")

    def snapshots():
        return [name for name in os.listdir(version2) if name.startswith("snapshot.")]
    for name in snapshots():
        os.remove(os.path.join(version2, name))
    shutil.rmtree(os.path.join(server.data, "zooid"), ignore_errors=True)  # as if Java had been there
    with open(server.config_path) as config:
        text = config.read()
    with open(server.config_path, "a") as config:
        config.write("snapshot.trust.empty=true\n")
    server.start()
    server.wait_mode("standalone")
    assert snapshots(), os.listdir(version2)
    server.kill()
    with open(server.config_path, "w") as config:
        config.write(text)
    server.start()
    server.wait_mode("standalone")
    zk = harness.client(server.address)
    assert zk.get("/a")[0] == b"1"
    zk.stop()


if __name__ == "__main__":
    harness.main([values_of_keys_are_taken_as_by_java, whole_files_and_arguments_are_taken_as_by_java,
                  config_check_changes_nothing_and_tells_all, a_server_without_a_client_port_writes_nothing,
                  the_advice_for_a_missing_myid_works, data_up_to_jute_maxbuffer_are_kept,
                  trusting_an_empty_directory_writes_its_snapshot])
