#!/usr/bin/env python3
"""Dear requests: however much one client sends or asks for, the others are answered meanwhile.

Most cases measure the longest time that another client waits for `ruok`. ZOOID_TEST_ALL=1: real sizes.
"""
import os
import random
import struct
import threading
import time

import wire
from wire import (ADDWATCH, ALLCHILDREN, AUTH, CHILDREN, CLOSE, CREATE, EPHEMERALS, EXISTS, GET, MULTI, MULTIREAD, SET, SETACL,
                  SETWATCHES, Ruler, Server, buf, create, create_many, ensemble, gap, i32, i64, leader, multi, node_txns, path_watch,
                  run_cases, setdata, vec, word, write_log)

ALL = os.environ.get('ZOOID_TEST_ALL') == '1'
BOUND = 0.3


def size(short, real):
    return real if ALL else short


def fast():
    """A server whose disk does not count."""
    return Server(extra='forceSync=no').start().must_serve()


def with_nodes(paths, extra=''):
    s = Server(extra='forceSync=no snapshot.trust.empty=true ' + extra)
    write_log(s.data, node_txns(paths), 1)
    return s.start().must_serve(60)


def acl_of(scheme, ids, perms=31):
    return vec(i32(perms) + buf(scheme) + buf(x) for x in ids)


def auth(c, k):
    return c.req(AUTH, i32(0) + buf(b'digest') + buf(b'u%d:p' % k), -4)


# ------------------------------------------------------------------ ACLs and identities
def acl_entries():
    """A create with 20,000 ip entries in its ACL, below a missing parent; then one that is made, and its like in a multi."""
    s = fast()
    c, r = s.client(), Ruler(s.port)
    n = size(20000, 40000)
    acl = acl_of(b'ip', (b'10.0.%d.%d' % (k >> 8, k & 255) for k in range(n)))
    errs = [c.err(CREATE, create(b'/nope/x', b'', acl)), c.err(CREATE, create(b'/made', b'', acl)),
            c.err(MULTI, multi([(CREATE, create(b'/in-multi', b'', acl))]))]
    if errs != [-101, 0, 0]:
        return False, 'answers %r' % errs
    return gap(r.stop(), BOUND, '%d entries' % n)


def acl_of_scheme_auth():
    """So many entries of scheme auth times so many identities: refused, before it is as large as it would be."""
    s = fast()
    c = s.client()
    c.pipeline(auth(c, k) for k in range(400))
    before, r = s.rss(), Ruler(s.port)
    acl = vec(i32(k) + buf(b'auth') + buf(b'') for k in range(20000))
    err = c.err(CREATE, create(b'/grown', b'', acl))
    grown = s.rss('VmHWM') - before
    right, text = gap(r.stop(), BOUND, 'answer %d, grown by %d MiB' % (err, grown))
    return right and err == -114 and grown <= 64, text


def identities():
    """3,000 auth packets with different identities: a bound, and the others are answered."""
    s = fast()
    c, r = s.client(), Ruler(s.port)
    refused = False
    try:
        refused = any(c.pipeline(auth(c, k) for k in range(3000)))
    except (EOFError, OSError):
        refused = True
    right, text = gap(r.stop(), BOUND, '3,000 identities')
    d = s.client()
    few = d.pipeline(auth(d, k) for k in range(300))
    return right and refused and not any(few), text


def long_acl_and_many_identities():
    """Reads of a node with 10,000 ACL entries by a client with 60 identities, none of which may."""
    s = fast()
    c = s.client()
    acl = acl_of(b'digest', (b'someone%d:x' % k for k in range(10000)))
    if c.err(CREATE, create(b'/locked', b'x', acl)):
        return False, 'not created'
    c.pipeline(auth(c, k) for k in range(60))
    r, t = Ruler(s.port), time.time()
    errs = c.pipeline(c.req(GET, path_watch(b'/locked')) for _ in range(size(3000, 30000)))
    took = time.time() - t
    right, text = gap(r.stop(), BOUND, '%d reads in %.2f s' % (len(errs), took))
    return right and set(errs) == {-102} and took < 10, text


# ------------------------------------------------------------------ answers
def multiread():
    """multiRead with 100 getData of 1 MB, and with more reads than are allowed: an error; a fair one is answered."""
    s = fast()
    c = s.client()
    c.call(CREATE, create(b'/b', b'x' * 1000000))

    def reads(n):
        return b''.join(i32(4) + b'\0' + i32(-1) + path_watch(b'/b') for _ in range(n)) + i32(-1) + b'\1' + i32(-1)
    before, r = s.rss(), Ruler(s.port)
    large, fair = c.err(MULTIREAD, reads(100)), c.call(MULTIREAD, reads(10))
    grown = s.rss('VmHWM') - before
    right, text = gap(r.stop(), BOUND, 'answers %d and %d bytes, grown by %d MiB' % (large, len(fair[1]), grown))
    return right and large == -5 and len(fair[1]) > 10000000 and grown <= 64, text


