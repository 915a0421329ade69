"""kazoo's recipes and watchers (those of Debian's 2.8), one check each. Every check has a directory of
its own and four clients; survivors() makes recipes that must outlive a leader, and judges them after."""

import datetime
import threading
import time

from harness import client, wait_for

from kazoo.exceptions import (BadVersionError, KazooException, NoAuthError, NodeExistsError, NoNodeError,
                              NotEmptyError, RolledBackError)
from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.watchers import ChildrenWatch, DataWatch, PatientChildrenWatch
from kazoo.security import make_digest_acl


def patiently(action, seconds=40):
    """Carries out an idempotent action, again when the connection was lost under it."""
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except KazooException:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def refuses(error, action, *arguments, **options):
    try:
        action(*arguments, **options)
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected")


def together(work, seconds=90):
    """work: functions, each in a thread of its own; the first failure is raised."""
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as failure:  # noqa: B902 - raised again below
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread hangs"
    if failures:
        raise failures[0]


class Inside:
    """Counts how many are inside at once."""

    def __init__(self):
        self.guard, self.now, self.most, self.entries = threading.Lock(), 0, 0, 0

    def __enter__(self):
        with self.guard:
            self.now += 1
            self.entries += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self.guard:
            self.now -= 1


def nodes(zks, d):
    zk = zks[0]
    zk.create(d + "/a", b"1", makepath=True)
    refuses(NodeExistsError, zk.create, d + "/a", b"2")
    assert zk.set(d + "/a", b"2").version == 1
    refuses(BadVersionError, zk.set, d + "/a", b"3", version=7)
    refuses(NotEmptyError, zk.delete, d)
    refuses(NoNodeError, zk.get, d + "/none")
    assert zk.get(d + "/a") == (b"2", zk.exists(d + "/a"))
    names = [zk.create(d + "/s-", b"", sequence=True) for _ in range(3)]
    assert names == [f"{d}/s-{i:010}" for i in (1, 2, 3)], names
    path, stat = zk.create(d + "/both", b"x", ephemeral=True, include_data=True)
    assert (path, stat.ephemeralOwner) == (d + "/both", zk.client_id[0])
    assert zk.sync(d) == d
    zk.delete(d, recursive=True)


def transaction(zks, d):
    zk = zks[0]
    zk.create(d + "/a", b"", makepath=True)
    one = zk.transaction()
    one.create(d + "/t", b"")
    one.check(d + "/a", 0)
    one.set_data(d + "/a", b"x", 0)
    one.delete(d + "/t")
    results = one.commit()
    assert results[:2] == [d + "/t", True] and results[2].version == 1 and results[3] is True, results
    two = zk.transaction()
    two.create(d + "/t", b"")
    two.check(d + "/a", 9)
    results = two.commit()
    assert isinstance(results[0], RolledBackError) and isinstance(results[1], BadVersionError), results
    assert zk.exists(d + "/t") is None


def acl(zks, d):
    zk, other = zks[0], zks[1]
    zk.ensure_path(d)
    zk.create(d + "/mine", b"s", acl=[make_digest_acl("me", "secret", all=True)])
    refuses(NoAuthError, zk.get, d + "/mine")
    other.add_auth("digest", "me:secret")
    other.sync(d)
    assert other.get(d + "/mine")[0] == b"s"
    acls, stat = other.get_acls(d + "/mine")
    assert acls[0].id.scheme == "digest" and stat.aversion == 0


def lock(zks, d):
    inside = Inside()

    def work(zk):
        for _ in range(5):
            with zk.Lock(d, str(zk.client_id)):
                with inside:
                    time.sleep(0.002)

    together([lambda zk=zk: work(zk) for zk in zks])
    assert (inside.most, inside.entries) == (1, 20), vars(inside)


def read_write_lock(zks, d):
    first, second = zks[0].ReadLock(d, "r1"), zks[1].ReadLock(d, "r2")
    assert first.acquire(timeout=20) and second.acquire(timeout=20), "readers share"
    inside, done = Inside(), []

    def write():
        with zks[2].WriteLock(d, "w"):
            with inside:
                done.append(list(held))

    held = ["r1", "r2"]
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    wait_for(lambda: len(zks[0].get_children(d)) == 3, 20, "the writer waits")
    held.remove("r1")
    first.release()
    held.remove("r2")
    second.release()
    writer.join(40)
    assert done == [[]], "a writer came in beside a reader"


def semaphore(zks, d):
    inside = Inside()

    def work(zk):
        for _ in range(4):
            with zk.Semaphore(d, max_leases=2):
                with inside:
                    time.sleep(0.002)

    together([lambda zk=zk: work(zk) for zk in zks])
    assert inside.entries == 16 and inside.most <= 2, vars(inside)


