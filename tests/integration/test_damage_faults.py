#!/usr/bin/env python3
"""Damaged, emptied and foreign data: nothing that was acknowledged is lost, in silence or otherwise (docs/recovery.md).

A lone server refuses to start and says where the damage is. A member of an ensemble moves its data aside, counts for nobody
until a leader elected by the others has filled it, and waits when there is none.
"""
from wire import *

QUICK = 'tickTime=200 initLimit=60 syncLimit=10'


def flip(name, at, bit=2):
    with open(name, 'r+b') as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << bit]))


def write(server, names, data=b'x' * 100):
    c = server.client()
    for name in names:
        h, _ = c.call(CREATE, create(name, data))
        if h[2]:
            raise RuntimeError('create %r: error %d' % (name, h[2]))
    c.close()


def children(server):
    c = server.client()
    (_, zxid, error), body = c.call(CHILDREN, path_watch(b'/'))
    c.close()
    if error:
        return 'error %d' % error
    at, names = 4, []
    for _ in range(struct.unpack('>i', body[:4])[0]):
        n = struct.unpack('>i', body[at:at + 4])[0]
        names.append(body[at + 4:at + 4 + n])
        at += 4 + n
    return sorted(names)


def lacking(servers, names, seconds=30):
    """What is wrong with one of the servers, which have to serve all these names and nothing else; '' if nothing is."""
    wanted = sorted(set(names) | {b'zookeeper'})
    for s in servers:
        if not s.wait(seconds):
            return 'server %d does not serve: %s' % (s.sid, s.out()[-400:])
        end = time.time() + 10 * SLOW
        while children(s) != wanted and time.time() < end:
            time.sleep(0.1)
        if children(s) != wanted:
            return 'server %d has %d of %d nodes' % (s.sid, len(children(s)), len(wanted))
    return ''


def start(*servers):
    for s in servers:
        s.start()


def kill(*servers):
    for s in servers:
        s.kill()


def never_serves(servers, seconds):
    end = time.time() + seconds * SLOW
    while time.time() < end:
        for s in servers:
            if s.serves():
                return False
        time.sleep(0.1)
    return all(s.lives() for s in servers)


def names(count, prefix='n'):
    return [b'/%s%03d' % (prefix.encode(), k) for k in range(count)]


def bare(paths):
    return [p[1:] for p in paths]


def lone_flip():
    """One bit of an entry, wherever it is, with one entry or many behind it: not started, file and offset named."""
    s = Server().start().must_serve()
    write(s, names(40))
    s.kill()
    s.keep()
    name, places = s.logs()[-1], {}
    entries = read_log(name)
    for k in (0, 20, len(entries) - 2):
        at, n = entries[k][:2]
        for what, offset in (('checksum', 2), ('checksum', 6), ('length', 8), ('length', 10), ('length', 11), ('session', 14),
                             ('zxid', 25), ('data', n - 40), ('end mark', n - 1)):
            places['%s of entry %d, byte %d' % (what, k, offset)] = (at + offset, at)
    places['magic'] = (1, 0)
    for what, (at, named) in places.items():
        s.put_back()
        flip(name, at)
        before = open(name, 'rb').read()
        s.start()
        try:
            code = s.p.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            return False, '%s: starts' % what
        out = s.out()
        if code == 0 or os.path.basename(name) not in out or 'offset %d' % named not in out or 'none of them' in out:
            return False, '%s: %s: %s' % (what, code, out[-300:])
        if open(name, 'rb').read() != before:
            return False, '%s: the file was changed' % what
    s.put_back()
    s.start().must_serve()
    return lacking([s], bare(names(40))) == '', '%d places' % len(places)


def member_flip():
    """One of three, its newest log file: comes back by itself, with everything, its old data kept aside."""
    s = ensemble(3, QUICK)
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    write(s[1], names(30))
    kill(*s.values())
    log = s[1].logs()[-1]
    at, n = read_log(log)[10][:2]
    flip(log, at + n - 40)
    damaged = open(log, 'rb').read()
    # With one healthy server it is no quorum: its own data would be lost.
    start(s[1], s[2])
    if not never_serves([s[1], s[2]], 3):
        return False, 'served without a quorum of sound data: %s' % s[1].out()[-300:]
    if 'waits for a leader' not in s[1].word('srvr') + s[1].out():
        return False, 'does not say that it waits: %s' % s[1].word('srvr')
    # Nor after a restart, when only the mark tells.
    s[1].kill()
    s[1].start()
    if not never_serves([s[1], s[2]], 2):
        return False, 'served after a restart'
    s[3].start()
    wrong = lacking(s.values(), bare(names(30)))
    if wrong:
        return False, wrong
    kept = s[1].data + '/zooid/aside-1/' + os.path.basename(log)
    if not os.path.exists(kept) or open(kept, 'rb').read() != damaged:
        return False, 'the damaged file is not kept'
    if os.path.exists(s[1].data + '/zooid/untrusted'):
        return False, 'still untrusted'
    # Now it counts again.
    s[3].kill()
    write(s[2].must_serve(40), names(5, 'later'))
    return lacking([s[1], s[2]], bare(names(30) + names(5, 'later'))) == '', 'rejoined'


def member_refuses():
    """recovery.damaged=refuse: as a lone server."""
    s = ensemble(3, QUICK + ' recovery.damaged=refuse')
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    write(s[1], names(30))
    kill(*s.values())
    log = s[1].logs()[-1]
    at, n = read_log(log)[10][:2]
    flip(log, at + n - 40)
    s[1].start()
    code = s[1].p.wait(10 * SLOW)
    return code != 0 and 'offset %d' % at in s[1].out(), s[1].out()[-200:]


