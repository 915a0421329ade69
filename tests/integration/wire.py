"""What the cases share: servers by pid, raw protocol bytes, a ruler for the longest silence.

Environment: ZOOID_BIN (binary), TMPDIR, FAULTS_KEEP=1 (keep the folders), FAULTS_SLOW (multiplies the waits, not the bounds).
A case is a function that returns (is_right, text). A script test_*_faults.py ends with run_cases([…]): without an argument it
plays all of them, each in a process of its own, with a name the one (exit 0 right, 1 fault, 2 not set up).
"""
import atexit
import ctypes
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

ZOOID = os.environ.get('ZOOID_BIN') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../build/zooid')
SLOW = float(os.environ.get('FAULTS_SLOW', '1'))
NAME = os.path.splitext(os.path.basename(sys.argv[0]))[0]
ROOT = None
SERVERS, EXTRA = [], []


# ------------------------------------------------------------------ bytes
def i32(v):
    return struct.pack('>i', v)


def i64(v):
    return struct.pack('>q', v)


def buf(b):
    return i32(len(b)) + b


def frame(b):
    return i32(len(b)) + b


def vec(items):
    items = list(items)
    return i32(len(items)) + b''.join(items)


OPEN = i32(1) + i32(31) + buf(b'world') + buf(b'anyone')
CREATE, DELETE, EXISTS, GET, SET, SETACL, CHILDREN, SYNC, PING = 1, 2, 3, 4, 5, 7, 8, 9, 11
CHILDREN2, CHECK, MULTI, MULTIREAD, CHECKWATCHES, REMOVEWATCHES = 12, 13, 14, 22, 17, 18
AUTH, SETWATCHES, EPHEMERALS, ALLCHILDREN, SETWATCHES2, ADDWATCH, WHOAMI, CLOSE = 100, 101, 103, 104, 105, 106, 107, -11


def create(path, data=b'', acl=OPEN, flags=0):
    return buf(path) + buf(data) + acl + i32(flags)


def setdata(path, data, version=-1):
    return buf(path) + buf(data) + i32(version)


def path_watch(path, watch=0):
    return buf(path) + bytes([watch])


def multi(ops):
    return b''.join(i32(op) + b'\0' + i32(-1) + body for op, body in ops) + i32(-1) + b'\1' + i32(-1)


def packet(kind, zxid, data=None, ids=None):
    """A packet of the quorum port."""
    b = i32(kind) + i64(zxid) + (i32(-1) if data is None else buf(data))
    return b + (i32(-1) if ids is None else vec(buf(x) + buf(y) for x, y in ids))


def learner_info(sid, version=0x10000, config=0):
    return i64(sid) + i32(version) + i64(config)


def hello(sid, address=b'127.0.0.1:9', version=-65536):
    """The first bytes on the election port."""
    return i64(version) + i64(sid) + buf(address)


def vote(state, leader, zxid, round_, epoch, config=b'', version=2):
    return frame(i32(state) + i64(leader) + i64(zxid) + i64(round_) + i64(epoch) + i32(version) + buf(config))


# ------------------------------------------------------------------ transaction log files
def txn(zxid, kind, body, session=0, cxid=0, ms=None):
    return i64(session) + i32(cxid) + i64(zxid) + i64(int(time.time() * 1000) if ms is None else ms) + i32(kind) + body


def entry(t):
    return i64(zlib.adler32(t)) + buf(t) + b'B'


def write_log(folder, txns, first):
    """version-2/log.<first> with these transaction bytes, without padding."""
    os.makedirs(folder + '/version-2', exist_ok=True)
    name = '%s/version-2/log.%x' % (folder, first)
    with open(name, 'wb') as f:
        f.write(b'ZKLG' + i32(2) + i64(0))
        part = []
        for t in txns:
            part.append(entry(t))
            if len(part) == 5000:
                f.write(b''.join(part))
                part = []
        f.write(b''.join(part))
    return name


def snapshot_body(paths=()):
    """Sessions, ACL map and nodes as in a snapshot and in the stream after SNAP."""
    b = i32(0) + i32(1) + i64(1) + OPEN
    for p in [b'', b'/zookeeper', b'/zookeeper/quota', b'/zookeeper/config'] + list(paths):
        b += buf(p) + buf(b'') + i64(1) + i64(0) * 4 + i32(0) * 3 + i64(0) + i64(0)
    return b + buf(b'/')