def election(zks, d):
    inside = Inside()

    def lead():
        with inside:
            time.sleep(0.002)

    together([lambda zk=zk: zk.Election(d, "me").run(lead) for zk in zks])
    assert (inside.most, inside.entries) == (1, 4), vars(inside)


def queue(zks, d):
    items = [str(i).encode() for i in range(20)]
    for item in items:
        zks[0].Queue(d).put(item)
    zks[1].sync(d)
    # kazoo's get() gives None when another took the node it had listed.
    taken = []
    for i in range(20):
        taken.append(wait_for(lambda: zks[i % 4].Queue(d).get(), 20, "an item"))
    assert sorted(taken) == sorted(items)


def locking_queue(zks, d):
    first = zks[0].LockingQueue(d)
    first.put_all([b"low", b"lower"], priority=200)
    first.put(b"high", priority=1)
    second = zks[1].LockingQueue(d)
    wait_for(lambda: len(second) == 3, 20, "three items")
    assert second.get(timeout=20) == b"high"
    assert first.get(timeout=20) == b"low", "what one holds the other does not get"
    assert second.consume() and first.consume()
    assert second.get(timeout=20) == b"lower" and second.release()
    assert first.get(timeout=20) == b"lower" and first.consume()


def barrier(zks, d):
    one = Barrier(zks[0], d)
    one.create()
    zks[1].sync(d)
    assert Barrier(zks[1], d).wait(timeout=0.2) is False
    one.remove()
    assert Barrier(zks[1], d).wait(timeout=20)


def double_barrier(zks, d):
    entered = []

    def meet(zk):
        double = DoubleBarrier(zk, d, 4)
        double.enter()
        entered.append(1)
        double.leave()

    together([lambda zk=zk: meet(zk) for zk in zks])
    assert len(entered) == 4, len(entered)


def counter(zks, d):
    def add(zk):
        one = zk.Counter(d)
        for _ in range(10):
            one += 1

    together([lambda zk=zk: add(zk) for zk in zks])
    zks[0].sync(d)
    assert zks[0].Counter(d).value == 40


def party(zks, d):
    parties = [zk.Party(d, f"member{i}") for i, zk in enumerate(zks)]
    for one in parties:
        one.join()
    wait_for(lambda: sorted(parties[0]) == [f"member{i}" for i in range(4)], 20, "four members")
    parties[3].leave()
    wait_for(lambda: len(parties[0]) == 3, 20, "three members")


def shallow_party(zks, d):
    parties = [zk.ShallowParty(d, f"member{i}") for i, zk in enumerate(zks)]
    for one in parties:
        one.join()
    wait_for(lambda: sorted(parties[0]) == [f"member{i}" for i in range(4)], 20, "four members")
    parties[0].leave()
    wait_for(lambda: len(parties[1]) == 3, 20, "three members")


def data_watch(zks, d):
    seen = []
    DataWatch(zks[0], d, lambda data, stat: seen.append(data))
    assert seen == [None]
    zks[1].create(d, b"1", makepath=True)
    wait_for(lambda: seen[-1] == b"1", 20, "created")
    zks[1].set(d, b"2")
    wait_for(lambda: seen[-1] == b"2", 20, "changed")
    zks[1].delete(d)
    wait_for(lambda: seen[-1] is None, 20, "deleted")
    assert seen == [None, b"1", b"2", None], seen


def children_watch(zks, d):
    seen = []
    zks[0].ensure_path(d)
    ChildrenWatch(zks[0], d, lambda names: seen.append(sorted(names)))
    zks[1].sync(d)
    zks[1].create(d + "/a")
    wait_for(lambda: seen[-1] == ["a"], 20, "a child")
    zks[1].create(d + "/b")
    wait_for(lambda: seen[-1] == ["a", "b"], 20, "two children")
    zks[1].delete(d + "/a")
    wait_for(lambda: seen[-1] == ["b"], 20, "one child")
    assert seen == [[], ["a"], ["a", "b"], ["b"]], seen


def patient_children_watch(zks, d):
    zks[0].ensure_path(d + "/a")
    result = PatientChildrenWatch(zks[0], d, time_boundary=0.2).start()
    children, changed = result.get(timeout=20)
    assert children == ["a"] and not changed.ready()
    zks[0].create(d + "/b")
    changed.get(timeout=20)


def tree_cache(zks, d):
    zks[1].create(d + "/a/b", b"1", makepath=True)
    zks[0].sync(d)
    cache = TreeCache(zks[0], d)
    cache.start()
    wait_for(lambda: cache.get_data(d + "/a/b"), 20, "filled")
    zks[1].set(d + "/a/b", b"2")
    wait_for(lambda: cache.get_data(d + "/a/b").data == b"2", 20, "changed")
    zks[1].create(d + "/a/c")
    wait_for(lambda: sorted(cache.get_children(d + "/a")) == ["b", "c"], 20, "grown")
    zks[1].delete(d + "/a", recursive=True)
    wait_for(lambda: cache.get_data(d + "/a") is None, 20, "deleted")
    cache.close()


