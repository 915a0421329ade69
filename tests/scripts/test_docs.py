"""The shell commands of the documents, run as they stand there, in a directory of their own.

Every block ```sh of the documents below is run, in order, one shell for a document; a command that fails
fails the test. Not run: blocks ```sh no-run (they install packages, or start services). A block
```properties file=PATH is written to that path first. Paths, names and ports of the examples are put in
the test's directory, on loopback addresses, and on free ports. The two other machines of the examples run
here, too, from the document's own file.

Also: the English and the Chinese page have the same blocks and the same number of headings and table rows, and
all relative links lead somewhere.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))

import harness  # noqa: E402

PAIRS = [("README.md", "README.zh.md"), ("docs/operations.md", "docs/operations.zh.md"),
         ("docs/keys.md", "docs/keys.zh.md")]
RUN = ["README.md", "docs/operations.md"]
BLOCK = re.compile(r"^```(\w+)? ?([^\n]*)\n(.*?)^```$", re.M | re.S)
CLIENT, QUORUM, ELECTION = 2181, 2888, 3888


def blocks(name):
    return [(match[1] or "", match[2], match[3]) for match in BLOCK.finditer((ROOT / name).read_text())]


class Machines:
    """The examples' machines, each on a loopback address of its own; this one is the first."""

    def __init__(self):
        self.directory = harness.temporary_directory("zooid-docs-")
        self.ports = dict(zip((CLIENT, QUORUM, ELECTION), harness.free_ports(3)))
        self.others = []

    def here(self, text, machine=1):
        for path in ("/etc/zookeeper", "/var/lib/zookeeper", "/var/log/zookeeper"):
            text = text.replace(path, f"{self.directory}/{machine}{path}")
        for number in (1, 2, 3):
            text = text.replace(f"zk{number}.example.com", f"127.0.0.{number}")
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text

    def write(self, path, content):
        for machine in (1, 2, 3):
            target = pathlib.Path(self.here(path, machine))
            target.parent.mkdir(parents=True, exist_ok=True)
            address = f"clientPortAddress=127.0.0.{machine}\n"
            target.write_text(self.here(content, machine) + address)
            if machine == 1:
                continue
            data = pathlib.Path(self.here("/var/lib/zookeeper", machine))
            data.mkdir(parents=True)
            (data / "myid").write_text(f"{machine}\n")
            log = open(f"{self.directory}/{machine}/server.log", "wb")
            process = subprocess.Popen([harness.ZOOID, "server", str(target)], stdout=log, stderr=log)
            harness.ended_at_exit(process)
            self.others.append(process)

    def end(self):
        for process in self.others:
            process.kill()
            process.wait()
        pid_file = pathlib.Path(self.here("/var/lib/zookeeper/zookeeper_server.pid"))
        if pid_file.exists():  # a command before the last one failed, or there is none that stops it
            subprocess.run([ROOT / "bin/zkServer.sh", "stop", self.here("/etc/zookeeper/conf/zoo.cfg")],
                           env=self.environment(), capture_output=True, timeout=30, check=False)

    def environment(self):
        path = os.path.dirname(os.path.abspath(harness.ZOOID))
        return dict(os.environ, PATH=f"{path}:{ROOT}/bin:{os.environ['PATH']}", ZOOID_BIN=harness.ZOOID,
                    ZOO_LOG_DIR=f"{self.directory}/logs", HOME=self.directory)


def run_commands(name):
    machines = Machines()
    script = "set -e\n"
    try:
        for language, info, content in blocks(name):
            assert language in ("", "sh", "properties"), f"{name}: what is a block of {language}?"
            if language == "properties":
                machines.write(info.removeprefix("file="), content)
            elif language == "sh" and info == "":
                script += content
                verbs = re.findall(r"zkServer\.sh (\w+)", content)
                if verbs and verbs[-1] != "stop":
                    # The reader's next step comes when the server has found the others.
                    script += "for i in $(seq 100); do zkServer.sh status /etc/zookeeper/conf/zoo.cfg" \
                              " > /dev/null 2>&1 && break; sleep 0.1; done\n"
            elif language == "sh":
                assert info == "no-run", f"{name}: ```sh {info}"
        run = subprocess.run(["bash", "-x", "-c", machines.here(script)], cwd=machines.directory, text=True,
                             env=machines.environment(), timeout=120, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        assert run.returncode == 0, f"{name}: exit code {run.returncode}\n{run.stdout}"
        return run.stdout
    finally:
        machines.end()


def commands_of_the_readme_work():
    output = run_commands("README.md")
    assert "STARTED" in output and "zookeeper" in output, output


def commands_of_operations_work():
    output = run_commands("docs/operations.md")
    assert "zk_server_state" in output and "version-2/snapshot" in output, output


def both_languages_say_the_same():
    for english, chinese in PAIRS:
        counts = []
        for name in (english, chinese):
            text = (ROOT / name).read_text()
            prose = BLOCK.sub("", text)
            counts.append({
                "headings": len(re.findall(r"^#+ ", prose, re.M)),
                "rows": len(re.findall(r"^\|", prose, re.M)),
                "items": len(re.findall(r"^(?:\*|\d+\.) ", prose, re.M)),
                # Comments in commands are in the page's language.
                "blocks": [(language, info, re.sub(r" +#.*", "", content))
                           for language, info, content in blocks(name)],
            })
        for what in counts[0]:
            assert counts[0][what] == counts[1][what], (english, what, counts[0][what], counts[1][what])


def links_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", BLOCK.sub("", page.read_text())):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name} links to {link}"


harness.main([commands_of_the_readme_work, commands_of_operations_work, both_languages_say_the_same,
              links_lead_somewhere])
