"""The line between a client and a server: what is said on it, and how often a client waits for an answer.

Each connection is passed on by a relay in this process, which holds all bytes back for a while. The kernel answers the
handshake of TCP by itself and at once, so the relay adds its round trip to the client's first bytes. A client that
sends after it has heard something new begins a round trip. Without any delay what a server says unasked, such as the
tickets of TLS 1.3, could come before a request that was already on its way, and be taken for its cause.
"""

import contextlib
import selectors
import socket
import threading
import time

# One way, in seconds. A system that waits before it acknowledges, and so has Nagle's algorithm hold back what follows, waits
# for half of the way there and back.
DELAY = 0.040

# What a record of TLS starts with, and how long one is that holds nothing but "I close".
ALERT, HANDSHAKE, APPLICATION = 21, 22, 23
CLOSES = 5 + 2 + 1 + 16
HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class Line:
    """What all relays have passed on since somebody looked."""

    def __init__(self):
        self.connections = []


class Relay:
    """Passes bytes between clients and a server, each of them later by the delay, and notes them on a line."""

    def __init__(self, address, line):
        host, port = address.split("://", 1)[1].rsplit(":", 1)
        self.server = (host, int(port))
        self.line = line
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(client, socket.create_connection(self.server))
            self.line.connections.append(connection)
            threading.Thread(target=connection.pass_on, daemon=True).start()


class Connection:
    """One connection, and what was said on it: a list of flights of the client, and the server's first bytes."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flights, self.first, self.has_heard = [], b"", True

    def pass_on(self):
        # (when it is due, where it goes, what): one queue each, as bytes do not overtake each other.
        queues = {self.client: [], self.server: []}
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            for end in queues:
                selector.register(end, selectors.EVENT_READ)
            while selector.get_map() or any(queues.values()):
                now = time.perf_counter()
                due = min((queue[0][0] for queue in queues.values() if queue), default=None)
                for key, _ in selector.select(None if due is None else max(0, due - now)):
                    data = key.fileobj.recv(65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    to = self.server if key.fileobj is self.client else self.client
                    queues[to].append((time.perf_counter() + self.lateness(to), data))
                    if to is self.server and data:
                        self.note(data)
                for to, queue in queues.items():
                    while queue and queue[0][0] <= time.perf_counter():
                        self.deliver(to, queue.pop(0)[1])
        self.client.close()
        self.server.close()

    def lateness(self, to):
        # The answer to its first packet, which the kernel has given at once.
        return DELAY + (2 * DELAY if to is self.server and not self.first else 0)

    def note(self, data):
        if self.has_heard:
            self.flights.append(b"")
            self.has_heard = False
        self.flights[-1] += data

    def deliver(self, to, data):
        if not data:
            to.shutdown(socket.SHUT_WR)
            return
        if to is self.client:
            self.has_heard = True
            self.first = self.first or data
        to.sendall(data)

    def trips(self):
        """TCP's own, and each flight but one that only says that the client closes."""
        return 1 + len(self.asking())

    def requests(self):
        return len(self.asking()) - self.handshake()[1]

    def protocol(self):
        return self.handshake()[0]

    def asking(self):
        return [flight for flight in self.flights if not (flight[0] == ALERT or (flight[0] == APPLICATION and len(flight) == CLOSES))]

    def handshake(self):
        """The version, by the server's hello, and the round trips of the handshake."""
        hello = self.first[5:]
        if self.first[:1] != bytes([HANDSHAKE]):
            return "no TLS", 0
        if hello[6:38] == HELLO_RETRY:
            return "TLS 1.3, asked again", 2
        # The extension supported_versions (43) with two bytes, 1.3.
        if bytes.fromhex("002b00020304") in hello[: 4 + int.from_bytes(hello[1:4], "big")]:
            return "TLS 1.3", 1
        return "TLS 1.2", 2
