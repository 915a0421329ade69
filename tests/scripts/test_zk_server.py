"""bin/zkServer.sh and bin/zkCli.sh from outside: the lines that scripts grep for, and exit codes."""

import os
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ZK_SERVER = os.path.join(ROOT, "bin/zkServer.sh")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """A configuration directory; the server is stopped at the end."""

    def __init__(self, directory, more=""):
        self.directory = directory
        self.data = os.path.join(directory, "data dir")
        self.pid_file = os.path.join(self.data, "zookeeper_server.pid")
        self.port = free_port()
        self.config = os.path.join(directory, "zoo.cfg")
        with open(self.config, "w") as file:
            file.write(f"tickTime=2000\ndataDir={self.data}\nclientPort={self.port}\n{more}")

    def run(self, *words):
        environment = dict(os.environ, ZOO_LOG_DIR=os.path.join(self.directory, "logs"))
        return subprocess.run([ZK_SERVER, "--config", self.directory, *words], text=True,
                              capture_output=True, timeout=30, env=environment)


def expect(run, code, *texts):
    output = run.stdout + run.stderr
    assert run.returncode == code, f"exit code {run.returncode} instead of {code}: {output}"
    for text in texts:
        assert text in output, f"'{text}' is missing in: {output}"


def a_server_starts_answers_and_stops(directory):
    server = Installation(directory)
    expect(server.run("status"), 1, f"Using config: {server.config}",
           f"Client port found: {server.port}. Client address: localhost.",
           "Error contacting service. It is probably not running.")
    expect(server.run("stop"), 0,
           f"Stopping zookeeper ... no zookeeper to stop (could not find file {server.pid_file})")
    try:
        expect(server.run("start"), 0, "Starting zookeeper ... STARTED")
        with open(server.pid_file) as file:
            pid = int(file.read())
        expect(server.run("status"), 0, "Mode: standalone")
        expect(server.run("start"), 1, f"already running as process {pid}.")
        expect(server.run("restart"), 0, "Stopping zookeeper ... STOPPED",
               "Starting zookeeper ... STARTED")
        expect(server.run("status"), 0, "Mode: standalone")
    finally:
        stopped = server.run("stop")
    expect(stopped, 0, "Stopping zookeeper ... STOPPED")
    assert not os.path.exists(server.pid_file)
    expect(server.run("status"), 1, "It is probably not running.")


def a_bad_configuration_does_not_start(directory):
    server = Installation(directory, more="sslQuorum=true\n")
    expect(server.run("start"), 1, "Starting zookeeper ... FAILED TO START",
           f"{server.config}:4: sslQuorum=true: TLS")


def the_client_port_may_stand_in_the_server_line(directory):
    server = Installation(directory)
    os.makedirs(server.data)
    with open(server.config, "w") as file:
        file.write(f"dataDir={server.data}\nserver.3=h:1:2;127.0.0.1:{server.port}\n")
    expect(server.run("status"), 1, "myid could not be determined", "Terminating.")
    with open(os.path.join(server.data, "myid"), "w") as file:
        file.write("3\n")
    expect(server.run("status"), 1,
           f"Client port found: {server.port}. Client address: 127.0.0.1.")


def other_words(directory):
    server = Installation(directory)
    expect(server.run("version"), 0, "version ")
    expect(server.run("print-cmd"), 0, " server ", server.config)
    expect(server.run("print-cmd", "other.cfg"), 0, f"Using config: {directory}/other.cfg")
    expect(server.run("dance"), 1, "Usage: ", "start-foreground")


def main():
    tests = [a_server_starts_answers_and_stops, a_bad_configuration_does_not_start,
             the_client_port_may_stand_in_the_server_line, other_words]
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as directory:
            try:
                test(directory)
                print(f"ok   {test.__name__}")
            except AssertionError as error:
                failed += 1
                print(f"FAIL {test.__name__}: {error}")
    sys.exit(1 if failed else 0)


main()
