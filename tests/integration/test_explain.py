"""For ten constructed elections the explain record equals what a recording proxy on the election ports
saw: votes, senders, order, deciding rule (issue list 11)."""

import json
import struct
import subprocess
import time

import harness
from harness import client, wait_for

STATES = {0: "LOOKING", 1: "FOLLOWING", 2: "LEADING", 3: "OBSERVING"}


class Recorder:
    """Decodes election streams of every link into (time, from, to, vote)."""

    def __init__(self):
        self.seen = []
        self.buffers = {}

    def link(self, from_id, to_id, kind):
        if kind != "election":
            return None

        def record(direction, data, number, at):
            key = (from_id, to_id, direction, number)
            sender, receiver = (from_id, to_id) if direction == "forward" else (to_id, from_id)
            buffer = self.buffers.setdefault(key, bytearray())
            buffer.extend(data)
            if direction == "forward" and not self.buffers.get(key + ("hello",)):
                if len(buffer) < 20:
                    return
                length = struct.unpack(">i", buffer[16:20])[0]
                if len(buffer) < 20 + length:
                    return
                del buffer[:20 + length]
                self.buffers[key + ("hello",)] = True
            while len(buffer) >= 4:
                length = struct.unpack(">i", buffer[:4])[0]
                if len(buffer) < 4 + length:
                    return
                message = bytes(buffer[4:4 + length])
                del buffer[:4 + length]
                state, leader, zxid, round_, epoch = struct.unpack(">iqqqq", message[:36])
                self.seen.append((at, sender, receiver,
                                  (STATES[state], leader, zxid, round_, epoch)))
        return record


def last_record(server):
    run = subprocess.run([harness.ZOOID, "explain", "--json", server.config_path],
                         capture_output=True, text=True, timeout=20)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def received_votes(record):
    """What the record says came in, in order: (sender, vote)."""
    return [(e["peer"], (e["state"], e["vote"]["leader"], int(e["vote"]["zxid"], 16), e["vote"]["round"],
                         e["vote"]["epoch"]))
            for e in record["events"] if e["kind"] == "received"]


def rule_of(record, votes):
    """What decided, from the votes that travelled and the server's own first one."""
    winner = record["winner"]
    # To join a running ensemble a server needs the word of the leader itself.
    if any(state == "LEADING" and leader == winner["leader"] for state, leader, *_ in votes):
        return "joined existing"
    first = next(e["vote"] for e in record["events"] if e["kind"] == "proposed")
    candidates = {(first["epoch"], int(first["zxid"], 16), first["leader"])}
    candidates |= {(epoch, zxid, leader) for _, leader, zxid, _, epoch in votes}
    best = (winner["epoch"], int(winner["zxid"], 16), winner["leader"])
    others = [c for c in candidates if c[2] != winner["leader"]]
    if not others:
        return "only candidate"
    second = max(others)
    return ("epoch" if best[0] != second[0] else "zxid" if best[1] != second[1] else "server id")


def check(ensemble, recorder, since, expected_rule):
    """The records of all servers against what travelled; the leader's rule against the constructed
    one if there is one."""
    leader = ensemble.wait_leader()
    for server in ensemble:
        if not server.alive():
            continue
        record = wait_for(lambda: (lambda r: r if r.get("winner") else None)(last_record(server)), 10,
                          "a finished record")
        assert record["winner"]["leader"] == leader.id, record
        on_the_wire = [(sender, vote) for at, sender, receiver, vote in recorder.seen
                       if receiver == server.id and at >= since]
        # One's own vote travels no wire.
        said = [v for v in received_votes(record) if v[0] != server.id]
        # All that was recorded did travel, from that sender and in that sender's order.
        for sender in {s for s, _ in said}:
            sent = [vote for s, vote in on_the_wire if s == sender]
            position = 0
            for vote in [v for s, v in said if s == sender]:
                while position < len(sent) and sent[position] != vote:
                    position += 1
                assert position < len(sent), ("not on the wire in this order", sender, vote, said,
                                              on_the_wire)
                position += 1
        assert said, "votes must have been recorded"
        wire_rule = rule_of(record, [vote for _, vote in said])
        assert record["rule"] == wire_rule, (server.id, record["rule"], wire_rule, record)
    # A server that never heard another candidate says so; who did names what decided.
    rules = {last_record(s)["rule"] for s in ensemble if s.alive()}
    assert expected_rule is None or expected_rule in rules, (rules, expected_rule)
    return leader


