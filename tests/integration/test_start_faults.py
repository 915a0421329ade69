"""Starts: snapshots of a server that restarts often, SIGTERM while the data is read, directories that cannot be written, memory.

The cases with directories mount them read-only in a mount namespace of their own (needs root, as CI has).
"""
import ctypes
import hashlib

import wire
from wire import *

ALL = os.environ.get('ZOOID_TEST_ALL') == '1'
RECOVERED = 'data recovered'


def snapshots(s):
    d = s.data + '/version-2'
    return sorted((f for f in os.listdir(d) if f.startswith('snapshot.')), key=lambda f: int(f.split('.')[1], 16))


def snapcount():
    """Starts of which each writes less than snapCount."""
    s = Server(extra='snapCount=4000 forceSync=no')
    for turn in range(4):
        s.start().must_serve()
        create_many(s.client(), [b'/r%d-%d' % (turn, k) for k in range(1400)], step=700)
        s.stop()
    s.start().must_serve()
    end = time.time() + 5
    while len(snapshots(s)) < 2 and time.time() < end:
        time.sleep(0.05)
    return len(snapshots(s)) >= 2, ' '.join(snapshots(s))


def trusted_log():
    """snapshot.trust.empty is needed for one start only."""
    s = Server()
    write_log(s.data, node_txns(b'/d%d' % k for k in range(1000)), 1)
    s.start()
    if s.p.wait(10) == 0 or 'snapshot.trust.empty' not in s.out():
        return False, 'a log without a snapshot is not refused: ' + tail(s)
    s.extra = 'snapshot.trust.empty=true'
    s.start().must_serve()
    s.stop()
    s.extra = ''
    s.start().must_serve()
    e = s.client().err(EXISTS, path_watch(b'/d999'))
    return e == 0, 'exists: %d; %s' % (e, ' '.join(snapshots(s)))


def content(folder):
    return {f: hashlib.sha256(open(folder + '/' + f, 'rb').read()).hexdigest() for f in sorted(os.listdir(folder))}


def sigterm_early():
    """SIGTERM while transactions are replayed."""
    count = 1000000 if ALL else 400000
    s = Server(extra='snapshot.trust.empty=true snapCount=100000000')
    write_log(s.data, node_txns((b'/d%d' % k for k in range(count)), data=b'x' * 100), 1)
    before = content(s.data + '/version-2')
    s.start()
    end = time.time() + 10
    while ' starts: process ' not in s.out() and time.time() < end:
        time.sleep(0.01)
    time.sleep(0.2)
    t = time.time()
    status = s.stop(60)
    took = time.time() - t
    if RECOVERED in s.out():
        raise RuntimeError('too few transactions for this machine')
    same = content(s.data + '/version-2') == before
    return status == 0 and took <= 0.5 and same, 'ended with %s %.2f s after SIGTERM, data %s' % (
        status, took, 'untouched' if same else 'changed')


def own_mounts():
    if ctypes.CDLL(None, use_errno=True).unshare(0x20000) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    subprocess.check_call(['mount', '--make-rprivate', '/'])


