"""Who leads, and that the right one does (issue list 1 to 4)."""

import os
import shutil
import signal
import subprocess
import time

import harness
from harness import Ensemble, client, wait_for

from kazoo.exceptions import KazooException




def five_servers_in_id_order():
    ensemble = Ensemble(["zooid"] * 5)
    ensemble.start(1, 2)
    time.sleep(1.5)
    assert ensemble[1].mode() is None and ensemble[2].mode() is None, "two of five must not serve"
    answer = subprocess.run([harness.ZOOID, "status", "-s", ensemble.hosts()], capture_output=True,
                            text=True, timeout=30)
    assert "0 of 5 up, 2 alive: no quorum, 1 more needed" in answer.stdout, answer.stdout
    assert answer.returncode == 2, answer.stdout
    ensemble.start(3)
    leader = ensemble.wait_leader()
    assert leader.id == 3, leader.id
    ensemble.start(4, 5)
    for server in (4, 5):
        assert ensemble[server].wait_mode("follower", "leader") == "follower"
    assert ensemble[3].mode() == "leader"
    answer = subprocess.run([harness.ZOOID, "status", "-s", ensemble.hosts()], capture_output=True,
                            text=True, timeout=30)
    assert answer.stdout.count("  follower  ") == 4, answer.stdout
    assert answer.stdout.count("  leader  ") == 1, answer.stdout
    assert "5 of 5 up, can lose 2 more" in answer.stdout, answer.stdout


def three_servers_majority_down_and_back():
    ensemble = Ensemble(["zooid"] * 3)
    ensemble.start(1)
    time.sleep(0.5)
    ensemble.start(2)
    assert ensemble.wait_leader().id == 2
    ensemble.start(3)
    ensemble[3].wait_mode("follower")
    zk = client(ensemble.hosts())
    for i in range(50):
        zk.create(f"/n{i}", str(i).encode())
    zk.stop()
    zk.close()
    ensemble[2].kill()
    ensemble[3].kill()
    wait_for(lambda: ensemble[1].mode() is None, 10, "server 1 alone must stop serving")
    text = subprocess.run([harness.ZOOID, "status", "-s", ensemble.hosts()], capture_output=True,
                          text=True, timeout=30).stdout
    assert "no quorum" in text, text
    ensemble.start(2, 3)
    ensemble.wait_all()
    zk = client(ensemble.hosts())
    for i in range(50):
        assert zk.get(f"/n{i}")[0] == str(i).encode()
    zk.stop()
    zk.close()


def leader_killed_sessions_and_ephemerals_survive():
    """Equal epochs and zxids: the largest id wins. Nothing acknowledged is lost."""
    ensemble = Ensemble(["zooid"] * 3).start()
    first = ensemble.wait_all()
    zk = client(ensemble.hosts(), timeout=20)
    session = zk.client_id[0]
    zk.create("/eph", b"mine", ephemeral=True)
    for i in range(100):
        zk.create(f"/a{i}", b"x")
    survivors = [s for s in ensemble if s is not first]
    first.kill()
    acknowledged = []
    end = time.monotonic() + 30
    i = 0
    while len(acknowledged) < 50 and time.monotonic() < end:
        try:
            zk.create(f"/b{i}", b"y")
            acknowledged.append(i)
        except KazooException:
            pass
        i += 1
    assert len(acknowledged) == 50, "the two others must serve again"
    second = ensemble.wait_leader()
    assert second.id == max(s.id for s in survivors), second.id
    assert zk.client_id[0] == session, "the session must survive"
    assert zk.exists("/eph").ephemeralOwner == session
    for i in range(100):
        assert zk.exists(f"/a{i}"), i
    for i in acknowledged:
        assert zk.exists(f"/b{i}"), i
    zk.stop()
    zk.close()
    wait_for(lambda: not client_exists(ensemble, "/eph"), 10, "closing removes the ephemeral")


def client_exists(ensemble, path):
    zk = client(ensemble.hosts())
    try:
        return zk.exists(path) is not None
    finally:
        zk.stop()
        zk.close()


