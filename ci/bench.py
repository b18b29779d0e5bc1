"""Measures cargo-credential-bridge beside other clients of one local TLS server. Run it by `ci/bench`.

Every client does the same job in interleaved rounds, so that what else the machine does falls on all of them; the run
that is measured follows one of the same client, so that caches are warm for all (`--cold`: for none). CPU is user and
system time of the whole process as the kernel counts it, wall is from start to end, both as medians; memory is the peak
of the resident set; instructions are callgrind's. Budgets are ratios and counts, never times.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import select
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

HELLO = "hello and an unknown registry"
PINNED = "Vault read, pinned CA"
LOGIN = "Vault login and read, system roots"
ROWS = (HELLO, PINNED, LOGIN)

OURS, MINIMAL, CURL, VAULT = "cargo-credential-bridge", "minimal-client", "curl", "vault"

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
    ("all", "peak memory, MiB", 7),
    ("all", "binary, MB", 6),
)

BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass
class Client:
    """One way to do the job of a row: one or more commands, one after the other."""

    commands: list
    env: dict
    stdin: str = os.devnull
    expected: str = ""
    cpu: list = field(default_factory=list)
    wall: list = field(default_factory=list)
    memory: float = None
    instructions: float = None
    connections: int = None


class Failure(Exception):
    """Something that the person at the terminal must hear, without a traceback."""


def main():
    options = parse_arguments()
    target = target_directory()
    ours = options.ours or target / "release" / OURS
    minimal = options.minimal or target / "release" / MINIMAL
    server_command = shlex.split(options.server) if options.server else [str(target / "debug" / "loopback-vault")]
    notes = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Server(server_command) as server:
        bench = Bench(pathlib.Path(folder), server.facts, ours, minimal, options, notes)
        rows = bench.clients(server.facts["address"])
        for row, clients in rows.items():
            for name in list(clients):
                try:
                    bench.run(clients[name])
                except Failure as failure:
                    if name != VAULT:
                        raise Failure(f"{name} does not do its job: {failure}") from None
                    # The one that the server here does not fully serve, perhaps; the others are what counts.
                    notes.append(f"vault: **not measured** in \"{row}\": {' '.join(str(failure).split())[:300]}")
                    del clients[name]
        if not options.gate:
            measure_times(bench, rows, options.rounds, options.cold)
        measure_memory(bench, rows)
        measure_instructions(bench, rows)
        measure_connections(bench, rows, server.facts["address"])
    facts = {"binary, MB": os.stat(ours).st_size / 1e6, "crates": crate_count(), "notes": notes}
    lines, exceeded = report(rows, facts, options)
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    (options.output or target / "bench.md").write_text(text)
    return 1 if exceeded else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds that count (default 40)")
    parser.add_argument("--cold", action="store_true", help="measure each client right after another one, caches cold")
    parser.add_argument("--gate", action="store_true", help="instructions, connections, memory and size only")
    parser.add_argument("--output", type=pathlib.Path, help="the report (default target/bench.md)")
    parser.add_argument("--vault", type=pathlib.Path, help="Vault's command line")
    parser.add_argument("--ours", type=pathlib.Path, help="another build of cargo-credential-bridge")
    parser.add_argument("--minimal", type=pathlib.Path, help="another build of minimal-client")
    parser.add_argument("--server", help="another server: a command that prints loopback-vault's line of JSON")
    return parser.parse_args()


def target_directory():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    return pathlib.Path(json.loads(subprocess.check_output(command))["target_directory"])


class Server:
    """The TLS server under test: started here, told by the end of its standard input to stop."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        try:
            self.facts = json.loads(line)
        except json.JSONDecodeError:
            self.__exit__()
            raise Failure(f"`{shlex.join(self.command)}` printed no line of JSON: {line!r}") from None
        missing = {"address", "ca_file", "root_token", "identity_file", "role", "audience", "secret", "index_url"} - self.facts.keys()
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