def partitioner(zks, d):
    things = tuple(f"thing{i}" for i in range(9))
    shares = {}

    def take(number):
        zk = zks[number]
        one = zk.SetPartitioner(d, set=things, time_boundary=0.5, identifier=f"p{number}")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if one.release:
                one.release_set()
            elif one.acquired:
                shares[number] = list(one)
                if sorted(sum(shares.values(), [])) == sorted(things) and len(shares) == 3:
                    return
                time.sleep(0.05)
            elif one.allocating:
                one.wait_for_acquire(1)
            assert not one.failed, "the partitioner failed"
        raise AssertionError(f"never shared out: {shares}")

    together([lambda n=n: take(n) for n in range(3)])
    assert all(len(share) == 3 for share in shares.values()), shares


def lease(zks, d):
    hour = datetime.timedelta(hours=1)
    assert zks[0].NonBlockingLease(d + "/one", hour, identifier="me")
    assert zks[0].NonBlockingLease(d + "/one", hour, identifier="me"), "renewed"
    zks[1].sync(d)
    assert not zks[1].NonBlockingLease(d + "/one", hour, identifier="other")
    taken = [bool(zks[0].MultiNonBlockingLease(2, d + "/many", hour, identifier=f"c{i}")) for i in range(3)]
    assert taken == [True, True, False], taken


ALL = [nodes, transaction, acl, lock, read_write_lock, semaphore, election, queue, locking_queue, barrier,
       double_barrier, counter, party, shallow_party, data_watch, children_watch, patient_children_watch,
       tree_cache, partitioner, lease]


def survivors(zks, kill, checks):
    """Recipes that hold something while the leader is killed; a lock is taken in turns all the time."""
    d = "/kazoo/survivors"
    data, children = [], []
    zks[0].create(d + "/watched", b"0", makepath=True)
    DataWatch(zks[0], d + "/watched", lambda value, stat: data.append(value))
    ChildrenWatch(zks[0], d + "/watched", lambda names: children.append(sorted(names)))
    cache = TreeCache(zks[0], d + "/watched")
    cache.start()
    held = zks[0].Lock(d + "/held", "me")
    assert held.acquire(timeout=20)
    parties = [zk.Party(d + "/party", f"m{i}") for i, zk in enumerate(zks)]
    for one in parties:
        one.join()
    sessions = [zk.client_id[0] for zk in zks]
    inside, going = Inside(), threading.Event()

    def work(zk):
        while not going.is_set() or inside.entries < 40:
            turn = zk.Lock(d + "/turns", str(zk.client_id))
            patiently(lambda: turn.acquire(timeout=40))
            with inside:
                time.sleep(0.002)
            patiently(turn.release)

    workers = threading.Thread(target=lambda: together([lambda z=z: work(z) for z in zks]), daemon=True)
    workers.start()
    wait_for(lambda: inside.entries >= 8, 40, "work has begun")
    kill()
    before = inside.entries
    wait_for(lambda: inside.entries >= before + 12, 60, "work goes on")
    going.set()
    workers.join(90)
    checks.run("survives: lock in turns", lambda: _same(inside.most, 1))
    checks.run("survives: sessions", lambda: _same([zk.client_id[0] for zk in zks], sessions))
    patiently(lambda: zks[1].set(d + "/watched", b"1"))
    patiently(lambda: zks[1].ensure_path(d + "/watched/c"))
    checks.run("survives: DataWatch", lambda: wait_for(lambda: data[-1] == b"1", 40, "the new data"))
    checks.run("survives: ChildrenWatch", lambda: wait_for(lambda: children[-1] == ["c"], 40, "the child"))
    checks.run("survives: TreeCache", lambda: wait_for(
        lambda: cache.get_data(d + "/watched").data == b"1" and cache.get_data(d + "/watched/c"), 40, "cache"))
    cache.close()
    checks.run("survives: Party", lambda: wait_for(lambda: len(parties[1]) == 4, 40, "four members"))

    def still_held():
        other = zks[1].Lock(d + "/held", "other")
        refuses(KazooException, other.acquire, timeout=0.3)
        patiently(held.release)
        assert patiently(lambda: other.acquire(timeout=40))
        other.release()

    checks.run("survives: Lock", still_held)


def _same(actual, expected):
    assert actual == expected, (actual, expected)


def run(hosts, checks, kill=None):
    zks = [client(hosts, timeout=15) for _ in range(4)]
    try:
        if kill:
            survivors(zks, kill, checks)
        for check in ALL:
            checks.run(check.__name__, lambda: check(zks, "/kazoo/" + check.__name__))
    finally:
        for zk in zks:
            zk.stop()
            zk.close()
