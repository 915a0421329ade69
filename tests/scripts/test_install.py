"""`cmake --install`: what arrives is enough to run a server, and needs the libraries that the documents name.

    test_install.py BUILD_DIRECTORY
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))

import harness  # noqa: E402

BUILD = sys.argv.pop(1)
PREFIX = pathlib.Path(harness.temporary_directory("zooid-install-"))


def installed_files_are_there():
    run = subprocess.run(["cmake", "--install", BUILD, "--prefix", str(PREFIX)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    for path in ("bin/zooid", "bin/zkServer.sh", "bin/zkCli.sh", "share/doc/zooid/README.md",
                 "share/doc/zooid/docs/operations.md", "share/doc/zooid/docs/operations.zh.md"):
        assert (PREFIX / path).exists(), path
    unit = (PREFIX / "lib/systemd/system/zooid.service").read_text()
    assert f"ExecStart={PREFIX}/bin/zooid server /etc/zookeeper/conf/zoo.cfg\n" in unit, unit
    version = subprocess.run([PREFIX / "bin/zooid", "--version"], capture_output=True, text=True).stdout
    assert version.startswith("zooid "), version


def the_installed_script_runs_the_installed_program():
    directory = pathlib.Path(harness.temporary_directory())
    port, = harness.free_ports(1)
    config = directory / "zoo.cfg"
    config.write_text(f"dataDir={directory}/data\nclientPort={port}\n")
    environment = {name: value for name, value in os.environ.items() if name != "ZOOID_BIN"}
    environment["ZOO_LOG_DIR"] = f"{directory}/logs"

    def script(verb):
        return subprocess.run([PREFIX / "bin/zkServer.sh", verb, config], env=environment, text=True,
                              capture_output=True, timeout=30)
    started = script("start")
    try:
        assert started.returncode == 0 and "STARTED" in started.stdout, started
        harness.wait_for(lambda: "Mode: standalone" in script("status").stdout, 10, "the server to serve")
        pid = (directory / "data/zookeeper_server.pid").read_text()
        assert os.readlink(f"/proc/{pid.strip()}/exe") == str(PREFIX / "bin/zooid")
    finally:
        script("stop")


def the_documents_name_the_libraries():
    listed = subprocess.run(["ldd", PREFIX / "bin/zooid"], capture_output=True, text=True).stdout
    named = {"libfmt.so.9": "libfmt9", "libz.so.1": "zlib1g", "libdeflate.so.0": "libdeflate0",
             "libsnappy.so.1": "libsnappy1v5", "libcrypto.so.3": "libssl3", "libedit.so.2": "libedit2"}
    # They come with every Debian, or with those above.
    basic = re.compile(r"linux-vdso|ld-linux|libc\.|libm\.|libgcc_s|libstdc\+\+|libtinfo|libbsd|libmd\.")
    for library in re.findall(r"^\s*(\S+)", listed, re.M):
        name = os.path.basename(library)
        if basic.search(name):
            continue
        assert name in named, f"{name} is named in no document"
        for page in ("README.md", "README.zh.md", "docs/operations.md", "docs/operations.zh.md"):
            assert named[name] in (ROOT / page).read_text(), (page, name)


harness.main([installed_files_are_there, the_installed_script_runs_the_installed_program,
              the_documents_name_the_libraries])
