"""Measures cargo-credential-bridge beside other clients of local TLS servers. Run it by `ci/bench`.

Every client does the same job in interleaved rounds, so that what else the machine does falls on all of them; the run
that is measured follows one of the same client, so that caches are warm for all (`--cold`: for none). CPU is user and
system time of the whole process as the kernel counts it, wall is from start to end, both as medians; memory is the peak
of the resident set; instructions are callgrind's. Budgets are ratios and counts, never times.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import random
import select
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_line import Connection, Line, Relay
from bench_rows import (
    AWS, AWS_LOGIN, AWS_READ, CURL, GCLOUD, GOOGLE, GOOGLE_HOSTS, HELLO, LOGIN, MINIMAL, MINIMAL_STATIC, OFFICIAL, OURS,
    PINNED, VAULT, Failure, Rows,
)  # fmt: skip

INTRODUCTION = """What an answer costs, beside the smallest client that can be written with rustls, curl, and the stores' own command lines, against
the doubles of the tests over TLS on loopback. `ci/bench` prints this page; instructions are held to what they are by `ci/budget`.

Machine: {machine}, {rounds} interleaved rounds, {temperature}."""

SMALLEST = (
    "minimal-client asks one thing, by one pinned authority, and knows nothing else: it is what TLS itself costs. The "
    "budgets are for it as Cargo builds it; the static one is built as our release is, and as much smaller"
)

ONE_HOST = (
    "Google: STS and Secret Manager share a host in one row, as login and store do in the others, and have one each in "
    "the other row, as they have at Google; a second TLS handshake is the difference"
)

# The command lines that may be missing, and where they come from.
OPTIONAL = {
    VAULT: "`ci/install vault` builds it",
    AWS: "`ci/install awscli` installs it",
    GCLOUD: "no registry has it; Google's packages: https://cloud.google.com/sdk/docs/install",
}

# What may be spent: (row, measure, limit). Instructions in millions, CPU as a ratio to another client in the same row.
BUDGETS = (
    (HELLO, "instructions", 0.7),
    (PINNED, "instructions", 4.5),
    (PINNED, f"CPU of {MINIMAL}", 1.5),
    (PINNED, f"CPU of {CURL}", 0.35),
    (PINNED, "connections", 1),
    (LOGIN, "instructions", 8.5),
    (LOGIN, f"CPU of {MINIMAL}", 1.9),
    (LOGIN, f"CPU of {CURL}", 0.15),
    (LOGIN, "connections", 1),
    (AWS_READ, "instructions", 10.5),
    (AWS_READ, f"CPU of {MINIMAL}", 2.4),
    (AWS_READ, f"CPU of {CURL}", 0.2),
    # At least 80 times less.
    (AWS_READ, f"CPU of {AWS}", 1 / 80),
    (AWS_READ, "connections", 1),
    (AWS_LOGIN, f"CPU of {MINIMAL}", 2.6),
    (AWS_LOGIN, "connections", 1),
    (GOOGLE, "instructions", 9),
    (GOOGLE, f"CPU of {MINIMAL}", 1.9),
    (GOOGLE, f"CPU of {CURL}", 0.15),
    (GOOGLE, f"CPU of {GCLOUD}", 1 / 80),
    (GOOGLE, "connections", 1),
    (GOOGLE_HOSTS, f"CPU of {CURL}", 0.15),
    (GOOGLE_HOSTS, f"CPU of {GCLOUD}", 1 / 80),
    (GOOGLE_HOSTS, "connections", 2),
    ("all", "peak memory, MiB", 7),
    ("all", "binary, MB", 6),
)

# What each server says of itself.
VAULT_FACTS = {"address", "ca_file", "root_token", "identity_file", "role", "audience", "secret", "index_url"}
AWS_FACTS = {
    "address", "ca_file", "region", "access_key_id", "secret_access_key",
    "secret_id", "field", "secret", "role_arn", "identity_file", "index_url",
}  # fmt: skip

GOOGLE_FACTS = {
    "address", "sts_address", "ca_file", "project", "secret_id", "field", "secret",
    "provider", "identity_file", "access_token", "index_url",
}  # fmt: skip


def main():
    options = parse_arguments()
    paths = {OURS: options.ours, MINIMAL: options.minimal, MINIMAL_STATIC: options.minimal_static, CURL: CURL}
    paths |= {VAULT: options.vault, AWS: options.aws, GCLOUD: options.gcloud}
    # It is measured when somebody asks for it, and missed by nobody.
    if options.official:
        paths[OFFICIAL] = options.official
    tools, notes = clients_there(paths)
    with contextlib.ExitStack() as stack:
        bench, addresses = set_up(stack, tools)
        rows = bench.clients(*addresses)
        for row, clients in rows.items():
            for name in list(clients):
                try:
                    bench.run(clients[name])
                except Failure as failure:
                    if name not in OPTIONAL:
                        raise Failure(f"{name} does not do its job: {failure}") from None
                    # The one that the server here does not fully serve, perhaps; the others are what counts.
                    notes.append(f"{name}: **not measured** in \"{row}\": {' '.join(str(failure).split())[:300]}")
                    del clients[name]
        measure_times(bench, rows, options.rounds, options.cold)
        measure_memory(bench, rows)
        measure_instructions(bench, rows)
        measure_connections(bench, rows, addresses)
    facts = {"binary, MB": os.stat(options.ours).st_size / 1e6, "crates": crate_count(), "notes": notes}
    lines, exceeded = report(rows, facts, options)
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    (options.output or target_directory() / "bench.md").write_text(text)
    return 1 if exceeded else 0


def clients_there(paths):
    """Those of these clients that are there, and a note on each of the others."""
    tools, notes = {}, []
    for name, path in paths.items():
        if name not in OPTIONAL or (path and os.access(path, os.X_OK)):
            tools[name] = path
        else:
            notes.append(f"{name}: **not measured**, its command line is not there ({OPTIONAL[name]})")
    return tools, notes


def set_up(stack, tools):
    """The servers, started, and the clients in a folder of their own: the bench, and where everything is."""
    target = target_directory() / "debug"
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    vault, aws, google = (
        stack.enter_context(Server(command, wanted)).facts
        for command, wanted in (
            ([str(target / "loopback-vault")], VAULT_FACTS),
            ([str(target / "loopback-aws")], AWS_FACTS),
            ([str(target / "loopback-google"), "--two-origins"], GOOGLE_FACTS),
        )
    )
    # Each built one has a name of its own there.
    copies = {name: installed(tools[name], folder / name) for name in (OURS, MINIMAL, MINIMAL_STATIC) if name in tools}
    bench = Bench(folder, vault, aws, google, {name: str(path) for name, path in (tools | copies).items()})
    # Vault, AWS, Secret Manager, STS.
    return bench, [facts["address"] for facts in (vault, aws, google)] + [google["sts_address"]]


def installed(binary, path):
    """A copy, as `cargo install` makes it: what the linker has just written lies in many small pieces of memory, and
    each costs the process a fault."""
    return shutil.copy2(binary, path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds that count (default 40)")
    parser.add_argument("--cold", action="store_true", help="measure each client right after another one, caches cold")
    parser.add_argument("--output", type=pathlib.Path, help="the report (default target/bench.md)")
    parser.add_argument("--vault", type=pathlib.Path, help="Vault's command line")
    parser.add_argument("--aws", type=pathlib.Path, help="AWS's command line")
    parser.add_argument("--gcloud", type=pathlib.Path, help="Google's command line")
    parser.add_argument("--official", type=pathlib.Path, help="ci/official-google, built")
    parser.add_argument("--ours", type=pathlib.Path, required=True, help="cargo-credential-bridge, built")
    parser.add_argument("--minimal", type=pathlib.Path, required=True, help="minimal-client, built")
    parser.add_argument("--minimal-static", type=pathlib.Path, required=True, help="minimal-client, built static")
    return parser.parse_args()


def target_directory():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    return pathlib.Path(json.loads(subprocess.check_output(command))["target_directory"])


class Server:
    """A TLS server under test: started here, told by the end of its standard input to stop."""

    def __init__(self, command, wanted):
        self.command, self.wanted = command, wanted

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        try:
            self.facts = json.loads(line)
        except json.JSONDecodeError:
            self.__exit__()
            raise Failure(f"`{shlex.join(self.command)}` printed no line of JSON: {line!r}") from None
        missing = self.wanted - self.facts.keys()
        if missing:
            self.__exit__()
            raise Failure(f"`{shlex.join(self.command)}` does not say {', '.join(sorted(missing))}")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench(Rows):
    """The clients of each row, and the way to run one of them."""

    def __init__(self, folder, facts, aws_facts, google_facts, tools):
        super().__init__(folder, facts, aws_facts, google_facts, tools)
        self.output = folder / "output"

    def run(self, client, prefix=()):
        """One run; returns its CPU and wall time in seconds."""
        # AWS's command line keeps there what it got for its identity, and a job starts without.
        shutil.rmtree(self.folder / ".aws", ignore_errors=True)
        cpu = wall = 0.0
        self.output.write_bytes(b"")
        for command in client.commands:
            command = [*prefix, *command]
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, client.stdin, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.output), os.O_WRONLY | os.O_APPEND, 0),
                (os.POSIX_SPAWN_OPEN, 2, str(self.folder / "errors"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            ]
            start = time.perf_counter()
            pid = os.posix_spawnp(command[0], command, client.env, file_actions=actions)
            _, status, usage = os.wait4(pid, 0)
            wall += time.perf_counter() - start
            cpu += usage.ru_utime + usage.ru_stime
            if os.waitstatus_to_exitcode(status) != 0:
                errors = (self.folder / "errors").read_text(errors="replace")
                raise Failure(f"`{shlex.join(command[:4])} …` failed\n{errors}")
        if client.expected not in self.output.read_text(errors="replace"):
            raise Failure(f"`{client.commands[0][0]}` answered\n{self.output.read_text(errors='replace')}")
        return cpu, wall


def measure_times(bench, rows, rounds, cold):
    clients = [client for row in rows.values() for client in row.values()]
    order = random.Random(1)
    for number in range(3 + rounds):
        progress(f"round {max(0, number - 2)} of {rounds}")
        # In another order each time, so that nobody always follows the same neighbour.
        order.shuffle(clients)
        for client in clients:
            if not cold:
                # A first run that does not count: else a client pays for what a larger one left of the caches.
                bench.run(client)
            cpu, wall = bench.run(client)
            if number >= 3:
                client.cpu.append(cpu)
                client.wall.append(wall)


def measure_memory(bench, rows):
    # A process starts with the peak of the one that started it, so a small one stands between: Python's own is larger
    # than most of what is measured here.
    peak = bench.folder / "peak"
    for client in (client for row in rows.values() for client in row.values()):
        peaks = []
        for _ in range(5):
            peak.write_text("")
            bench.run(client, ["time", "--format", "%M", "--append", "--output", str(peak)])
            peaks.append(max(int(line) for line in peak.read_text().split()))
        client.memory = statistics.median(peaks) / 1024


def measure_instructions(bench, rows):
    log = bench.folder / "callgrind.log"
    prefix = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}"]
    for row, clients in rows.items():
        for name in (OURS, MINIMAL, MINIMAL_STATIC, OFFICIAL):
            if name not in clients:
                continue
            progress(f"instructions of {name}: {row}")
            counts = []
            for _ in range(3):
                bench.run(clients[name], prefix)
                collected = [line for line in log.read_text().splitlines() if "Collected :" in line]
                counts.append(sum(int(line.split()[-1]) for line in collected))
            clients[name].instructions = statistics.median(counts) / 1e6


def measure_connections(bench, rows, addresses):
    with contextlib.ExitStack() as stack:
        line = Line()
        relays = [stack.enter_context(Relay(address, line)) for address in addresses]
        for row, clients in bench.clients(*(relay.address for relay in relays)).items():
            for name in rows[row]:
                line.connections.clear()
                bench.run(clients[name])
                rows[row][name].connections = len(line.connections)
                rows[row][name].requests = sum(map(Connection.requests, line.connections))


def crate_count():
    target = f"{platform.machine()}-unknown-linux-gnu"
    command = ["cargo", "tree", "--package", OURS, "--edges", "normal", "--target", target, "--prefix", "none"]
    tree = subprocess.check_output([*command, "--format", "{p}"], text=True)
    return len({line.removesuffix(" (*)") for line in tree.splitlines() if line})


def report(rows, facts, options):
    temperature = "cold" if options.cold else "warm"
    lines = ["# Speed", "", INTRODUCTION.format(machine=machine(), rounds=options.rounds, temperature=temperature), ""]
    table, exceeded = budget_table(rows, facts)
    lines += ["## Budgets", "", *table, ""]
    lines += ["## Side by side", "", *client_table(rows), ""]
    lines += [f"- binary: {facts['binary, MB']:.2f} MB stripped, {facts['crates']} crates"]
    lines += [f"- {note}" for note in (SMALLEST, ONE_HOST, *facts["notes"])]
    lines += ["", "A budget is exceeded." if exceeded else "All budgets that were measured hold."]
    return lines, exceeded


def machine():
    rustc = subprocess.check_output(["rustc", "--version"], text=True).strip()
    return f"{processor()}, {os.cpu_count()} cores, Linux, {rustc}"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def budget_table(rows, facts):
    lines = ["| case | measure | measured | budget | |", "|---|---|---:|---:|---|"]
    exceeded = False
    for row, measure, limit in BUDGETS:
        value = measured(rows, facts, row, measure)
        if value is None:
            shown, verdict, limit_shown = "–", "not measured", f"{limit:.4g}"
        else:
            unit = " M" if measure == "instructions" else "x" if measure.startswith("CPU") else ""
            digits = 4 if limit < 0.1 else 2
            shown = f"{value}" if isinstance(value, int) else f"{value:.{digits}f}{unit}"
            limit_shown = f"{limit:.4f}" if limit < 0.1 else f"{limit}"
            verdict = "ok" if value <= limit else "OVER"
            exceeded = exceeded or value > limit
        lines.append(f"| {row} | {measure} | {shown} | {limit_shown} | {verdict} |")
    return lines, exceeded


def measured(rows, facts, row, measure):
    if measure in facts:
        return facts[measure]
    if measure.startswith("peak memory"):
        return max((clients[OURS].memory for clients in rows.values() if clients[OURS].memory), default=None)
    ours = rows[row][OURS]
    if measure.startswith("CPU of "):
        return ratio(ours.cpu, getattr(rows[row].get(measure.removeprefix("CPU of ")), "cpu", None))
    return getattr(ours, measure)


def ratio(values, reference):
    if not values or not reference:
        return None
    return statistics.median(values) / statistics.median(reference)


def client_table(rows):
    lines = [
        "| case | client | CPU | to minimal | to static | to curl | wall | to minimal | to static | to curl | peak MiB | Minstr | connections | requests |",
        f"|---|---|{'---:|' * 12}",
    ]
    for row, clients in rows.items():
        for name, client in clients.items():
            cells = [row, name]
            for kind in ("cpu", "wall"):
                times = getattr(client, kind)
                cells.append(f"{statistics.median(times) * 1000:.2f} ms" if times else "–")
                for other in (MINIMAL, MINIMAL_STATIC, CURL):
                    cells.append(shown(ratio(times, getattr(clients.get(other), kind, None)), "x"))
            cells += [shown(client.memory), shown(client.instructions)]
            cells += ["–" if count is None else str(count) for count in (client.connections, client.requests)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def shown(value, unit=""):
    return "–" if value is None else f"{value:.2f}{unit}"


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def run(command, main):
    """Ends the process as `main` does; what a person must hear is said in the name of the command."""
    try:
        code = main()
    except Failure as failure:
        code = f"{command}: {failure}"
    finally:
        progress("")
    sys.exit(code)


if __name__ == "__main__":
    run("ci/bench", main)
