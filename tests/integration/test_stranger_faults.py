"""What strangers and members send to the quorum and election ports is judged: no valid packet, in any
order, segmentation or number, stops a server, changes the membership or ends elections for ever."""
import random
import socket
import threading
import time

import wire
from wire import CREATE, buf, create, ensemble, hello, i32, i64, learner_info, leader, packet, tail, vote

LOOKING = 0
INFO, ACKEPOCH, ACK, PING, REVALIDATE, SYNC, REQUEST = 11, 18, 3, 5, 6, 7, 1


def quorum(s, data=b''):
    q = socket.create_connection(('127.0.0.1', s.peers[s.sid][1]), timeout=5)
    q.sendall(data)
    return q


def election(s, sid, *votes, address=b'127.0.0.1:9'):
    e = socket.create_connection(('127.0.0.1', s.peers[s.sid][2]), timeout=5)
    e.sendall(hello(sid, address) + b''.join(votes))
    return e


def ended(q, seconds=5):
    """The other end has closed."""
    end = time.time() + seconds
    try:
        while time.time() < end:
            q.settimeout(max(0.01, end - time.time()))
            if not q.recv(4096):
                return True
        return False
    except ConnectionError:
        return True
    except OSError:
        return False


def serve_all(s, seconds=30):
    """Every server of the ensemble serves, and takes a write."""
    for x in s.values():
        if not x.lives():
            return 'server %d: %s' % (x.sid, tail(x))
        x.must_serve(seconds)
    for k, x in s.items():
        end = time.time() + seconds
        while True:  # what the last forged packets ended may just be ending
            try:
                c = x.client()
                if c.err(CREATE, create(b'/served-%d-%d' % (k, random.getrandbits(40)))) != 0:
                    return 'server %d refuses a write' % k
                c.close()
                break
            except (EOFError, OSError):
                if time.time() > end:
                    return 'server %d serves nobody' % k
                time.sleep(0.1)
    return None


def files_say(s, name):
    """The number in an epoch file."""
    try:
        return int(open('%s/version-2/%s' % (s.data, name)).read())
    except OSError:
        return 0


def early_packets():
    """An answer before the question, in one segment: the connection ends, the leader goes on."""
    s = ensemble(1)[1].start().must_serve()
    e = 1 << 32
    for early in (packet(ACKEPOCH, -1, i32(0)), packet(ACKEPOCH, 0, i32(0)), packet(ACK, e), packet(PING, e),
                  packet(INFO, 0, learner_info(99)), packet(REQUEST, -1, i64(5) + i32(1) + i32(CREATE) + create(b'/z'), [])):
        q = quorum(s, packet(INFO, 0, learner_info(99)) + early)
        if not ended(q):
            return False, 'not closed after %r' % early[:4]
        if not s.lives():
            return False, tail(s)
    return s.client().err(CREATE, create(b'/x')) == 0, 'goes on'


def requests_of_no_session():
    """A learner forwards what no session can ask for: a node with the owner of containers, a leader's own operation."""
    s = ensemble(1)[1].start().must_serve()
    c = s.client()
    c.call(CREATE, create(b'/kept'))
    e = 1 << 32
    for session, op, body in ((0, 20, buf(b'/kept')), (0, CREATE, create(b'/e', flags=1)), (-2 ** 63, CREATE, create(b'/e', flags=1)),
                              (-2 ** 63, -10, i32(4000)), (0, -11, b''), (0, -10, i32(-5))):
        q = quorum(s, packet(INFO, 0, learner_info(99)))
        q.recv(4096)
        q.sendall(packet(ACKEPOCH, 0, i32(0)))
        time.sleep(0.2)
        q.sendall(packet(ACK, e))
        time.sleep(0.2)  # UPTODATE has left: from now on requests are taken
        q.sendall(packet(REQUEST, -1, i64(session) + i32(1) + i32(op) + body, []))
        if not ended(q):
            return False, 'not closed: session %d, operation %d' % (session, op)
        if not s.lives():
            return False, tail(s)
    return c.err(4, wire.path_watch(b'/kept')) == 0 and c.err(4, wire.path_watch(b'/e')) == -101, 'closed each time'