def write_snapshot(folder, zxid, paths=()):
    """version-2/snapshot.<zxid> with these nodes, world:anyone, without digest."""
    os.makedirs(folder + '/version-2', exist_ok=True)
    b = b'ZKSN' + i32(2) + i64(-1) + snapshot_body(paths)
    open('%s/version-2/snapshot.%x' % (folder, zxid), 'wb').write(b + i64(zlib.adler32(b)) + buf(b'/'))


def node_txns(paths, zxid=1, data=b'', start_ms=None):
    ms = int(time.time() * 1000) - 3600000 if start_ms is None else start_ms
    for k, p in enumerate(paths):
        yield txn(zxid + k, CREATE, buf(p) + buf(data) + OPEN + b'\0' + i32(-1), ms=ms)


def read_log(name):
    """[(offset, whole length, zxid, time)] of the entries up to the first that is not whole."""
    b = open(name, 'rb').read()
    at, out = 16, []
    while at + 12 <= len(b):
        n = struct.unpack('>i', b[at + 8:at + 12])[0]
        if n <= 0 or at + 13 + n > len(b):
            break
        t = b[at + 12:at + 12 + n]
        out.append((at, 13 + n, struct.unpack('>q', t[12:20])[0], struct.unpack('>q', t[20:28])[0]))
        at += 13 + n
    return out


# ------------------------------------------------------------------ folders, ports, processes
def root():
    global ROOT
    if ROOT is None:
        ROOT = tempfile.mkdtemp(prefix='faults-%s-' % NAME)
    return ROOT


_given = set()


def port():
    while True:
        p = random.SystemRandom().randrange(12000, 20000)
        if p in _given:
            continue
        s = socket.socket()
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(('0.0.0.0', p))
        except OSError:
            continue
        finally:
            s.close()
        _given.add(p)
        return p


def preload(source):
    """Compiles C source to a shared object for LD_PRELOAD."""
    base = tempfile.mktemp(prefix='pre', dir=root())
    open(base + '.c', 'w').write('#define _GNU_SOURCE\n' + source)
    subprocess.check_call(['cc', '-shared', '-fPIC', '-O1', '-o', base + '.so', base + '.c', '-ldl'])
    return base + '.so'


def _before_exec(nofile):
    def f():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # dies with the script
        os.nice(int(os.environ.get('FAULTS_NICE', '0')))
        if nofile:
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
    return f


