"""TCP relays between servers: links that can be cut for one pair of servers, and recorded."""

import selectors
import socket
import struct
import threading
import time


class Relay:
    """Forwards connections to `port` to `target` until it is cut; records both directions if asked."""

    def __init__(self, port, target, record=None, hello_port=None):
        self.target = target
        # Election connections: the address in the hello is replaced by this port, so that the peer
        # calls back through a relay, too.
        self.hello_port = hello_port
        self.record = record  # called as record(direction, bytes, connection number, time)
        self.cut = False
        self.pairs = []
        self.number = 0
        self.lock = threading.Lock()
        self.stopping = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(50)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while not self.stopping:
            try:
                incoming, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                # A cut link does not refuse: it is silent. Hold the connection without a byte.
                with self.lock:
                    self.pairs.append((incoming, None))
                continue
            try:
                outgoing = socket.create_connection(("127.0.0.1", self.target), timeout=2)
                outgoing.settimeout(None)
            except OSError:
                incoming.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\x01\0\0\0\0\0\0\0")
                incoming.close()
                continue
            for one in (incoming, outgoing):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.number += 1
            with self.lock:
                self.pairs.append((incoming, outgoing))
            threading.Thread(target=self._pump, args=(incoming, outgoing, self.number),
                             daemon=True).start()

    def _pump(self, incoming, outgoing, number):
        hello = bytearray() if self.hello_port else None
        selector = selectors.DefaultSelector()
        selector.register(incoming, selectors.EVENT_READ, ("forward", outgoing))
        selector.register(outgoing, selectors.EVENT_READ, ("back", incoming))
        try:
            while True:
                for key, _ in selector.select(timeout=1):
                    direction, other = key.data
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if direction == "forward" and hello is not None:
                        hello.extend(data)
                        if len(hello) < 20 or len(hello) < 20 + struct.unpack(">i", hello[16:20])[0]:
                            continue
                        end = 20 + struct.unpack(">i", hello[16:20])[0]
                        address = f"127.0.0.1:{self.hello_port}".encode()
                        data = bytes(hello[:16]) + struct.pack(">i", len(address)) + address
                        data += bytes(hello[end:])
                        hello = None
                    if self.record is not None:
                        self.record(direction, data, number, time.monotonic())
                    if not self.cut:
                        other.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            for one in (incoming, outgoing):
                try:
                    one.close()
                except OSError:
                    pass

    def set_cut(self, cut):
        self.cut = cut
        with self.lock:
            pairs, self.pairs = self.pairs, []
        if not cut:
            # What hung in the cut link is lost: both ends see it close.
            for pair in pairs:
                for one in pair:
                    if one is not None:
                        try:
                            one.shutdown(socket.SHUT_RDWR)
                        except OSError:
                            pass
        else:
            with self.lock:
                self.pairs = pairs

    def stop(self):
        self.stopping = True
        self.listener.close()
        self.set_cut(False)


class Relays:
    """One relay for each ordered pair of servers and kind of port."""

    def __init__(self):
        self.by_pair = {}

    def add(self, from_id, to_id, kind, port, target, record=None, hello_port=None):
        self.by_pair[(from_id, to_id, kind)] = Relay(port, target, record, hello_port)

    def _pair(self, a, b):
        return [r for (x, y, _), r in self.by_pair.items() if {x, y} == {a, b}]

    def cut(self, a, b):
        for relay in self._pair(a, b):
            relay.set_cut(True)

    def heal(self, a, b):
        for relay in self._pair(a, b):
            relay.set_cut(False)

    def stop(self):
        for relay in self.by_pair.values():
            relay.stop()
