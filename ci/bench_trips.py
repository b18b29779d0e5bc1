"""Counts round trips: cargo-credential-bridge and other clients over a line with a delay each way. Run it by `ci/trips`.

Each connection is passed on by a relay in this process, which holds all bytes back for the delay. The kernel answers
the handshake of TCP by itself and at once, so the relay adds its round trip to the client's first bytes. A client that
sends after it has heard something new begins a round trip: that count is exact, and the wall time bears it out.
"""

import argparse
import contextlib
import os
import pathlib
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

from bench import AWS_FACTS, GOOGLE_FACTS, VAULT_FACTS, Bench, Relay, Server, installed, machine, target_directory
from bench_rows import (
    AWS, AWS_LOGIN, AWS_READ, CURL, GOOGLE, GOOGLE_HOSTS, LOGIN, MINIMAL, OURS, PINNED, VAULT, Client, Failure,
)  # fmt: skip

# One way, in seconds.
DELAY = 0.040
ROUND_TRIP = 2 * DELAY

CURL_TWICE = "curl, two commands"

# Connections and round trips that the protocols ask for: one round trip for TCP, one for TLS 1.3, one for each request,
# and the same again for a second host. The last one of a Vault login is its revocation, which the answer does not wait for.
NEEDED = {PINNED: (1, 3), LOGIN: (1, 5), AWS_READ: (1, 3), AWS_LOGIN: (1, 4), GOOGLE: (1, 4), GOOGLE_HOSTS: (2, 6)}

# What a record of TLS starts with, and how long one is that holds nothing but "I close".
ALERT, HANDSHAKE, APPLICATION = 21, 22, 23
CLOSES = 5 + 2 + 1 + 16
HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def main():
    options = parse_arguments()
    target = target_directory()
    ours, minimal = options.ours or target / "release" / OURS, target / "release" / MINIMAL
    servers = (
        ([str(target / "debug" / "loopback-vault")], VAULT_FACTS),
        ([str(target / "debug" / "loopback-aws")], AWS_FACTS),
        ([str(target / "debug" / "loopback-google"), "--two-origins"], GOOGLE_FACTS),
    )
    # What else ci/bench is told: all clients, if they are there.
    options.gate, options.official, options.gcloud, notes = False, None, None, []
    with tempfile.TemporaryDirectory(prefix="trips-") as folder, contextlib.ExitStack() as stack:
        vault, aws, google = (stack.enter_context(Server(*server)).facts for server in servers)
        folder = pathlib.Path(folder)
        ours = installed(ours, folder)
        bench = Bench(folder, vault, aws, google, ours, minimal, options, notes)
        addresses = [facts["address"] for facts in (vault, aws, google)] + [google["sts_address"]]
        line = Line()
        relays = [stack.enter_context(DelayingRelay(address, line)) for address in addresses]
        results = {
            row: {name: measure(bench, line, client, options.rounds) for name, client in clients.items()}
            for row, clients in rows(bench, [relay.address for relay in relays]).items()
        }
    # Its words on rounds are about its own.
    options.gate = True
    sys.stdout.write(page(results, machine(options), options.rounds, notes))
    return check(results)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default 7)")
    parser.add_argument("--vault", type=pathlib.Path, help="Vault's command line")
    parser.add_argument("--aws", type=pathlib.Path, help="AWS's command line")
    parser.add_argument("--ours", type=pathlib.Path, help="another build of cargo-credential-bridge")
    return parser.parse_args()


def rows(bench, addresses):
    """The rows of ci/bench that ask a server, and curl as people write it into a pipeline."""
    those = {row: clients for row, clients in bench.clients(*addresses).items() if row in NEEDED}
    for clients in those.values():
        # It asks one thing: there is a row for that in ci/bench.
        clients.pop(MINIMAL, None)
        [command] = clients[CURL].commands
        if "--next" in command:
            at = command.index("--next")
            options = [word for word in command[:2] if word in ("curl", "-q")]
            twice = [command[:at], [*options, *command[at + 1 :]]]
            clients[CURL_TWICE] = Client(twice, clients[CURL].env, expected=clients[CURL].expected)
    return those


@dataclass
class Result:
    """What one client came to: times in seconds."""

    connections: int
    requests: int
    trips: int
    protocols: set
    answer: float
    end: float