def count_children():
    """getAllChildrenNumber over many nodes, pipelined."""
    n = size(100000, 200000)
    s = with_nodes([b'/p'] + [b'/p/n%d' % k for k in range(n)])
    c, r = s.client(), Ruler(s.port)
    answers = c.pipeline((c.req(ALLCHILDREN, buf(b'/p')) for _ in range(500)), keep=True)
    right, text = gap(r.stop(), BOUND, '500 x getAllChildrenNumber of %d' % n)
    return right and all(body == i32(n) for _, body in answers), text


def long_list_of_children():
    """A list of very many names, read again and again while it changes."""
    n = size(50000, 100000)
    s = with_nodes([b'/p'] + [b'/p/n%d' % k for k in range(n)])
    c = s.client()
    first = c.call(CHILDREN, path_watch(b'/p'))[1]
    r, t, rounds = Ruler(s.port), time.time(), 40
    for k in range(rounds):
        c.call(CREATE, create(b'/p/more%d' % k))
        c.call(2, buf(b'/p/n%d' % (k * 7)) + i32(-1))
        last = c.call(CHILDREN, path_watch(b'/p'))[1]
    each = (time.time() - t) / rounds
    right, text = gap(r.stop(), BOUND, '%d names, %.1f ms a round' % (n, each * 1000))
    names = set()
    at = 4
    while at < len(last):
        length = struct.unpack('>i', last[at:at + 4])[0]
        names.add(last[at + 4:at + 4 + length])
        at += 4 + length
    wanted = {b'n%d' % k for k in range(n)} - {b'n%d' % (k * 7) for k in range(rounds)} | {b'more%d' % k for k in range(rounds)}
    return right and first[:4] == last[:4] == i32(n) and names == wanted, text


# ------------------------------------------------------------------ sessions and watches
def close_ephemerals():
    """closeSession of a session with very many ephemerals, some of them watched; getEphemerals before that."""
    n = size(50000, 100000)
    s = fast()
    c, w = s.client(120000), s.client()
    create_many(c, [b'/n%d' % k for k in range(n)], flags=1)
    w.pipeline(w.req(EXISTS, path_watch(b'/n%d' % k, 1)) for k in range(0, n, 100))
    r = Ruler(s.port)
    owned = c.call(EPHEMERALS, buf(b'/'))[1]
    c.call(CLOSE)
    right, text = gap(r.stop(), BOUND, '%d ephemerals' % n)
    left = w.call(CHILDREN, path_watch(b'/'))[1]
    return right and owned[:4] == i32(n) and left[:4] == i32(1) and w.events == n // 100, text


def one_large_multi():
    """A multi of 15,000 creates (0.9 MB)."""
    s = fast()
    c, r = s.client(), Ruler(s.port)
    e = c.err(MULTI, multi((CREATE, create(b'/c%d' % k)) for k in range(15000)))
    right, text = gap(r.stop(), BOUND, 'answer %d' % e)
    return right and e == 0, text


def many_watches():
    """A client with very many watches restores them, is listed, and goes."""
    n = size(40000, 100000)
    s = fast()
    c = s.client()
    paths = [b'/w%d' % k for k in range(n)]
    r = Ruler(s.port)
    for k in range(0, n, 40000):
        body = i64(0) + i32(0) + vec(buf(p) for p in paths[k:k + 40000]) + i32(0)
        if c.err(SETWATCHES, body, -8):
            return False, 'not restored'
    texts = {w: word(s.port, w, 30) for w in ('wchs', 'wchp', 'wchc', 'dump')}
    c.close()
    end = time.time() + 10
    while time.time() < end and 'Total watches:0' not in word(s.port, 'wchs'):
        time.sleep(0.02)
    right, text = gap(r.stop(), BOUND, '%d watches' % n)
    listed = [sum(t.count('/w%d\n' % k) for k in (0, 1, n - 1)) for t in (texts['wchp'], texts['wchc'])]
    return (right and 'Total watches:%d' % n in texts['wchs'] and listed == [3, 3] and texts['wchp'].count('\n') == 2 * n + 1
            and 'Total watches:0' in word(s.port, 'wchs')), text


