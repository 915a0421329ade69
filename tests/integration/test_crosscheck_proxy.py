"""zooid crosscheck --proxy: clients talk to the reference through it and the candidate is asked the same; a
candidate that does the same is found to, one that does not is found out, and none is noticed by clients."""

import json
import os
import signal
import subprocess
import threading

import harness
from kazoo.exceptions import NodeExistsError

SETTINGS = "extendedTypesEnabled=true\nenforceQuota=true\n"
LOCK_HOLDERS, LOCK_ROUNDS = 4, 8


def servers(*kinds):
    started = [harness.standalone(kind, SETTINGS, tick_ms=2000).start() for kind in kinds]
    for server in started:
        server.wait_mode("standalone", seconds=90)
    return started


class Addresses:
    def __init__(self, address):
        self.address = address


class Proxy:
    def __init__(self, reference, candidate, *options, profile="3.9"):
        self.port, = harness.free_ports(1)
        self.hosts = f"127.0.0.1:{self.port}"
        self.output = os.path.join(harness.temporary_directory(), "output")
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [harness.ZOOID, "crosscheck", "--proxy", self.hosts, "--reference", reference.address,
                 "--candidate", candidate.address, "--profile", profile, "--json", *options],
                stdout=output, stderr=subprocess.PIPE, text=True)
        harness.ended_at_exit(self.process)
        line = self.process.stderr.readline()
        assert self.hosts in line, line

    def end(self, sig=signal.SIGTERM):
        """(exit code, findings, report)"""
        self.process.send_signal(sig)
        self.process.communicate(timeout=60)
        with open(self.output) as output:
            lines = [json.loads(line) for line in output]
        return self.process.returncode, lines[:-1], lines[-1]


def lock_holder(hosts, root, number):
    zk = harness.client(hosts)
    lock = zk.Lock(f"{root}/lock", str(number))
    for _ in range(LOCK_ROUNDS):
        with lock:
            zk.create(f"{root}/turns/n-", str(number).encode(), sequence=True)
    zk.stop()
    zk.close()


def work(hosts, root):
    """Locks, watches, ephemerals, sequential nodes, errors, multi: what clients do, several at once."""
    zk, other = harness.client(hosts), harness.client(hosts)
    zk.ensure_path(f"{root}/turns")
    seen = []
    zk.DataWatch(f"{root}/turns", lambda data, stat: seen.append(data))
    zk.ChildrenWatch(f"{root}/turns", lambda children: seen.append(len(children)))
    holders = [threading.Thread(target=lock_holder, args=(hosts, root, i)) for i in range(LOCK_HOLDERS)]
    for holder in holders:
        holder.start()
    for i in range(30):
        other.set(f"{root}/turns", b"%d" % i)
        zk.create(f"{root}/mine-", ephemeral=True, sequence=True)
        try:
            other.create(root)
        except NodeExistsError:
            pass
    for holder in holders:
        holder.join()
    transaction = zk.transaction()
    transaction.create(f"{root}/m", b"1")
    transaction.set_data(f"{root}/m", b"2")
    transaction.check(f"{root}/m", 1)
    transaction.delete(f"{root}/m")
    assert transaction.commit()[0] == f"{root}/m"
    assert len(zk.get_children(f"{root}/turns")) == LOCK_HOLDERS * LOCK_ROUNDS
    assert zk.get(f"{root}/turns")[0] == b"29"
    assert len([name for name in other.get_children(root) if name.startswith("mine-")]) == 30
    harness.wait_for(lambda: seen[-1] is not None and LOCK_HOLDERS * LOCK_ROUNDS in seen and b"29" in seen,
                     what="the watches to have seen the last change")
    for client in (zk, other):
        client.stop()
        client.close()


def names_and_data(server):
    """Of both servers together; zxids, times and sessions differ."""
    stat_bytes = 68
    return {path: data[:-stat_bytes] for path, (data, _) in harness.tree(server.address).items()}


def clients_of_java_are_answered_alike_by_zooid():
    reference, candidate = servers("java", "zooid")
    proxy = Proxy(reference, candidate, profile="3.8")
    for root in ("/a", "/b"):
        work(proxy.hosts, root)
    code, findings, report = proxy.end()
    assert (code, findings) == (0, []), (code, findings[:5], report)
    assert report["dropped"] is None and report["differences"] == report["following"] == 0, report
    # Each turn of a lock takes more than five requests; every change of the turns is seen.
    assert report["requests"] > 2 * (5 * LOCK_HOLDERS * LOCK_ROUNDS + 120), report
    assert report["events"] > 100 and report["connections"] == 2 * (2 + LOCK_HOLDERS), report
    assert names_and_data(candidate) == names_and_data(reference) != {}
    print(f"  {report}")


def random_operations_are_answered_alike():
    """The plays of the cross-check are the traffic: every operation, wrong ones, session moves, closings.
    Its own reference is the proxy, so the proxy changes nothing either."""
    reference, candidate, judge = servers("zooid", "zooid", "zooid")
    proxy = Proxy(reference, candidate)
    play = subprocess.run([harness.ZOOID, "crosscheck", "--reference", proxy.hosts, "--candidate",
                           judge.address, "--seeds", "1..40"], capture_output=True, text=True, timeout=200)
    assert play.returncode == 0, play.stdout + play.stderr
    code, findings, report = proxy.end(signal.SIGINT)
    assert (code, findings) == (0, []), (code, findings[:5], report)
    assert report["requests"] > 16_000 and report["events"] > 500, report
    print(f"  {report}")