def measure(bench, line, client, rounds):
    times, counts = [], set()
    for _ in range(1 + rounds):
        # AWS's command line keeps there what it got for its identity, and a job starts without.
        shutil.rmtree(bench.folder / ".aws", ignore_errors=True)
        line.connections.clear()
        times.append(timed(bench, client))
        connections = list(line.connections)
        protocols = frozenset(each.protocol() for each in connections)
        requests, trips = (sum(each(connection) for connection in connections) for each in (Connection.requests, Connection.trips))
        counts.add((len(connections), requests, trips, protocols))
    if len(counts) != 1:
        raise Failure(f"`{client.commands[0][0]}` does not do the same each time: {counts}")
    # The first run is for caches.
    return Result(*counts.pop(), *(statistics.median(place) for place in zip(*times[1:])))


def timed(bench, client):
    """Seconds to the answer, which is the first line after the hello, and to the end."""
    if client.stdin == os.devnull:
        _, wall = bench.run(client)
        return wall, wall
    start = time.perf_counter()
    with (
        open(client.stdin, "rb") as stdin,
        subprocess.Popen(client.commands[0], stdin=stdin, stdout=subprocess.PIPE, env=client.env) as process,
    ):
        process.stdout.readline()
        said = process.stdout.readline().decode()
        answered = time.perf_counter() - start
        process.wait()
        ended = time.perf_counter() - start
    if client.expected not in said:
        raise Failure(f"`{client.commands[0][0]}` answered\n{said}")
    return answered, ended


class Line:
    """What all relays have passed on since somebody looked."""

    def __init__(self):
        self.connections = []


class DelayingRelay(Relay):
    """Passes bytes between clients and a server, each of them later by the delay."""

    def __init__(self, address, line):
        super().__init__(address)
        self.line = line

    def pass_on(self, client, server):
        connection = Connection(client, server)
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
        return DELAY + (ROUND_TRIP if to is self.server and not self.first else 0)

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


PAGE = f"""# Round trips

What a job waits for, if its store is far away: here {ROUND_TRIP * 1000:.0f} ms for a round trip. `ci/trips` prints this page; it fails if a request of
ours takes a connection or a round trip more than it needs, or another protocol than TLS 1.3.

Machine: {{machine}}, {{rounds}} rounds, medians.

{{table}}

* Needed is one round trip for TCP, one for TLS 1.3 and one for each request, on one connection a host. Nothing is spent on
  `100-continue`, on a second hello, on a redirect or on waiting for what Nagle holds back: times are round trips and a few ms.
* A login of Vault is revoked after the answer. Cargo reads the answer, then waits for the end: one round trip more.
* Round trips and requests are counted on the line, as flights of the client that something answers; TLS hides the rest.
* Google's STS is another host than Secret Manager: a second TCP and a second TLS. The token of a CI system's own endpoint, such
  as GitHub's, comes before all that, from one more host; in these rows it is in a file or a variable.
* The servers are the doubles of the tests, over TLS on loopback, behind the relay that delays. curl does not revoke its login to
  Vault, and neither does `vault`. curl and `vault` read by a token that was there before; what the login gave is thrown away.
"""


def page(results, machine, rounds, notes):
    table = [
        "| case | client | connections | requests | round trips | answer after | end after |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row, clients in results.items():
        for name, result in clients.items():
            trips = f"{result.trips}, needed {NEEDED[row][1]}" if name == OURS else result.trips
            times = [f"{time * 1000:.0f} ms" for time in (result.answer, result.end)]
            cells = [row, name, result.connections, result.requests, trips, *times]
            table.append(f"| {' | '.join(map(str, cells))} |")
    text = PAGE.format(machine=machine, rounds=rounds, table="\n".join(table))
    return text + "".join(f"* {note}\n" for note in notes)


def check(results):
    failed = 0
    for row, clients in results.items():
        ours = clients[OURS]
        if (ours.connections, ours.trips) != NEEDED[row] or ours.protocols != {"TLS 1.3"}:
            print(f"ci/trips: {row}: {ours}, needed are {NEEDED[row]}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    try:
        code = main()
    except Failure as failure:
        code = f"ci/trips: {failure}"
    sys.exit(code)