def emptied_member():
    """Snapshots and logs are gone and currentEpoch is not: it would win by its epoch over those that have the data."""
    s = ensemble(3, QUICK)
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    write(s[1], names(30))
    kill(*s.values())
    for name in os.listdir(s[1].data + '/version-2'):
        if name[:4] in ('log.', 'snap'):
            os.remove(s[1].data + '/version-2/' + name)
    shutil.rmtree(s[1].data + '/zooid', True)
    for epoch in ('currentEpoch', 'acceptedEpoch'):
        open(s[1].data + '/version-2/' + epoch, 'w').write('2')
    start(s[1], s[2])
    if not never_serves([s[1], s[2]], 3):
        return False, 'served: server 1 is %s' % s[1].mode()
    s[3].start()
    wrong = lacking(s.values(), bare(names(30)))
    return wrong == '', wrong or 'filled'


def deposed_leader():
    """A bad bit in the log of a leader without transactions, deposed, restarted: nothing of it is cut, nobody loses anything."""
    s = ensemble(3, QUICK)
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    write(s[1], names(150))
    kill(*s.values())
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    old = leader(s)
    log = old.logs()[-1]
    at, n = read_log(log)[60][:2]
    flip(log, at + n - 40)
    before = open(log, 'rb').read()
    others = {k: x for k, x in s.items() if x is not old}
    old.signal(signal.SIGSTOP)
    end = time.time() + 30 * SLOW
    while leader(others, 1) is None and time.time() < end:
        time.sleep(0.1)
    old.signal(signal.SIGCONT)
    end = time.time() + 20 * SLOW
    while old.mode() != 'follower' and time.time() < end:
        time.sleep(0.1)
    if old.mode() != 'follower':
        return False, 'the old leader does not follow: %s' % old.out()[-300:]
    if open(log, 'rb').read()[:len(before)].rstrip(b'\0') != before.rstrip(b'\0'):
        return False, 'its log was changed'
    kill(*s.values())
    # The damaged one and one more: whatever they do, they must not serve less than all.
    third = [x for x in others.values()][1]
    start(*[x for x in s.values() if x is not third])
    time.sleep(2 * SLOW)
    third.start()
    wrong = lacking(s.values(), bare(names(150)))
    return wrong == '', wrong or 'all have all'


def read_packet(connection):
    """(type, zxid) of a packet of a follower that has no ids."""
    def take(n):
        out = b''
        while len(out) < n:
            part = connection.recv(n - len(out))
            if not part:
                raise EOFError('the follower has left')
            out += part
        return out
    kind, zxid, length = struct.unpack('>iqi', take(16))
    take(max(length, 0))
    take(4)
    return kind, zxid


def lead_with_snap(follower, sid, zxid, epoch, done):
    """Is server `sid` towards one follower: is elected, sends SNAP and a proposal, and no NEWLEADER. Until done() is true."""
    _, quorum, _ = follower.peers[sid]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', quorum))
    listener.listen(1)
    listener.settimeout(20 * SLOW)
    while 'This ZooKeeper' not in follower.word('srvr'):      # its ports are open then
        time.sleep(0.05)
    votes = socket.create_connection(('127.0.0.1', follower.peers[follower.sid][2]))
    votes.sendall(hello(sid, b'127.0.0.1:%d' % follower.peers[sid][2]) + vote(0, sid, zxid, 1000, epoch - 1))
    connection, _ = listener.accept()
    connection.settimeout(20 * SLOW)
    if read_packet(connection)[0] != 11:
        raise RuntimeError('no FOLLOWERINFO')
    connection.sendall(packet(17, epoch << 32, i32(0x10000)))
    if read_packet(connection)[0] != 18:
        raise RuntimeError('no ACKEPOCH')
    body = snapshot_body([b'/brought%d' % k for k in range(30)])
    proposal = txn(zxid + 1, CREATE, buf(b'/proposed') + buf(b'') + OPEN + b'\0' + i32(-1))
    connection.sendall(packet(15, zxid) + body + buf(b'BenWasHere') + packet(2, zxid + 1, proposal))
    end = time.time() + 20 * SLOW
    while not done() and time.time() < end:
        time.sleep(0.05)
    return listener, votes, connection


def leader_gone_after_snap():
    """A would-be leader's state with a tail nobody else has was put in place; the power went before currentEpoch, and that
    leader is gone. The server that has nothing of it leads: with its own older history the follower makes its quorum."""
    s = ensemble(3, QUICK)
    start(*s.values())
    for x in s.values():
        x.must_serve(40)
    write(s[2], names(10))
    s[1].kill()
    write(s[2].must_serve(40), names(10, 'm'))
    kill(*s.values())
    for epoch in ('currentEpoch', 'acceptedEpoch'):      # it was elected again, and nothing was written
        open(s[2].data + '/version-2/' + epoch, 'w').write('3')
    s[1].start()
    zxid = (1 << 32) + 200
    mark = s[1].data + '/zooid/installing'
    is_put = lambda: os.path.exists(mark) and 'done' in open(mark).read() and len(s[1].logs()) > 1
    held = lead_with_snap(s[1], 3, zxid, 2, is_put)
    if not is_put():
        return False, 'the snapshot was not put in place: %s' % s[1].out()[-300:]
    s[1].kill()
    for x in held:
        x.close()
    start(s[1], s[2])
    wrong = lacking([s[1], s[2]], bare(names(10) + names(10, 'm')))
    if wrong:
        return False, wrong
    return os.path.exists(s[1].data + '/zooid/cut-off/snapshot.%x' % zxid), 'back to its own history'


if __name__ == '__main__':
    run_cases([lone_flip, member_flip, member_refuses, emptied_member, deposed_leader, leader_gone_after_snap])
