"""Curator 5.4 (Debian's) against Zooid: the recipes of tests/interop/curator on one server, and on
three whose leader is killed in the middle. `test_curator.py --java` runs the same against Java
ZooKeeper, to judge whether a failure is ours."""

import os
import shutil
import subprocess
import sys

import harness
import interop
from harness import standalone, temporary_directory

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop/curator")
JARS = ["curator-client", "curator-framework", "curator-recipes", "curator-x-discovery", "zookeeper",
        "zookeeper-jute", "guava", "slf4j-api", "slf4j-simple", "jackson-core", "jackson-databind",
        "jackson-annotations"]
CLASS_PATH = ":".join(f"/usr/share/java/{jar}.jar" for jar in JARS)
SETTINGS = "extendedTypesEnabled=true\n"
KIND = "zooid"
# What the program must count: a check that is dropped by mistake is a failure, too.
CHECKS = 46
CHECKS_WITH_KILL = 55


def compiled():
    """The directory with the classes."""
    javac = shutil.which("javac")
    assert javac, "javac is not there: ./dev setup"
    directory = temporary_directory("zooid-curator-")
    sources = sorted(os.path.join(SOURCES, name) for name in os.listdir(SOURCES))
    subprocess.run([javac, "-proc:none", "-cp", CLASS_PATH, "-d", directory, *sources], check=True)
    return directory


def run(hosts, at_kill=None):
    return interop.run(
        ["java", "-Xmx256m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp",
         f"{compiled()}:{CLASS_PATH}", "Run", hosts, "kill" if at_kill else "stay"], at_kill)


def one_server():
    server = standalone(KIND, settings=SETTINGS, tick_ms=1000).start()
    server.wait_mode("standalone")
    interop.expect(run(server.address), "curator", CHECKS)


def ensemble_with_a_leader_kill():
    interop.with_a_leader_kill(KIND, SETTINGS, lambda hosts, kill: interop.expect(
        run(hosts, kill), "curator", CHECKS_WITH_KILL))


if "--java" in sys.argv:
    sys.argv.remove("--java")
    KIND = "java"
harness.main([one_server, ensemble_with_a_leader_kill])