def any_order():
    """Connections with valid packets in a drawn order and segmentation, before, while and after the leader has a quorum."""
    rnd = random.Random(7)
    s = ensemble(3, 'forceSync=no')
    s[1].start(), s[2].start()
    end = time.time() + 5
    n = 0
    while time.time() < end and n < 250:
        n += 1
        to = s[rnd.choice((1, 2))]
        e = rnd.choice((1, 2)) << 32
        zxids = [-1, 0, e, e + 1, e + 7, 1 << 62, -2 ** 63, 0x7ffffffd << 32]
        some = [packet(INFO, rnd.choice(zxids), learner_info(rnd.choice((3, 99, 1, -1)))),
                packet(ACKEPOCH, rnd.choice(zxids), i32(rnd.choice((-1, 0, 1)))), packet(ACK, e), packet(ACK, rnd.choice(zxids)),
                packet(PING, e), packet(SYNC, 0), packet(REVALIDATE, -1, i64(5) + i32(4000)),
                packet(REQUEST, -1, i64(5) + i32(1) + i32(CREATE) + create(b'/z%d' % n), [])]
        rest = some[2:]
        rnd.shuffle(rest)
        some = some[:2] + rest
        if rnd.random() < 0.3:
            rnd.shuffle(some)
        data = b''.join(some[:rnd.randrange(1, 9)])
        try:
            x = quorum(to)
            at = 0
            while at < len(data):
                step = rnd.choice((1, 7, 40, len(data)))
                x.sendall(data[at:at + step])
                at += step
            x.close()
        except OSError:
            time.sleep(0.03)  # not leading now
        if n % 50 == 0 and not (s[1].lives() and s[2].lives()):
            break
    s[3].start()
    bad = serve_all(s)
    return bad is None, bad or '%d connections' % n


def strangers_configuration():
    """A vote of a stranger, and one in the name of a member, with another configuration: nobody leads alone."""
    s = ensemble(3)
    s[1].start()
    time.sleep(1)
    alone = b'server.1=127.0.0.1:%d:%d:participant\nversion=1' % s[1].peers[1][1:]
    kept = [election(s[1], sid, vote(LOOKING, sid, 0, 1, 0, alone)) for sid in (77, 3)]
    groups = election(s[1], 2, vote(LOOKING, 2, 0, 1, 0, b'group.1=1:2:3\nweight.1=1\nversion=1'))
    time.sleep(1.5)
    if s[1].mode() is not None:
        return False, 'server 1 of 3, alone: %s' % s[1].mode()
    if not s[1].lives():
        return False, tail(s[1])
    for e in kept + [groups]:
        e.close()
    s[2].start(), s[3].start()
    bad = serve_all(s)
    return bad is None, bad or 'membership as configured'


def votes_far_ahead():
    """Rounds, epochs and zxids at the end of their numbers, of strangers and in the name of members."""
    s = ensemble(3)
    s[1].start(), s[2].start()
    leader(s)
    s[2].kill()
    time.sleep(0.5)
    for sid in (77, 3, 2):
        for round_ in (1 << 62, 2 ** 63 - 1, -2 ** 63):
            for zxid, epoch in ((0, 0), (1 << 62, 1), (0, 0x7ffffffd), (2 ** 63 - 1, 2 ** 63 - 1), (-2 ** 63, -2 ** 63)):
                e = election(s[1], sid, *[vote(state, who, zxid, round_, epoch) for state in range(4) for who in (sid, 1)])
                time.sleep(0.01)
                e.close()
    if not s[1].lives():
        return False, tail(s[1])
    s[2].start(), s[3].start()
    bad = serve_all(s, 40)
    if bad:
        return False, bad
    lead = leader(s)
    lead.kill()
    rest = {k: x for k, x in s.items() if x is not lead}
    bad = serve_all(rest, 40)
    epoch = max(files_say(x, 'acceptedEpoch') for x in s.values())
    return bad is None and epoch < 100, bad or 'epoch %d' % epoch