def what_a_distorting_candidate_says_is_found():
    reference, candidate = servers("zooid", "zooid")
    for number, distortion in enumerate((
            "stat version", "stat czxid", "another error code", "the path created", "a byte of data",
            "zxid of a reply", "the name of a child", "a missing event", "path of an event",
            "the order of two replies", "a closed connection")):
        proxy = Proxy(reference, candidate, "--distort", distortion)
        work(proxy.hosts, f"/d{number}")
        code, findings, report = proxy.end()
        assert report["distortions"] > 0, (distortion, report)
        kinds = [finding["kind"] for finding in findings]
        assert code == 1 and "difference" in kinds and report["differences"] > 0, (distortion, report)
        first = findings[kinds.index("difference")]
        assert first["reference"] != first["candidate"], first
        print(f"  {distortion}: {report['differences']} differences, the first: {first}")


def a_candidate_that_dies_costs_clients_nothing():
    reference, candidate = servers("zooid", "zooid")
    proxy = Proxy(reference, candidate)
    zk = harness.client(proxy.hosts)
    states = []
    zk.add_listener(states.append)
    zk.create("/before")
    candidate.kill()
    work(proxy.hosts, "/after")
    assert zk.create("/end", ephemeral=True) == "/end" and zk.exists("/after/turns")
    assert states == [], states
    code, findings, report = proxy.end()
    assert code == 2 and findings == [] and report["differences"] == 0, (code, findings, report)
    assert "gone" in report["dropped"], report


def a_candidate_that_stands_still_costs_clients_nothing():
    """What waits for it is bounded: then it is asked no more."""
    reference, candidate = servers("zooid", "zooid")
    proxy = Proxy(reference, candidate, "--buffer", "1")
    zk = harness.client(proxy.hosts)
    states = []
    zk.add_listener(states.append)
    zk.create("/a")
    candidate.pause()
    for _ in range(40):
        zk.set("/a", b"x" * 100_000)
    assert zk.get("/a")[1].version == 40 and states == [], states
    code, findings, report = proxy.end()
    assert code == 2 and findings == [], (code, findings, report)
    assert "too slow" in report["dropped"], report


def a_client_that_comes_back_has_its_session_on_both():
    reference, candidate = servers("zooid", "zooid")
    proxy = Proxy(reference, candidate)
    first, session, password = harness.raw_connect(proxy.port)
    first.sendall(harness.create_frame(1, "/mine", b"", 1))
    harness.receive_frame(first)
    first.close()
    second, again, _ = harness.raw_connect(proxy.port, session=session, password=password)
    assert again == session
    second.sendall(harness.create_frame(1, "/too", b"", 1))
    harness.receive_frame(second)
    # A wrong password is refused by both.
    refused = harness.raw_connect(proxy.port, session=session, password=b"x" * 16)
    assert refused[1] == 0
    third, again, _ = harness.raw_connect(proxy.port, session=session, password=password)
    assert again == session
    harness.wait_for(lambda: set(harness.tree(candidate.address)) == {"/mine", "/too"})
    code, findings, report = proxy.end()
    assert (code, findings) == (0, []), (code, findings, report)
    assert report["connections"] == 4 and report["requests"] == 6, report
    for connection in (second, refused[0], third):
        connection.close()


def ensembles_are_compared_and_clients_go_on_when_a_server_of_the_reference_dies():
    reference, candidate = (harness.Ensemble(["zooid"] * 3, SETTINGS, tick_ms=2000) for _ in range(2))
    for ensemble in (reference, candidate):
        ensemble.start()
    for ensemble in (reference, candidate):
        ensemble.wait_all(90)
    addresses = [",".join(server.address for server in ensemble) for ensemble in (reference, candidate)]
    proxy = Proxy(*map(Addresses, addresses))
    work(proxy.hosts, "/a")
    next(iter(reference)).kill()
    work(proxy.hosts, "/b")
    code, findings, report = proxy.end()
    assert (code, findings) == (0, []), (code, findings[:5], report)
    assert report["requests"] > 2 * (5 * LOCK_HOLDERS * LOCK_ROUNDS + 120), report
    print(f"  {report}")


def without_a_reference_clients_are_closed_and_wrong_words_end_with_2():
    candidate, = servers("zooid")
    candidate_only = [harness.ZOOID, "crosscheck", "--candidate", candidate.address, "--reference"]
    for words in (["127.0.0.1:1", "--proxy", "nowhere:x"], ["127.0.0.1:1", "--proxy", str(candidate.client_port)],
                  ["127.0.0.1:1", "--proxy", "0", "--distort", "everything"]):
        run = subprocess.run(candidate_only + words, capture_output=True, text=True, timeout=60)
        assert run.returncode == 2 and run.stderr.strip(), (words, run)

    proxy = Proxy(Addresses(f"127.0.0.1:{harness.free_ports(1)[0]}"), candidate)
    try:
        harness.raw_connect(proxy.port)
        raise AssertionError("an answer without a server")
    except ConnectionError:
        pass
    code, findings, _ = proxy.end()
    assert (code, findings) == (0, [])


if __name__ == "__main__":
    harness.main([
        clients_of_java_are_answered_alike_by_zooid,
        random_operations_are_answered_alike,
        what_a_distorting_candidate_says_is_found,
        a_candidate_that_dies_costs_clients_nothing,
        a_candidate_that_stands_still_costs_clients_nothing,
        a_client_that_comes_back_has_its_session_on_both,
        ensembles_are_compared_and_clients_go_on_when_a_server_of_the_reference_dies,
        without_a_reference_clients_are_closed_and_wrong_words_end_with_2,
    ])
