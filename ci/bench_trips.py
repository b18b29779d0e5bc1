"""Counts round trips: cargo-credential-bridge and other clients over a line with a delay each way. Run it by `ci/trips`.

The count is exact (bench_line.py), and the wall time bears it out.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from bench import clients_there, machine, run, set_up
from bench_line import DELAY, Connection, Line, Relay
from bench_rows import (
    AWS, AWS_LOGIN, AWS_READ, CURL, GCLOUD, GOOGLE, GOOGLE_HOSTS, LOGIN, OURS, PINNED, VAULT, Client, Failure,
)  # fmt: skip

ROUND_TRIP = 2 * DELAY

CURL_TWICE = "curl, two commands"

# Connections and round trips that the protocols ask for: one round trip for TCP, one for TLS 1.3, one for each request,
# and the same again for a second host. The last one of a Vault login is its revocation, which the answer does not wait for.
NEEDED = {PINNED: (1, 3), LOGIN: (1, 5), AWS_READ: (1, 3), AWS_LOGIN: (1, 4), GOOGLE: (1, 4), GOOGLE_HOSTS: (2, 6)}


def main():
    options = parse_arguments()
    # The smallest client asks one thing: there is a row for that in ci/bench.
    tools, notes = clients_there({OURS: options.ours, CURL: CURL, VAULT: options.vault, AWS: options.aws, GCLOUD: None})
    with contextlib.ExitStack() as stack:
        bench, addresses = set_up(stack, tools)
        line = Line()
        relays = [stack.enter_context(Relay(address, line)) for address in addresses]
        results = {
            row: {name: measure(bench, line, client, options.rounds) for name, client in clients.items()}
            for row, clients in rows(bench, [relay.address for relay in relays]).items()
        }
    sys.stdout.write(page(results, machine(), options.rounds, notes))
    return check(results)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default 7)")
    parser.add_argument("--vault", type=pathlib.Path, help="Vault's command line")
    parser.add_argument("--aws", type=pathlib.Path, help="AWS's command line")
    parser.add_argument("--ours", type=pathlib.Path, required=True, help="another build of cargo-credential-bridge")
    return parser.parse_args()


def rows(bench, addresses):
    """The rows of ci/bench that ask a server, and curl as people write it into a pipeline."""
    those = {row: clients for row, clients in bench.clients(*addresses).items() if row in NEEDED}
    for clients in those.values():
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
    run("ci/trips", main)