def watches_that_collided():
    """Paths that had one value under the former hash without a key cost no more than others."""
    n, mask, k = size(10000, 20000), (1 << 64) - 1, 0x9E3779B97F4A7C15

    def mix(h, w):
        h = (h ^ w) * k & mask
        return h ^ h >> 29
    rnd, begin, target = random.Random(1), mix(0, 16 * 0xBF58476D1CE4E5B9 & mask), 0x123456789ABCDEF0
    wanted = target ^ target >> 29 ^ target >> 58
    wanted = wanted * pow(k, -1, 1 << 64) & mask
    colliding = set()
    while len(colliding) < n:
        head = b'/' + bytes(rnd.randrange(97, 123) for _ in range(7))
        tail = struct.pack('<Q', mix(begin, struct.unpack('<Q', head)[0]) ^ wanted)
        if b'\0' not in tail:
            colliding.add(head + tail)
    others = {b'/' + bytes(rnd.randrange(97, 123) for _ in range(15)) for _ in range(n)}
    s, took = fast(), []
    for paths in (others, colliding, others):
        c = s.client()
        t = time.time()
        c.pipeline(c.req(ADDWATCH, buf(p) + i32(0)) for p in paths)
        took.append(time.time() - t)
        c.close()
    return took[1] <= 4 * max(took[0], took[2]) + 0.2, '%d paths: %.2f s, others %.2f s and %.2f s' % (n, took[1], took[0], took[2])


# ------------------------------------------------------------------ many small requests
def long_pipelines():
    """Four clients that never stop sending reads; a fifth is answered."""
    s = fast()
    c = s.client()
    c.call(CREATE, create(b'/a', b'x' * 10000))
    stop = []

    def greedy():
        g = s.client()
        while not stop:
            g.pipeline(g.req(GET, path_watch(b'/a')) for _ in range(500))
    threads = [threading.Thread(target=greedy, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    r = Ruler(s.port)
    time.sleep(size(2, 20))
    stop.append(1)
    right, text = gap(r.stop(), BOUND, 'four pipelines')
    for t in threads:
        t.join(10)
    return right, text


def quota_of_large_subtree():
    """A quota is put above very many nodes, again and again."""
    n = size(100000, 500000)
    s = with_nodes([b'/q'] + [b'/q/n%d' % k for k in range(n)])
    c, r = s.client(), Ruler(s.port)
    c.call(CREATE, create(b'/zookeeper/quota/q'))
    c.call(CREATE, create(b'/zookeeper/quota/q/zookeeper_limits', b'count=5,bytes=-1'))
    for _ in range(20):
        c.call(CREATE, create(b'/zookeeper/quota/q/zookeeper_stats', b''))
        stats = c.call(GET, path_watch(b'/zookeeper/quota/q/zookeeper_stats'))[1]
        c.call(2, buf(b'/zookeeper/quota/q/zookeeper_stats') + i32(-1))
    right, text = gap(r.stop(), BOUND, '20 x a quota above %d nodes' % n)
    return right and b'count=%d,bytes=0' % (n + 1) in stats, text


# ------------------------------------------------------------------ jute.maxbuffer
def large_requests():
    """jute.maxbuffer of 8 MiB: requests and answers of more than 2 MiB, on every server, in the log and in a SNAP."""
    s = ensemble(3, 'jute.maxbuffer=8388608 snapCount=1000')
    for k in (1, 2):
        s[k].start()
    for k in (1, 2):
        s[k].must_serve(40)
    lead = leader(s)
    follower = [x for x in (s[1], s[2]) if x is not lead][0]
    lengths = [2097151, 2097152, 5000000, 8388000]
    errs = []
    for server in (lead, follower):
        c = server.client()
        for n in lengths:
            path = b'/%d-%d' % (server.sid, n)
            errs.append(c.err(CREATE, create(path, b'x' * n)))
            errs.append(c.err(SET, setdata(path, b'y' * n)))
            errs.append(c.err(MULTI, multi([(SET, setdata(path, b'z' * (n - 100)))])))
            errs.append(len(c.call(GET, path_watch(path))[1]) - (n - 100) - 72)
    s[3].start().must_serve(40)
    c = s[3].client()
    c.call(9, buf(b'/'))
    for k in (lead.sid, follower.sid):
        errs.append(len(c.call(GET, path_watch(b'/%d-%d' % (k, lengths[-1])))[1]) - (lengths[-1] - 100) - 72)
    c.close()
    for x in s.values():
        x.stop()
    for x in s.values():
        x.start()
    for x in s.values():
        x.must_serve(40)
    c = s[3].client()
    errs.append(len(c.call(GET, path_watch(b'/%d-%d' % (lead.sid, lengths[-1])))[1]) - (lengths[-1] - 100) - 72)
    return not any(errs), 'answers %r' % errs


TIMED = [acl_entries, acl_of_scheme_auth, identities, long_acl_and_many_identities, multiread, count_children, long_list_of_children,
         close_ephemerals, one_large_multi, many_watches, watches_that_collided, long_pipelines, quota_of_large_subtree]

if __name__ == '__main__':
    wire.NAME = 'dear_requests'
    run_cases(TIMED + [large_requests], timed=TIMED)