def larger_zxid_wins_over_larger_id():
    """Server 3 misses the last writes: server 2 must lead although 3 has the larger id."""
    ensemble = Ensemble(["zooid"] * 3).start()
    ensemble.wait_all()
    zk = client(ensemble.hosts())
    zk.create("/before", b"")
    ensemble[3].kill()
    ensemble.wait_leader()
    wait_for(lambda: zk.connected, 20)
    for i in range(20):
        zk.retry(zk.create, f"/after{i}", b"")
    zk.stop()
    zk.close()
    ensemble[1].kill()
    ensemble[2].kill()
    # Epochs: 3 still has the old currentEpoch. Give it the same one, so that the zxid decides.
    for name in ("currentEpoch", "acceptedEpoch"):
        shutil.copy(os.path.join(ensemble[2].data, "version-2", name),
                    os.path.join(ensemble[3].data, "version-2", name))
    ensemble.start(2, 3)
    leader = ensemble.wait_leader()
    assert leader.id == 2, leader.id
    assert "zxid" in explain(ensemble[2]), explain(ensemble[2])
    zk = client(ensemble.hosts())
    for i in range(20):
        assert zk.exists(f"/after{i}"), i
    zk.stop()
    zk.close()


def larger_epoch_wins_over_larger_zxid_and_id():
    """Server 3's log is longer but of an older epoch."""
    ensemble = Ensemble(["zooid"] * 3)
    ensemble.start(2, 3)
    assert ensemble.wait_leader().id == 3
    zk = client(ensemble.hosts())
    for i in range(30):
        zk.create(f"/old{i}", b"")
    zk.stop()
    zk.close()
    ensemble[2].kill()
    ensemble[3].kill()
    # A later epoch in which server 3 took no part, and with fewer transactions than epoch 1 had.
    ensemble.start(1, 2)
    assert ensemble.wait_leader().id == 2
    zk = client(ensemble.hosts())
    zk.create("/new", b"")
    zk.stop()
    zk.close()
    ensemble[1].kill()
    ensemble[2].kill()
    ensemble.start(3)
    time.sleep(0.3)
    ensemble.start(2)
    leader = ensemble.wait_leader()
    assert leader.id == 2, leader.id
    text = explain(ensemble[2])
    assert "epoch" in text, text
    zk = client(ensemble.hosts())
    assert zk.exists("/new")
    zk.stop()
    zk.close()


def explain(server):
    return subprocess.run([harness.ZOOID, "explain", server.config_path], capture_output=True,
                          text=True, timeout=20).stdout


def paused_leader_steps_down():
    """A leader that stood still for longer than its limits must not lead on, and what it had not
    committed vanishes."""
    relays = harness.Relays()
    ensemble = harness.relayed_ensemble(3, relays, sync_limit=5)
    ensemble.start()
    old = ensemble.wait_all()
    others = [s for s in ensemble if s is not old]
    zk = client(",".join(s.address for s in others))
    zk.create("/kept", b"1")
    # The old leader logs a write that nobody else gets to see, then stands still.
    lonely, _, _ = harness.raw_connect(old.client_port)
    for server in others:
        relays.cut(old.id, server.id)
    lonely.sendall(harness.create_frame(1, "/lost"))
    time.sleep(0.3)
    old.pause()
    new = wait_for(lambda: next((s for s in others if s.mode() == "leader"), None), 30,
                   "a new leader among the two")
    wait_for(lambda: zk.connected, 20)
    zk.retry(zk.create, "/after", b"2")
    for server in others:
        relays.heal(old.id, server.id)
    old.resume()
    assert old.wait_mode("follower") == "follower"
    assert new.mode() == "leader"
    lonely.close()
    for server in ensemble:
        view = client(server.address)
        wait_for(lambda: view.exists("/after"), 10, "the new history is everywhere")
        assert view.exists("/kept") and not view.exists("/lost"), server.id
        view.stop()
        view.close()
    zk.stop()
    zk.close()
    relays.stop()


def follower_cut_from_the_leader_only():
    """Its election is refused: the others tell it the leader, and it rejoins when the link is back."""
    relays = harness.Relays()
    ensemble = harness.relayed_ensemble(3, relays)
    ensemble.start()
    leader = ensemble.wait_all()
    cut = next(s for s in ensemble if s is not leader)
    epoch_before = leader.monitor().get("zk_leader_uptime")
    relays.cut(cut.id, leader.id)
    wait_for(lambda: cut.mode() is None, 20, "the cut follower stops serving")
    time.sleep(2)
    assert leader.mode() == "leader", "one follower's trouble must not end the leadership"
    relays.heal(cut.id, leader.id)
    assert cut.wait_mode("follower", seconds=30) == "follower"
    assert leader.mode() == "leader" and epoch_before is not None
    relays.stop()


harness.main([
    five_servers_in_id_order,
    three_servers_majority_down_and_back,
    leader_killed_sessions_and_ephemerals_survive,
    larger_zxid_wins_over_larger_id,
    larger_epoch_wins_over_larger_zxid_and_id,
    paused_leader_steps_down,
    follower_cut_from_the_leader_only,
])