def infos_far_ahead():
    """FOLLOWERINFO with an accepted epoch near the end, of a stranger and in the name of a member, while an epoch is chosen."""
    s = ensemble(3)
    end = threading.Event()

    def lie():
        while not end.is_set():
            for x in s.values():
                for sid, epoch in ((99, 0x7ffffffd), (99, 0x7ffeffff), (3, 0x7ffffffd), (3, 0x7fffffff), (3, 0x7ffeffff)):
                    try:
                        q = quorum(x, packet(INFO, epoch << 32, learner_info(sid)))
                        time.sleep(0.002)
                        q.close()
                    except OSError:
                        pass
            time.sleep(0.01)

    liar = threading.Thread(target=lie)
    liar.start()
    s[1].start(), s[2].start()
    time.sleep(3)
    end.set()
    liar.join()
    s[3].start()
    bad = serve_all(s, 40)
    epochs = [files_say(x, 'acceptedEpoch') for x in s.values()]
    return bad is None and max(epochs) < 100, bad or 'accepted epochs %s' % epochs


def leader_of_lies():
    """A member elected by forged votes that then sends impossible things: nothing of it reaches the disk."""
    e2 = 2 << 32
    bad_txn = wire.txn(e2 + 1, 13, buf(b'/a') + i32(0))
    sequences = [
        [packet(17, 0x7ffffffd << 32, i32(0x10000))],
        [packet(17, e2, i32(0x10000)), packet(13, 0), packet(2, e2 + 1, bad_txn)],
        [packet(17, e2, i32(0x10000)), packet(13, 0), packet(2, -1, wire.txn(-1, -1, i32(-101)))],
        [packet(17, e2, i32(0x10000)), packet(14, -5)],
        [packet(17, e2, i32(0x10000)), packet(15, 1 << 62)],
        [packet(17, e2, i32(0x10000)), packet(13, 0), packet(12, -1)],
        [packet(17, e2, i32(0x10000)), packet(15, e2), packet(15, e2)],
    ]
    s = ensemble(3)
    fake = socket.create_server(('127.0.0.1', s[3].peers[3][1]))
    fake.settimeout(0.2)
    s[1].start()
    met = turn = 0
    end = time.time() + 20
    while met < len(sequences) and time.time() < end and s[1].lives():
        turn += 1
        try:
            e = election(s[1], 3, vote(LOOKING, 3, 0, 100 * turn, 0))
        except OSError:
            time.sleep(0.05)  # it does not listen yet
            continue
        try:
            q = fake.accept()[0]
        except OSError:
            e.close()
            continue
        q.settimeout(2)
        try:
            q.recv(4096)
            q.sendall(sequences[met][0])
            if len(sequences[met]) > 1:
                q.recv(4096)
                q.sendall(b''.join(sequences[met][1:]))
            ended(q, 2)
        except OSError:
            pass
        met += 1
        q.close()
        e.close()
    fake.close()
    if met < len(sequences):
        return False, 'only %d sequences, %s' % (met, tail(s[1]))
    if files_say(s[1], 'acceptedEpoch') > 2:
        return False, 'acceptedEpoch %d' % files_say(s[1], 'acceptedEpoch')
    s[1].stop()
    for x in s.values():
        x.start()
    bad = serve_all(s, 40)
    return bad is None, bad or '%d sequences' % met


wire.run_cases([early_packets, requests_of_no_session, any_order, strangers_configuration, votes_far_ahead, infos_far_ahead,
                leader_of_lies], limit=100)
