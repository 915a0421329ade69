"""Memory stays within docs/limits.md when others do not do their part: readers that do not read, senders that do not send
the rest, a follower whose disk is slow. Each case compares VmHWM with what the page allows.

With ZOOID_TEST_ALL=1 the sizes are those of real trouble.
"""
import os
import socket
import threading
import time

import wire
from wire import (ADDWATCH, CHILDREN, CREATE, DELETE, GET, SET, Client, Server, buf, create, create_many, ensemble, frame, i32,
                  leader, path_watch, preload, run_cases, setdata)

ALL = os.environ.get('ZOOID_TEST_ALL') == '1'
# docs/limits.md: of all connections together.
OUTPUT_MIB, PARTIAL_MIB = 128, 64


def metric(server, name):
    for line in server.word('mntr').splitlines():
        key, _, value = line.partition('\t')
        if key == 'zk_' + name:
            return float(value)
    return None


class Deaf(Client):
    """A client whose kernel takes little and who reads nothing by itself."""

    def __init__(self, port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', port))
        s.settimeout(60)
        self.s, self.x, self.events = s, 0, 0
        s.sendall(frame(i32(0) + wire.i64(0) + i32(30000) + wire.i64(0) + buf(b'\0' * 16) + b'\0'))
        self.recv()

    def send_what_goes(self, data):
        """As much of it as the server takes in a moment."""
        self.s.settimeout(0.2)
        try:
            self.s.sendall(data)
        except OSError:
            pass
        self.s.settimeout(60)


def answers_others(server):
    """The longest of some small reads and writes of somebody else, in seconds."""
    c, longest = server.client(), 0
    c.call(CREATE, create(b'/others'))
    for _ in range(20):
        begun = time.time()
        assert c.err(SET, setdata(b'/others', b'x')) == 0
        assert c.err(GET, path_watch(b'/others')) == 0
        longest = max(longest, time.time() - begun)
    c.close()
    return longest


def deaf_readers():
    """Fifty clients ask for 100 × 1 MB each and read nothing."""
    s = Server(extra='maxClientCnxns=0').start().must_serve()
    c = s.client()
    c.call(CREATE, create(b'/big', b'x' * 1000000))
    before = s.rss()
    deaf = [Deaf(s.port) for _ in range(50)]
    for d in deaf:
        d.send_what_goes(b''.join(d.req(GET, path_watch(b'/big')) for _ in range(100)))
    longest = answers_others(s)
    grown = s.rss('VmHWM') - before
    return grown <= OUTPUT_MIB and longest < 1 * wire.SLOW, '+%d MiB, another waited %.2f s' % (grown, longest)


def many_large_outputs():
    """200 clients ask for a list of 1 MB and take it slowly, or not at all."""
    s = Server(extra='maxClientCnxns=0').start().must_serve()
    c = s.client()
    c.call(CREATE, create(b'/list'))
    create_many(c, (b'/list/%0100d' % k for k in range(10000)))
    before = s.rss()
    deaf = [Deaf(s.port) for _ in range(200 if not ALL else 1000)]
    slow = deaf[::4]
    for d in deaf:
        d.send_what_goes(b''.join(d.req(CHILDREN, path_watch(b'/list')) for _ in range(3)))
    read, errors = [0], []

    def take():
        try:
            for _ in range(3):
                for d in slow:
                    read[0] += len(d.recv())
        except Exception as e:
            errors.append(repr(e))
    t = threading.Thread(target=take, daemon=True)
    t.start()
    longest = answers_others(s)
    t.join(60)
    grown = s.rss('VmHWM') - before
    hit = metric(s, 'zooid_output_limit_hit')
    right = grown <= 2 * OUTPUT_MIB + 64 and longest < 1 * wire.SLOW and hit >= 1
    return right, '+%d MiB, another waited %.2f s, %d MB read by the slow ones %s' % (grown, longest, read[0] / 1e6, errors)


def partial_requests():
    """A thousand clients send 200 kB (or all) of a request of 1 MB and not the rest."""
    s = Server(extra='maxClientCnxns=0', nofile=4096).start().must_serve()
    before = s.rss()
    part = frame(i32(1) + i32(SET) + setdata(b'/x', b'x' * 1000000))[:1000000 if ALL else 200000]
    kept = []
    for _ in range(1000):
        c = s.client()
        try:
            c.s.sendall(part)
        except OSError:
            pass
        kept.append(c)
    longest = answers_others(s)
    c = s.client()
    whole = c.err(CREATE, create(b'/whole', b'x' * 1000000))
    grown = s.rss('VmHWM') - before
    closed = metric(s, 'zooid_partial_requests_closed')
    right = grown <= 2 * PARTIAL_MIB + 32 and longest < 1 * wire.SLOW and whole == 0 and closed > 0
    return right, '+%d MiB, another waited %.2f s, a whole one %d, %d closed' % (grown, longest, whole, closed)


def deaf_watchers():
    """Events for clients that do not read: nobody waits, and memory stays within twice the bound of all output."""
    s = Server(extra='maxClientCnxns=0').start().must_serve()
    c = s.client()
    name = b'/' + b'n' * 20000
    deaf = [Deaf(s.port) for _ in range(100)]
    for d in deaf:
        assert d.err(ADDWATCH, buf(name) + i32(0)) == 0
    before = s.rss()
    rounds = 600 if ALL else 200
    assert not any(c.pipeline(r for _ in range(rounds) for r in (c.req(CREATE, create(name)), c.req(DELETE, buf(name) + i32(-1)))))
    grown = s.rss('VmHWM') - before
    closed = metric(s, 'zooid_slow_readers_closed')
    return grown <= 2 * OUTPUT_MIB + 32 and closed > 0, '%d MB of events, +%d MiB, %d closed' % (rounds * 4, grown, closed)


SLOW_SYNC = '''
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int fd) { int (*f)(int) = dlsym(RTLD_NEXT, "fdatasync"); usleep(500000); return f(fd); }'''


def write_for(server, seconds, rate_mb):
    """Writes of 100 kB at a rate; how many were acknowledged and the longest wait for twenty of them."""
    c = server.client()
    c.call(CREATE, create(b'/v'))
    begun, n, longest = time.time(), 0, 0
    while time.time() < begun + seconds:
        t = time.time()
        assert not any(c.pipeline(c.req(SET, setdata(b'/v', b'x' * 100000)) for _ in range(20)))
        longest = max(longest, time.time() - t)
        n += 2
        time.sleep(max(0, n / rate_mb - (time.time() - begun)))
    c.close()
    return n, longest


def slow_disk(sid):
    """Three servers; one needs 0.5 s for each sync. The third leads."""
    s = ensemble(3, 'snapCount=1000000')
    s[sid].env['LD_PRELOAD'] = preload(SLOW_SYNC)
    # The slow disk delays its server's start, and the third is to lead.
    for x in (s[sid], s[3]):
        if not x.lives():
            x.start()
            time.sleep(3)
    for x in s.values():
        if not x.lives():
            x.start()
    for x in s.values():
        x.must_serve(60)
    if leader(s) is not s[3]:
        raise RuntimeError('another one leads')
    return s


def slow_follower():
    """The disk of one follower is slow; others write 20 MB/s. It leaves, and comes back."""
    s = slow_disk(1)
    before = s[1].rss()
    written, longest = write_for(s[3], 10 if ALL else 7, 20.0)
    grown = s[1].rss('VmHWM') - before
    s[1].must_serve(60)
    left = metric(s[1], 'zooid_slow_disk_leaves')
    right = grown <= 96 and longest < 2 * wire.SLOW and left >= 1
    return right, '%d MB written, +%d MiB, left %d times, the longest write %.2f s' % (written, grown, left, longest)


def slow_leader():
    """The disk of the leader is slow, so the ensemble is, and the leader keeps no more than its bound."""
    s = slow_disk(3)
    before = s[3].rss()
    written, longest = write_for(s[2], 12 if ALL else 6, 40.0)
    grown = s[3].rss('VmHWM') - before
    waited = metric(s[3], 'zooid_log_waiting_bytes_max') / 2.0 ** 20
    right = grown <= 128 and waited <= 34 and s[3].mode() == 'leader'
    return right, '%d MB written, +%d MiB, %d MiB waited for the disk, the longest write %.2f s' % (written, grown, waited, longest)


if __name__ == '__main__':
    run_cases([deaf_readers, many_large_outputs, partial_requests, deaf_watchers, slow_follower, slow_leader])