def read_only(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.check_call(['mount', '--bind', folder, folder])
    subprocess.check_call(['mount', '-o', 'remount,bind,ro', folder])


def writable(folder):
    subprocess.check_call(['mount', '-o', 'remount,bind,rw', folder])


def unwritable_alone():
    """version-2 of a lone server, then its dataLogDir's, on a file system that is mounted read-only."""
    own_mounts()
    for kind in ('data', 'log'):
        s = Server()
        s.extra = 'dataLogDir=%s/log' % s.dir if kind == 'log' else ''
        folder = '%s/%s/version-2' % (s.dir, kind)
        read_only(folder)
        s.start()
        status = s.p.wait(10)
        if status == 0 or folder not in s.out() or 'Read-only file system' not in s.out():
            return False, '%s: ended with %s: %s' % (kind, status, tail(s))
        if os.listdir(folder):
            return False, 'left there: %s' % os.listdir(folder)
        writable(folder)
        s.start().must_serve()
        left = [f for f in os.listdir(folder) if f.startswith('tmp')]
        if s.client().err(CREATE, create(b'/a')) or left:
            return False, '%s: writable again: %s' % (kind, left)
        s.stop()
    return True, 'refused with the reason, twice'


def unwritable_highest():
    """The same of the highest id of three, which would win each election."""
    own_mounts()
    s = ensemble(3)
    folder = s[3].data + '/version-2'
    for x in s.values():
        x.start()
    for x in s.values():
        x.must_serve()
    for x in s.values():
        x.stop()
    read_only(folder)
    for x in s.values():
        x.start()
    status = s[3].p.wait(10)
    lead = leader({1: s[1], 2: s[2]})
    if status == 0 or lead is not s[2] or s[2].client().err(CREATE, create(b'/a')):
        return False, 'server 3 ended with %s; leader: %s' % (status, lead and lead.sid)
    writable(folder)
    s[3].start().must_serve()
    return s[3].mode() == 'follower', 'server 3: ' + str(s[3].mode())


CANNOT_WRITE = r'''
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  if (access(getenv("CANNOT_WRITE"), F_OK) == 0) { errno = EROFS; return -1; }
  ssize_t (*real)(int, const void*, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
  return real(fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }
'''


def elections(server):
    """Those that came to an end there, whatever it was: the log has a line for each."""
    return server.out().count(' leads epoch ') + server.out().count(' came to nothing: ')


def unwritable_at_run_time():
    """The leader's file system becomes read-only: it leads nobody any more until it can write."""
    s = ensemble(3)
    library = preload(CANNOT_WRITE)
    for x in s.values():
        x.env = {'LD_PRELOAD': library, 'CANNOT_WRITE': x.dir + '/flag'}
        x.start()
    for x in s.values():
        x.must_serve()
    mute = leader(s)
    flag = mute.dir + '/flag'
    c = mute.client()
    open(flag, 'w').close()
    try:
        c.err(CREATE, create(b'/a'))        # may be answered: the two others are a quorum
    except (EOFError, OSError):
        pass
    lead = leader({i: x for i, x in s.items() if x is not mute})
    if lead is None:
        return False, 'nobody leads'
    c = lead.client()
    epochs, bad = set(), []
    for k in range(70):
        (_, zxid, e), _ = c.call(CREATE, create(b'/b%d' % k))
        epochs.add(zxid >> 32)
        words = mute.word('srvr')
        if e or mute.mode() or 'Read-only file system' not in words:
            bad.append((e, words))
        time.sleep(0.1)
    if bad or len(epochs) != 1:
        return False, 'epochs %s, bad %s' % (epochs, bad[:1])
    told = subprocess.run([ZOOID, 'status', '-s', '127.0.0.1:%d' % mute.port], stdout=subprocess.PIPE).stdout.decode()
    if 'Read-only file system' not in told:
        return False, 'status: ' + told
    # One of the two others is gone: together they would be a quorum, and it may have the highest id.
    lead.stop()
    decided = elections(mute)
    time.sleep(7)
    more = elections(mute) - decided
    lead.start()
    if more or not lead.wait(10):
        return False, 'took part in %d more elections; the two others: %s' % (more, lead.mode())
    os.remove(flag)
    t = time.time()
    mute.must_serve(15)
    took = time.time() - t
    e = mute.client().err(SYNC, buf(b'/')) or mute.client().err(EXISTS, path_watch(b'/b69'))
    return e == 0 and mute.mode() == 'follower', 'back %.1f s after it could write' % took


def peak(txns, most):
    """Of a start from the log, which writes a snapshot, and of one from that snapshot; most: MiB that are in order."""
    s = Server(extra='snapshot.trust.empty=true snapCount=100000000 preAllocSize=64')
    write_log(s.data, txns, 1)
    right, texts = True, []
    for source in ('log', 'snapshot'):
        s.start().must_serve(60)
        time.sleep(0.5)
        now, high = s.rss(), s.rss('VmHWM')
        right = right and high <= min(1.2 * now, most)
        texts.append('from the %s: resident %d MiB, at its highest %d MiB (%.2f)' % (source, now, high, float(high) / now))
        s.stop()
    return right, '; '.join(texts)


LARGE = 18 if ALL else 10
WINDOW = 32     # MiB of transactions that are kept for learners


def large():
    """Few nodes, set again and again: more transactions than the window holds."""
    ms = int(time.time() * 1000)
    nodes, count = LARGE, 500 if ALL else 80
    data = b'x' * 1000000
    for k in range(nodes):
        yield txn(1 + k, CREATE, buf(b'/n%d' % k) + buf(data) + OPEN + b'\0' + i32(-1), ms=ms)
    for k in range(count):
        yield txn(1 + nodes + k, SET, buf(b'/n%d' % (k % nodes)) + buf(data) + i32(1 + k // nodes), ms=ms)


def memory_large():
    """Transactions of 1 MB: peak at a restart ≤ 1.2 × what is resident after it."""
    return peak(large(), LARGE + WINDOW + 24)


def memory_small():
    """Many small ones."""
    count = 1000000 if ALL else 150000
    return peak(node_txns((b'/node-%d' % k for k in range(count)), data=b'x' * 100), count * 250 // 1000000 + 24)


run_cases([snapcount, trusted_log, sigterm_early, unwritable_alone, unwritable_highest, unwritable_at_run_time, memory_large,
           memory_small])