class Bench:
    """The clients of each row, for a server at a given address, and the way to run one of them."""

    def __init__(self, folder, facts, ours, minimal, options, notes):
        self.folder, self.facts, self.ours, self.minimal = folder, facts, ours, minimal
        self.output = folder / "output"
        self.gate = options.gate
        self.bundle = self.make_bundle()
        self.vault = None
        if not self.gate:
            if options.vault and os.access(options.vault, os.X_OK):
                self.vault = options.vault
            else:
                notes.append("vault: **not measured**, its command line is not there (`ci/install vault` builds it)")

    def make_bundle(self):
        system = next((path for path in BUNDLES if os.path.exists(path)), None)
        if system is None:
            raise Failure("this machine has no bundle of CA certificates\nhelp: apt-get install ca-certificates")
        text = pathlib.Path(system).read_text() + pathlib.Path(self.facts["ca_file"]).read_text()
        return self.write("bundle.pem", text)

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def clients(self, address):
        ca, token, host = self.facts["ca_file"], self.facts["root_token"], address.split("://", 1)[1]
        read, login = f"{address}/v1/secret/data/ci/cargo", f"{address}/v1/auth/jwt/login"
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CARGO_HOME": str(self.folder)}
        with_token = env | {"VAULT_TOKEN": token}
        system_roots = env | {"SSL_CERT_FILE": self.bundle}
        token_config = self.config("token", address, f'ca-file = "{ca}"\nauth = {{ method = "token" }}')
        login_keys = f'role = "{self.facts["role"]}", audience = "{self.facts["audience"]}"'
        identity = f'identity = {{ file = "{self.facts["identity_file"]}" }}'
        jwt_config = self.config("jwt", address, f'auth = {{ method = "jwt", {login_keys}, {identity} }}')
        known, unknown = self.request(self.facts["index_url"]), self.request("sparse+https://unknown.example/index/")

        def our(config, request, environment, expected):
            environment = environment | {"CARGO_CREDENTIAL_BRIDGE_CONFIG": config}
            return Client([[str(self.ours), "--cargo-plugin"]], environment, request, expected)

        answer = f'"token":"{self.facts["secret"]}"'
        smallest = [[str(self.minimal), host, ca, "/v1/secret/data/ci/cargo"]]
        rows = {
            HELLO: {OURS: our(token_config, unknown, env, "url-not-supported")},
            PINNED: {OURS: our(token_config, known, with_token, answer), MINIMAL: Client(smallest, with_token)},
            LOGIN: {OURS: our(jwt_config, known, system_roots, answer), MINIMAL: Client(smallest, with_token)},
        }
        if self.gate:
            return rows
        jwt = pathlib.Path(self.facts["identity_file"]).read_text().strip()
        body = self.write("login.json", json.dumps({"role": self.facts["role"], "jwt": jwt}))
        get = ["-H", f"X-Vault-Token: {token}", read]
        curl = ["curl", "-q", "-sS", "--http1.1", "--fail", "--cacert"]
        rows[PINNED][CURL] = Client([[*curl, ca, *get]], env, expected=self.facts["secret"])
        both = [*curl, self.bundle, "--data", f"@{body}", login, "--next", *curl[2:], self.bundle, *get]
        rows[LOGIN][CURL] = Client([both], env, expected=self.facts["secret"])
        if self.vault:
            vault = with_token | {"VAULT_ADDR": address}
            kv_get = [str(self.vault), "kv", "get", "-mount=secret", "-field=token", "ci/cargo"]
            vault_login = [str(self.vault), "write", "-field=token", "auth/jwt/login", f"@{body}"]
            rows[PINNED][VAULT] = Client([kv_get], vault | {"VAULT_CACERT": ca}, expected=self.facts["secret"])
            rows[LOGIN][VAULT] = Client([vault_login, kv_get], vault | {"SSL_CERT_FILE": self.bundle})
        return rows

    def config(self, name, address, keys):
        source = '{ backend = "corp", path = "ci/cargo", field = "token" }'
        return self.write(
            f"{name}-{address.rsplit(':', 1)[1]}.toml",
            f'[backends.corp]\ntype = "vault"\naddress = "{address}"\n{keys}\n\n'
            f'[registries."{self.facts["index_url"]}"]\nsources = [{source}]\n',
        )

    def request(self, index_url):
        registry = {"index-url": index_url, "name": "corp"}
        request = {"v": 1, "registry": registry, "kind": "get", "operation": "read", "args": []}
        return self.write(f"request-{abs(hash(index_url))}.json", json.dumps(request) + "\n")

    def run(self, client, prefix=()):
        """One run; returns its CPU and wall time in seconds."""
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
        for name in (OURS, MINIMAL):
            if name not in clients:
                continue
            progress(f"instructions of {name}: {row}")
            counts = []
            for _ in range(3):
                bench.run(clients[name], prefix)
                collected = [line for line in log.read_text().splitlines() if "Collected :" in line]
                counts.append(sum(int(line.split()[-1]) for line in collected))
            clients[name].instructions = statistics.median(counts) / 1e6