class Server(object):
    """One server. peers: {id: (host, quorum port, election port)} or None (standalone)."""

    def __init__(self, sid=1, peers=None, extra='', env=None, nofile=None):
        self.sid, self.peers, self.extra, self.env, self.nofile = sid, peers, extra, dict(env or {}), nofile
        self.dir = tempfile.mkdtemp(prefix='server%d-' % sid, dir=root())
        self.data, self.port, self.p = self.dir + '/data', port(), None
        os.makedirs(self.data)
        SERVERS.append(self)

    def start(self):
        lines = ['tickTime=2000', 'initLimit=10', 'syncLimit=5', 'dataDir=' + self.data, 'clientPort=%d' % self.port,
                 'admin.enableServer=false', '4lw.commands.whitelist=*'] + self.extra.split()
        if self.peers:
            lines += ['server.%d=%s:%d:%d' % ((i,) + p) for i, p in self.peers.items()]
            open(self.data + '/myid', 'w').write('%d\n' % self.sid)
            if len(self.peers) == 1:
                lines.append('standaloneEnabled=false')
        open(self.dir + '/zoo.cfg', 'w').write('\n'.join(lines) + '\n')
        argv = [ZOOID, 'server', self.dir + '/zoo.cfg']
        self.out_at = os.path.getsize(self.dir + '/out') if os.path.exists(self.dir + '/out') else 0
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=open(self.dir + '/out', 'ab'), stderr=subprocess.STDOUT,
                                  env=dict(os.environ, **self.env), cwd=self.dir, preexec_fn=_before_exec(self.nofile))
        return self

    def word(self, w, timeout=5):
        return word(self.port, w, timeout)

    def serves(self):
        return 'Mode:' in self.word('srvr')

    def mode(self):
        for l in self.word('srvr').splitlines():
            if l.startswith('Mode:'):
                return l.split()[1]

    def wait(self, seconds=15):
        end = time.time() + seconds * SLOW
        while time.time() < end:
            if self.serves():
                return True
            if self.p.poll() is not None:
                return False
            time.sleep(0.05)
        return False

    def must_serve(self, seconds=20):
        if not self.wait(seconds):
            raise RuntimeError('server %d does not serve: %s' % (self.sid, self.out()[-300:]))
        return self

    def lives(self):
        return self.p is not None and self.p.poll() is None

    def out(self):
        """What it wrote since its last start."""
        with open(self.dir + '/out', errors='replace') as f:
            f.seek(self.out_at)
            return f.read()

    def rss(self, field='VmRSS'):
        """MiB now, or at its highest (VmHWM)."""
        for l in open('/proc/%d/status' % self.p.pid):
            if l.startswith(field):
                return int(l.split()[1]) // 1024

    def fds(self):
        return len(os.listdir('/proc/%d/fd' % self.p.pid))

    def cpu(self):
        f = open('/proc/%d/stat' % self.p.pid).read().rsplit(')', 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')

    def signal(self, s):
        if self.lives():
            self.p.send_signal(s)

    def kill(self):
        if self.lives():
            self.p.kill()
        if self.p:
            self.p.wait()

    def stop(self, seconds=20):
        """SIGTERM; the exit status, -9 if it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.p.returncode

    def logs(self):
        d = self.data + '/version-2'
        return sorted((d + '/' + f for f in os.listdir(d) if f.startswith('log.')), key=lambda f: int(f.rsplit('.', 1)[1], 16))

    def keep(self):
        """A copy of its data as they are now; put_back() returns to it."""
        self.kept = self.dir + '/kept'
        shutil.copytree(self.data, self.kept)
        return self

    def put_back(self):
        shutil.rmtree(self.data)
        shutil.copytree(self.kept, self.data)

    def client(self, timeout=30000, **kw):
        return Client(self.port, timeout, **kw)


def ensemble(n, extra='', hosts=None, **kw):
    """n servers, not started; {id: Server}."""
    peers = {i: ((hosts or {}).get(i, '127.0.0.1'), port(), port()) for i in range(1, n + 1)}
    return {i: Server(i, peers, extra, **kw) for i in peers}


def leader(servers, seconds=20):
    end = time.time() + seconds * SLOW
    while time.time() < end:
        for s in servers.values():
            if s.lives() and s.mode() == 'leader':
                return s
        time.sleep(0.05)
    return None


def word(port_, w, timeout=5):
    try:
        s = socket.create_connection(('127.0.0.1', port_), timeout=timeout)
        s.sendall(w.encode())
        out = b''
        while True:
            c = s.recv(1 << 16)
            if not c:
                break
            out += c
        s.close()
        return out.decode(errors='replace')
    except OSError as e:
        return 'ERR %r' % e


class Client(object):
    """A session; nothing is retried."""

    def __init__(self, port_, timeout=30000, sid=0, password=b'\0' * 16, zxid=0, wait=120):
        self.s = socket.create_connection(('127.0.0.1', port_), timeout=wait)
        self.s.settimeout(wait)
        self.x, self.events = 0, 0
        self.s.sendall(frame(i32(0) + i64(zxid) + i32(timeout) + i64(sid) + buf(password) + b'\0'))
        r = self.recv()
        self.timeout, self.sid = struct.unpack('>iq', r[4:16])
        self.password = r[20:36]

    def read(self, n):
        out = bytearray()
        while len(out) < n:
            c = self.s.recv(min(1 << 20, n - len(out)))
            if not c:
                raise EOFError('closed by the server')
            out += c
        return bytes(out)

    def recv(self):
        return self.read(struct.unpack('>i', self.read(4))[0])

    def reply(self):
        """(xid, zxid, err), body of the next answer; events are counted."""
        while True:
            r = self.recv()
            h = struct.unpack('>iqi', r[:16])
            if h[0] != -1:
                return h, r[16:]
            self.events += 1

    def req(self, op, body=b'', xid=None):
        self.x += 1
        return frame(i32(self.x if xid is None else xid) + i32(op) + body)

    def call(self, op, body=b'', xid=None):
        self.s.sendall(self.req(op, body, xid))
        return self.reply()

    def err(self, op, body=b'', xid=None):
        return self.call(op, body, xid)[0][2]

    def pipeline(self, frames, keep=False):
        """Sends all while reading as many answers; the error codes (or the answers)."""
        frames = list(frames)

        def send():
            try:
                for k in range(0, len(frames), 200):
                    self.s.sendall(b''.join(frames[k:k + 200]))
            except OSError:
                pass
        t = threading.Thread(target=send, daemon=True)
        t.start()
        out = []
        for _ in frames:
            h, body = self.reply()
            out.append((h, body) if keep else h[2])
        t.join()
        return out

    def close(self):
        self.s.close()


def create_many(c, paths, data=b'', flags=0, step=5000):
    paths = list(paths)
    for k in range(0, len(paths), step):
        for e in c.pipeline(c.req(CREATE, create(p, data, OPEN, flags)) for p in paths[k:k + step]):
            if e:
                raise RuntimeError('create: error %d' % e)


class Ruler(object):
    """Another client, a process of its own: asks ruok about 40 times a second, tells the longest wait, less
    the longest delay of its own sleeps (what the machine did to everybody)."""

    def __init__(self, port_):
        self.p = subprocess.Popen([sys.executable, os.path.abspath(__file__), '_ruler', str(port_)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, preexec_fn=_before_exec(None))
        EXTRA.append(self.p)
        self.p.stdout.readline()

    def stop(self):
        time.sleep(0.15)
        out, _ = self.p.communicate(b'\n')
        return float(out.split()[-1])


def _ruler(port_):
    longest, late, ended = 0.0, 0.0, []
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.append(1)), daemon=True).start()
    print('ready', flush=True)
    while True:
        last = bool(ended)
        t = time.time()
        word(port_, 'ruok', 300)
        longest = max(longest, time.time() - t)
        if last:
            break
        t = time.time()
        time.sleep(0.025)
        late = max(late, time.time() - t - 0.025)
    print(max(0.0, longest - late))


# ------------------------------------------------------------------ the verdict
def clean():
    for s in SERVERS:
        try:
            s.kill()
        except Exception:
            pass
    for p in EXTRA:
        if p.poll() is None:
            p.kill()
            p.wait()
    del SERVERS[:], EXTRA[:]
    global ROOT
    if ROOT and not os.environ.get('FAULTS_KEEP'):
        shutil.rmtree(ROOT, True)
    ROOT = None


atexit.register(clean)


def _end(code, text):
    print('%s %s: %s' % ({0: 'PASS', 1: 'FAIL', 2: 'NOT SET UP'}[code], NAME, text.replace('\n', ' ')), flush=True)
    for p in [s.p for s in SERVERS if s.p is not None] + EXTRA:      # a handler may hold a lock of Popen: no poll, no wait
        if p.returncode is None:
            try:
                os.kill(p.pid, signal.SIGKILL)
            except OSError:
                pass
    if ROOT and not os.environ.get('FAULTS_KEEP'):
        time.sleep(0.1)
        shutil.rmtree(ROOT, True)
    os._exit(code)


def run(main, tries=1, limit=180):
    """tries > 1: right if one of them is (times on a shared machine)."""
    def late(*_):
        _end(1, 'not finished within %d s' % limit)
    signal.signal(signal.SIGALRM, late)
    signal.signal(signal.SIGTERM, lambda *_: _end(2, 'ended from outside'))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    texts = []
    for k in range(tries):
        signal.alarm(int(limit * SLOW))
        try:
            right, text = main()
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            dead = ['server %d ended with %s: %s' % (s.sid, s.p.returncode, tail(s)) for s in SERVERS
                    if s.p is not None and s.p.poll() is not None]
            if dead:
                _end(1, '; '.join(dead))
            _end(2, '%r at line %d' % (e, where.lineno))
        signal.alarm(0)
        texts.append(text)
        if right:
            break
        clean()
    _end(0 if right else 1, texts[-1] if right or tries == 1 else ' | '.join(texts))


def run_cases(cases, timed=(), limit=120):
    """cases: functions; timed: those whose figure depends on the machine, which have three tries."""
    names = {f.__name__: f for f in cases}
    which = sys.argv[1] if len(sys.argv) > 1 else None
    if which is None:
        bad = [n for n in names if subprocess.call([sys.executable, os.path.abspath(sys.argv[0]), n]) != 0]
        print('%d passed, %d failed%s' % (len(names) - len(bad), len(bad), ': ' + ' '.join(bad) if bad else ''), flush=True)
        sys.exit(1 if bad else 0)
    if which not in names:
        sys.exit('one of: ' + ' '.join(names))
    global NAME
    NAME = which
    run(names[which], tries=3 if names[which] in timed else 1, limit=limit)


def tail(s):
    """The part of a server's output that says why it ended."""
    o = s.out()
    k = max(o.rfind('assertion failed'), o.rfind('FATAL'))
    return o[k:k + 200] if k >= 0 else o[-200:]


def gap(seconds, bound, text):
    return seconds <= bound, '%s: longest ruok %.2f s (bound %.2f)' % (text, seconds, bound)


if __name__ == '__main__' and sys.argv[1:2] == ['_ruler']:
    _ruler(int(sys.argv[2]))