def ten_elections():
    recorder = Recorder()
    relays = harness.Relays()
    ensemble = harness.relayed_ensemble(3, relays, record=recorder.link, tick_ms=500)
    elections = 0

    def restart(ids, expected_rule=None, best=None):
        """`best` must win; None: equals, so whoever is there in time with the larger id."""
        nonlocal elections
        for server in ensemble:
            if server.alive():
                server.kill()
        time.sleep(0.2)
        since = time.monotonic()
        # The best first: two early ones may decide before the third is there.
        ensemble.start(*sorted(ids, key=lambda i: (i != best, -i)))
        for i in ids:
            ensemble[i].wait_mode("leader", "follower")
        time.sleep(0.3)
        leader = check(ensemble, recorder, since, expected_rule)
        assert best is None or leader.id == best, (leader.id, best)
        elections += 1
        return leader

    def write(count, prefix):
        zk = client(",".join(s.address for s in ensemble if s.alive()))
        for i in range(count):
            zk.create(f"/{prefix}{i}", b"")
        zk.stop()
        zk.close()

    # Fresh servers: equal in all but the id.
    restart([1, 2, 3])
    write(5, "a")
    restart([1, 2], "server id", 2)
    write(5, "b")
    # Server 3 slept through an epoch.
    restart([2, 3], "epoch", 2)
    # Now server 1 did.
    restart([1, 3], "epoch", 3)
    write(3, "c")
    restart([1, 2], "epoch", 1)
    write(3, "d")
    restart([2, 3], "epoch", 2)
    restart([2, 3], "server id", 3)
    restart([1, 2, 3])
    # A leader dies: the two others have the same history.
    write(3, "e")
    leader = ensemble.wait_leader()
    since = time.monotonic()
    leader.kill()
    wait_for(lambda: any(s.alive() and s.mode() == "leader" for s in ensemble), 30)
    for server in ensemble:
        if server.alive():
            server.wait_mode("leader", "follower")
    time.sleep(0.3)
    second = check(ensemble, recorder, since, "server id")
    assert second.id == max(s.id for s in ensemble if s is not leader)
    elections += 1
    # It comes back to a quorum that follows a leader.
    since = time.monotonic()
    leader.start()
    leader.wait_mode("follower")
    time.sleep(0.3)
    record = last_record(leader)
    assert record["winner"]["leader"] == second.id, record
    assert record["rule"] == "joined existing", record["rule"]
    elections += 1
    assert elections == 10, elections
    relays.stop()


def looking(server):
    """What explain tells of the election that runs; None while none does."""
    return last_record(server).get("looking")


def explain_text(server):
    return subprocess.run([harness.ZOOID, "explain", server.config_path], capture_output=True,
                          text=True, timeout=20).stdout


def states(told):
    return {voter["id"]: voter["state"] for voter in told["others"]}


def nobody_leads():
    """A server that finds no leader says since when, whom it heard, and what is missing."""
    ensemble = harness.Ensemble(["zooid"] * 3)
    # From the start: nobody else is there, and no election was ever decided.
    ensemble.start(1)
    told = wait_for(lambda: (lambda t: t if t and states(t) == {2: "refuses", 3: "refuses"} else None)(
        looking(ensemble[1])), 20, "server 1 to tell that both others refuse")
    assert told["heard"] == 1 and told["quorum"] == 2 and told["more_needed"] == 1, told
    text = explain_text(ensemble[1])
    assert "Nobody leads, as far as this server (1) knows" in text, text
    assert "Heard from 1 of 3 voters, itself included; a quorum is 2: 1 more needed." in text, text

    # A leader is found: nothing of that is left.
    ensemble.start(2, 3)
    leader = ensemble.wait_all()
    wait_for(lambda: all(looking(s) is None for s in ensemble), 20, "records without a looking part")
    assert "Nobody leads" not in explain_text(leader)

    # The quorum is lost: the leader of before is no leader any more. One of the two others is gone,
    # one hangs.
    gone, hangs = [s for s in ensemble if s is not leader]
    hangs.pause()
    gone.kill()
    told = wait_for(lambda: (lambda t: t if t and states(t)[gone.id] == "refuses" else None)(
        looking(leader)), 30, "the leader of before to look for a leader")
    assert states(told)[hangs.id] == "silent", told
    text = explain_text(leader)
    assert text.startswith("Nobody leads"), text
    assert f"server {gone.id} refuses the connection" in text, text
    assert f"server {hangs.id} silent" in text, text
    assert "leads." not in text, text
    # What was before is there for who asks for more.
    both = subprocess.run([harness.ZOOID, "explain", "-n", "2", leader.config_path],
                          capture_output=True, text=True, timeout=20).stdout
    assert f"server {leader.id}, this one, leads." in both, both
    hangs.resume()
    ensemble.wait_leader()
    wait_for(lambda: looking(leader) is None, 20, "a decided election")
    ensemble.stop()


def nothing_to_explain():
    for path, words in ((f"{harness.temporary_directory()}", "no elections are recorded here"),
                        ("/no/such/file", "no such file"),
                        (harness.standalone("zooid").config_path, "stand-alone")):
        run = subprocess.run([harness.ZOOID, "explain", path], capture_output=True, text=True,
                             timeout=20)
        assert run.returncode == 2 and words in run.stderr, (path, run)


harness.main([ten_elections, nobody_leads, nothing_to_explain])