def measure_connections(bench, rows, address):
    with Relay(address) as relay:
        for row, clients in bench.clients(relay.address).items():
            for name in rows[row]:
                relay.accepted = 0
                bench.run(clients[name])
                rows[row][name].connections = relay.accepted


class Relay:
    """Passes bytes between clients and the server, to count the connections that really arrive."""

    def __init__(self, address):
        host, port = address.split("://", 1)[1].rsplit(":", 1)
        self.server = (host, int(port))
        self.accepted = 0
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
            self.accepted += 1
            server = socket.create_connection(self.server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=pass_bytes, args=(source, sink), daemon=True).start()


def pass_bytes(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def crate_count():
    target = f"{platform.machine()}-unknown-linux-gnu"
    command = ["cargo", "tree", "--package", OURS, "--edges", "normal", "--target", target, "--prefix", "none"]
    tree = subprocess.check_output([*command, "--format", "{p}"], text=True)
    return len({line.removesuffix(" (*)") for line in tree.splitlines() if line})


def report(rows, facts, options):
    lines = ["# cargo-credential-bridge: speed", "", f"Machine: {machine(options)}.", ""]
    table, exceeded = budget_table(rows, facts)
    lines += ["## Budgets", "", *table, ""]
    lines += ["## Side by side", "", *client_table(rows), ""]
    if options.gate:
        lines += ["Counts only (`--gate`): no times, no curl, no vault.", ""]
    lines += [f"- binary: {facts['binary, MB']:.2f} MB stripped, {facts['crates']} crates"]
    lines += [f"- {note}" for note in facts["notes"]]
    lines += ["", "A budget is exceeded." if exceeded else "All budgets that were measured hold."]
    return lines, exceeded


def machine(options):
    model = platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    rustc = subprocess.check_output(["rustc", "--version"], text=True).strip()
    rounds = "" if options.gate else f", {options.rounds} interleaved rounds, {'cold' if options.cold else 'warm'}"
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, {rustc}{rounds}"


def budget_table(rows, facts):
    lines = ["| case | measure | measured | budget | |", "|---|---|---:|---:|---|"]
    exceeded = False
    for row, measure, limit in BUDGETS:
        value = measured(rows, facts, row, measure)
        if value is None:
            shown, verdict = "–", "not measured"
        else:
            unit = " M" if measure == "instructions" else "x" if measure.startswith("CPU") else ""
            shown = f"{value}" if isinstance(value, int) else f"{value:.2f}{unit}"
            verdict = "ok" if value <= limit else "OVER"
            exceeded = exceeded or value > limit
        lines.append(f"| {row} | {measure} | {shown} | {limit} | {verdict} |")
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
        "| case | client | CPU | to minimal | to curl | wall | to minimal | to curl | peak MiB | Minstr | connections |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row, clients in rows.items():
        for name, client in clients.items():
            cells = [row, name]
            for kind in ("cpu", "wall"):
                times = getattr(client, kind)
                cells.append(f"{statistics.median(times) * 1000:.2f} ms" if times else "–")
                for other in (MINIMAL, CURL):
                    cells.append(shown(ratio(times, getattr(clients.get(other), kind, None)), "x"))
            cells += [shown(client.memory), shown(client.instructions)]
            cells.append("–" if client.connections is None else str(client.connections))
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def shown(value, unit=""):
    return "–" if value is None else f"{value:.2f}{unit}"


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    try:
        code = main()
    except Failure as failure:
        code = f"ci/bench: {failure}"
    finally:
        progress("")
    sys.exit(code)
