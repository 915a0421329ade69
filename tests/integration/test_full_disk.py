"""A full disk (issue list 10): the server says so, is part of no quorum, and comes back by itself.

A tmpfs of 40 MiB is mounted in a mount namespace of the test's own (needs root, as CI has).
"""

import json
import os
import subprocess
import sys
import time

import harness
from harness import Ensemble, client, standalone, wait_for

MIB = 1 << 20


def own_mounts():
    """Runs this file again in a mount namespace of its own: mounts end with the process."""
    if os.environ.get("ZOOID_OWN_MOUNTS") == "1":
        return
    environment = dict(os.environ, ZOOID_OWN_MOUNTS="1")
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                           *sys.argv], environment)


def small_disk(server):
    with open(os.path.join(server.data, "myid")) if server.id else open(os.devnull) as file:
        my_id = file.read()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", server.data], check=True)
    if server.id:
        with open(os.path.join(server.data, "myid"), "w") as file:
            file.write(my_id)
    ballast = os.path.join(server.data, "ballast")
    with open(ballast, "wb") as file:
        file.write(b"\0" * (20 * MIB))
    return ballast


def write_until(zk, condition, prefix, limit=6000):
    written = []
    for i in range(limit):
        path = f"/{prefix}{i}"
        zk.retry(zk.create, path, b"d" * 10_000)
        written.append(path)
        if i % 50 == 0 and condition():
            return written
    raise AssertionError("the disk did not fill up")


def status(config):
    run = subprocess.run([harness.ZOOID, "status", "--json", config], capture_output=True, text=True)
    return json.loads(run.stdout)


def one_of_three():
    ensemble = Ensemble(["zooid"] * 3, settings="snapCount=1000000\npreAllocSize=64\n")
    full = ensemble[1]
    ballast = small_disk(full)
    ensemble.start()
    ensemble.wait_all()
    others = [s for s in ensemble if s is not full]
    zk = client(",".join(s.address for s in others), timeout=20)
    written = write_until(zk, lambda: full.mode() is None, "fill")
    wait_for(lambda: "out of space" in full.log().lower() or "no space" in full.log().lower(), 10,
             "the log names the trouble")
    answer = full.word("srvr")
    assert "space" in answer.lower(), answer
    told = status(full.config_path)
    assert [s["state"] for s in told["servers"] if s["this"]] == ["full disk"], told
    assert told["up"] == 2 and told["has_quorum"] and told["exit_code"] == 1, told
    told = [line for line in full.log().splitlines() if "ERROR" in line]
    assert len(told) == 1 and "It needs 4 MiB of free space" in told[0], told
    assert "comes back by itself" in told[0] and "bytes free)" in told[0], told
    assert full.log().count(" - no longer serving clients") == 1, full.log_path
    for i in range(50):
        path = f"/more{i}"
        zk.retry(zk.create, path, b"")
        written.append(path)
    assert full.alive() and full.mode() is None
    os.remove(ballast)
    full.wait_mode("follower", "leader", seconds=60)
    wait_for(lambda: "serving clients again after" in full.log(), 10, full.log_path)
    time.sleep(1)
    trees = [harness.tree(s.address) for s in ensemble]
    assert trees[0] == trees[1] == trees[2]
    assert set(written) <= set(trees[0])
    zk.stop()
    zk.close()
    ensemble.stop()


def standalone_loses_nothing_acknowledged():
    server = standalone("zooid", settings="snapCount=1000000\npreAllocSize=64\n")
    ballast = small_disk(server)
    server.start()
    server.wait_mode("standalone")
    acknowledged = []
    connection, _, _ = harness.raw_connect(server.client_port, timeout_ms=4000)
    connection.settimeout(10)
    try:
        for i in range(6000):
            connection.sendall(harness.create_frame(i + 1, f"/s{i}", b"d" * 10_000))
            harness.receive_frame(connection)
            acknowledged.append(f"/s{i}")
    except OSError:
        pass
    assert 100 < len(acknowledged) < 6000, len(acknowledged)
    wait_for(lambda: server.mode() is None, 10)
    assert "space" in server.word("srvr").lower(), server.word("srvr")
    told = status(server.config_path)
    assert told["servers"][0]["state"] == "full disk" and told["exit_code"] == 2, told
    os.remove(ballast)
    server.wait_mode("standalone", seconds=30)
    names = set(harness.tree(server.address))
    assert set(acknowledged) <= names, len(set(acknowledged) - names)
    server.kill()
    server.start()
    server.wait_mode("standalone")
    names = set(harness.tree(server.address))
    assert set(acknowledged) <= names, len(set(acknowledged) - names)
    server.kill()


own_mounts()
harness.main([one_of_three, standalone_loses_nothing_acknowledged])
