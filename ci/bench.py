"""Measures cargo-credential-bridge beside other clients of local TLS servers. Run it by `ci/bench`.

Every client does the same job in interleaved rounds, so that what else the machine does falls on all of them; the run
that is measured follows one of the same client, so that caches are warm for all (`--cold`: for none). CPU is user and
system time of the whole process as the kernel counts it, wall is from start to end, both as medians; memory is the peak
of the resident set; instructions are callgrind's. Budgets are ratios and counts, never times.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import platform
import random
import select
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

HELLO = "hello and an unknown registry"
PINNED = "Vault read, pinned CA"
LOGIN = "Vault login and read, system roots"
AWS_READ = "AWS read, system roots"
AWS_LOGIN = "AWS web identity and read, system roots"
GOOGLE = "Google federation and read, system roots"
# As it is at Google, where each service has a host: a second handshake, which the row above leaves out, so that it can
# be compared with the others.
GOOGLE_HOSTS = "Google federation and read, STS on its own host"

ONE_HOST = (
    "Google: STS and Secret Manager share a host in one row, as login and store do in the others, and have one each in "
    "the other row, as they have at Google; a second TLS handshake is the difference"
)

OURS, MINIMAL, CURL = "cargo-credential-bridge", "minimal-client", "curl"
VAULT, AWS, GCLOUD = "vault", "aws", "gcloud"

# The command lines that may be missing, and where they come from.
OPTIONAL = {
    VAULT: "`ci/install vault` builds it",
    AWS: "`ci/install awscli` installs it",
    GCLOUD: "no registry has it; Google's packages: https://cloud.google.com/sdk/docs/install",
}

# What the rows without Google cost, in millions of instructions, before Google was built in. They differ a little from
# one machine to the other, so this is said and is no budget.
BEFORE_GOOGLE = {HELLO: 0.61, PINNED: 3.52, LOGIN: 6.47, AWS_READ: 7.35, AWS_LOGIN: 8.31}
MAY_GROW = 1.02

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
    vault_command = shlex.split(options.server) if options.server else [str(target / "debug" / "loopback-vault")]
    aws_command = [str(target / "debug" / "loopback-aws")]
    google_command = [str(target / "debug" / "loopback-google"), "--two-origins"]
    notes = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Server(vault_command, VAULT_FACTS) as vault,
        Server(aws_command, AWS_FACTS) as aws,
        Server(google_command, GOOGLE_FACTS) as google,
    ):
        size = os.stat(ours).st_size
        ours, minimal = (installed(binary, pathlib.Path(folder)) for binary in (ours, minimal))
        bench = Bench(pathlib.Path(folder), vault.facts, aws.facts, google.facts, ours, minimal, options, notes)
        # Where everything is: Vault, AWS, Secret Manager, STS.
        addresses = [server.facts["address"] for server in (vault, aws, google)] + [google.facts["sts_address"]]
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
        if not options.gate:
            measure_times(bench, rows, options.rounds, options.cold)
        measure_memory(bench, rows)
        measure_instructions(bench, rows)
        measure_connections(bench, rows, addresses)
    facts = {"binary, MB": size / 1e6, "crates": crate_count(), "notes": notes}
    lines, exceeded = report(rows, facts, options)
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    (options.output or target / "bench.md").write_text(text)
    return 1 if exceeded else 0



def installed(binary, folder):
    """A copy, as `cargo install` makes it: what the linker has just written lies in many small pieces of memory, and
    each costs the process a fault."""
    return pathlib.Path(shutil.copy2(binary, folder))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds that count (default 40)")
    parser.add_argument("--cold", action="store_true", help="measure each client right after another one, caches cold")
    parser.add_argument("--gate", action="store_true", help="instructions, connections, memory and size only")
    parser.add_argument("--output", type=pathlib.Path, help="the report (default target/bench.md)")
    parser.add_argument("--vault", type=pathlib.Path, help="Vault's command line")
    parser.add_argument("--aws", type=pathlib.Path, help="AWS's command line")
    parser.add_argument("--gcloud", type=pathlib.Path, help="Google's command line")
    parser.add_argument("--ours", type=pathlib.Path, help="another build of cargo-credential-bridge")
    parser.add_argument("--minimal", type=pathlib.Path, help="another build of minimal-client")
    parser.add_argument("--server", help="another server in place of Vault's: a command that prints loopback-vault's line of JSON")
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


class Bench:
    """The clients of each row, for a server at a given address, and the way to run one of them."""

    def __init__(self, folder, facts, aws_facts, google_facts, ours, minimal, options, notes):
        self.folder, self.facts, self.aws_facts, self.google_facts = folder, facts, aws_facts, google_facts
        self.ours, self.minimal = ours, minimal
        self.output = folder / "output"
        self.gate = options.gate
        self.bundle = self.make_bundle()
        self.tools = {}
        if self.gate:
            return
        for name, path in ((VAULT, options.vault), (AWS, options.aws), (GCLOUD, options.gcloud)):
            if path and os.access(path, os.X_OK):
                self.tools[name] = str(path)
            else:
                notes.append(f"{name}: **not measured**, its command line is not there ({OPTIONAL[name]})")

    def make_bundle(self):
        system = next((path for path in BUNDLES if os.path.exists(path)), None)
        if system is None:
            raise Failure("this machine has no bundle of CA certificates\nhelp: apt-get install ca-certificates")
        files = (system, *(facts["ca_file"] for facts in (self.facts, self.aws_facts, self.google_facts)))
        return self.write("bundle.pem", "".join(pathlib.Path(file).read_text() for file in files))

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def clients(self, vault, aws, google, sts):
        """The rows with their clients, for servers at these addresses."""
        rows = self.vault_clients(vault) | self.aws_clients(aws)
        return rows | {GOOGLE: self.google_clients(google, google), GOOGLE_HOSTS: self.google_clients(google, sts)}

    def our(self, config, request, environment, expected):
        environment = environment | {"CARGO_CREDENTIAL_BRIDGE_CONFIG": config}
        return Client([[str(self.ours), "--cargo-plugin"]], environment, request, expected)

    def environment(self):
        # No client asks an address where a cloud's metadata service may answer.
        home = {"HOME": str(self.folder), "CARGO_HOME": str(self.folder)}
        return {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"} | home

    def vault_clients(self, address):
        ca, token, host = self.facts["ca_file"], self.facts["root_token"], address.split("://", 1)[1]
        read, login = f"{address}/v1/secret/data/ci/cargo", f"{address}/v1/auth/jwt/login"
        env = self.environment()
        with_token = env | {"VAULT_TOKEN": token}
        system_roots = env | {"SSL_CERT_FILE": self.bundle}
        token_config = self.config("token", address, f'ca-file = "{ca}"\nauth = {{ method = "token" }}')
        login_keys = f'role = "{self.facts["role"]}", audience = "{self.facts["audience"]}"'
        identity = f'identity = {{ file = "{self.facts["identity_file"]}" }}'
        jwt_config = self.config("jwt", address, f'auth = {{ method = "jwt", {login_keys}, {identity} }}')
        known, unknown = self.request(self.facts["index_url"]), self.request("sparse+https://unknown.example/index/")

        answer = f'"token":"{self.facts["secret"]}"'
        smallest = [[str(self.minimal), host, ca, "/v1/secret/data/ci/cargo"]]
        rows = {
            HELLO: {OURS: self.our(token_config, unknown, env, "url-not-supported")},
            PINNED: {OURS: self.our(token_config, known, with_token, answer), MINIMAL: Client(smallest, with_token)},
            LOGIN: {OURS: self.our(jwt_config, known, system_roots, answer), MINIMAL: Client(smallest, with_token)},
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
        if VAULT in self.tools:
            vault = with_token | {"VAULT_ADDR": address}
            kv_get = [self.tools[VAULT], "kv", "get", "-mount=secret", "-field=token", "ci/cargo"]
            vault_login = [self.tools[VAULT], "write", "-field=token", "auth/jwt/login", f"@{body}"]
            rows[PINNED][VAULT] = Client([kv_get], vault | {"VAULT_CACERT": ca}, expected=self.facts["secret"])
            rows[LOGIN][VAULT] = Client([vault_login, kv_get], vault | {"SSL_CERT_FILE": self.bundle})
        return rows

    def aws_clients(self, address):
        facts, host = self.aws_facts, address.split("://", 1)[1]
        env = self.environment() | {"AWS_ENDPOINT_URL": address}
        # The first name is every SDK's, the second that of the command line's first version.
        env |= {"AWS_REGION": facts["region"], "AWS_DEFAULT_REGION": facts["region"]}
        keys = {"AWS_ACCESS_KEY_ID": facts["access_key_id"], "AWS_SECRET_ACCESS_KEY": facts["secret_access_key"]}
        system_roots = env | {"SSL_CERT_FILE": self.bundle}
        source = f'secret = "{facts["secret_id"]}", field = "{facts["field"]}"'
        identity = f'identity = {{ file = "{facts["identity_file"]}" }}'
        web_identity = f'auth = {{ method = "web-identity", role-arn = "{facts["role_arn"]}", {identity} }}'
        request, answer = self.request(facts["index_url"]), f'"token":"{facts["secret"]}"'
        smallest = [[str(self.minimal), host, facts["ca_file"], "/minimal"]]
        # The smallest client wants a token in any case.
        smallest = Client(smallest, env | {"VAULT_TOKEN": "none"})
        port = address.rsplit(":", 1)[1]
        by_keys = self.write_config(f"aws-{port}", "aws", "", source)
        by_token = self.write_config(f"aws-token-{port}", "aws", web_identity, source)
        rows = {
            AWS_READ: {OURS: self.our(by_keys, request, system_roots | keys, answer), MINIMAL: smallest},
            AWS_LOGIN: {OURS: self.our(by_token, request, system_roots, answer), MINIMAL: Client(smallest.commands, smallest.env)},
        }
        if self.gate:
            return rows
        body = self.write("get-secret-value.json", json.dumps({"SecretId": facts["secret_id"]}))
        user = self.write("user.curl", f'user = "{facts["access_key_id"]}:{facts["secret_access_key"]}"\n')
        sign = ["--aws-sigv4", f"aws:amz:{facts['region']}:secretsmanager", "--config", user]
        target = ["-H", "X-Amz-Target: secretsmanager.GetSecretValue", "-H", "Content-Type: application/x-amz-json-1.1"]
        options = ["-sS", "--http1.1", "--fail", "--cacert", self.bundle]
        read = [*options, *sign, *target, "--data", f"@{body}", address]
        token = pathlib.Path(facts["identity_file"]).read_text().strip()
        form = {
            "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": facts["role_arn"],
            "RoleSessionName": "curl", "WebIdentityToken": token,
        }  # fmt: skip
        trade = self.write("trade.form", urllib.parse.urlencode(form))
        both = ["curl", "-q", *options, "--data", f"@{trade}", address, "--next", *read]
        rows[AWS_READ][CURL] = Client([["curl", "-q", *read]], env, expected=facts["secret"])
        rows[AWS_LOGIN][CURL] = Client([both], env, expected=facts["secret"])
        if AWS in self.tools:
            command = [self.tools[AWS], "secretsmanager", "get-secret-value", "--secret-id", facts["secret_id"]]
            command += ["--query", "SecretString", "--output", "text"]
            aws = env | {"AWS_CA_BUNDLE": self.bundle}
            by_file = {"AWS_ROLE_ARN": facts["role_arn"], "AWS_WEB_IDENTITY_TOKEN_FILE": facts["identity_file"]}
            rows[AWS_READ][AWS] = Client([command], aws | keys, expected=facts["secret"])
            rows[AWS_LOGIN][AWS] = Client([command], aws | by_file, expected=facts["secret"])
        return rows

    def google_clients(self, address, sts):
        facts, env = self.google_facts, self.environment()
        request, answer = self.request(facts["index_url"]), f'"token":"{facts["secret"]}"'
        token = pathlib.Path(facts["identity_file"]).read_text().strip()
        identity = f'provider = "{facts["provider"]}", identity = {{ env = "GCP_ID_TOKEN" }}, sts-endpoint = "{sts}"'
        keys = f'endpoint = "{address}"\nauth = {{ method = "workload-identity", {identity} }}'
        source = f'project = "{facts["project"]}", secret = "{facts["secret_id"]}", field = "{facts["field"]}"'
        config = self.write_config(f"google-{address.rsplit(':', 1)[1]}-{sts.rsplit(':', 1)[1]}", "gcp", keys, source)
        system_roots = env | {"SSL_CERT_FILE": self.bundle, "GCP_ID_TOKEN": token}
        smallest = [[str(self.minimal), address.split("://", 1)[1], facts["ca_file"], "/minimal"]]
        # The smallest client wants a token in any case.
        row = {
            OURS: self.our(config, request, system_roots, answer),
            MINIMAL: Client(smallest, env | {"VAULT_TOKEN": "none"}),
        }
        if self.gate:
            return row
        audience = f"//iam.googleapis.com/{facts['provider']}"
        types = "urn:ietf:params:oauth:token-type"
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": audience,
            "scope": "https://www.googleapis.com/auth/cloud-platform", "requested_token_type": f"{types}:access_token",
            "subject_token": token, "subject_token_type": f"{types}:jwt",
        }  # fmt: skip
        form = self.write("exchange.form", urllib.parse.urlencode(form))
        name = f"projects/{facts['project']}/secrets/{facts['secret_id']}/versions/latest"
        bearer = self.write("bearer.curl", f'header = "Authorization: Bearer {facts["access_token"]}"\n')
        curl = ["-sS", "--http1.1", "--fail", "--cacert", self.bundle]
        read = [*curl, "--config", bearer, f"{address}/v1/{name}:access"]
        both = ["curl", "-q", *curl, "--data", f"@{form}", f"{sts}/v1/token", "--next", *read]
        # Secret Manager answers in base64.
        payload = json.dumps({facts["field"]: facts["secret"]}, separators=(",", ":"))
        row[CURL] = Client([both], env, expected=base64.b64encode(payload.encode()).decode())
        if GCLOUD in self.tools:
            account = {
                "type": "external_account", "universe_domain": "googleapis.com", "audience": audience,
                "subject_token_type": f"{types}:jwt", "credential_source": {"file": facts["identity_file"]},
                "token_url": f"{sts}/v1/token", "token_info_url": f"{sts}/v1/introspect",
            }  # fmt: skip
            file = self.write(f"account-{sts.rsplit(':', 1)[1]}.json", json.dumps(account))
            gcloud = env | {
                "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"{address}/",
                "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": file,
                "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": self.bundle,
                "CLOUDSDK_CORE_PROJECT": facts["project"],
                "CLOUDSDK_CORE_CHECK_GCE_METADATA": "0",
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
                "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            }
            command = [self.tools[GCLOUD], "secrets", "versions", "access", "latest", f"--secret={facts['secret_id']}"]
            row[GCLOUD] = Client([command], gcloud, expected=facts["secret"])
        return row

    def config(self, name, address, keys):
        keys = f'address = "{address}"\n{keys}'
        return self.write_config(f"{name}-{address.rsplit(':', 1)[1]}", "vault", keys, 'path = "ci/cargo", field = "token"')

    def write_config(self, name, kind, keys, source):
        return self.write(
            f"{name}.toml",
            f'[backends.corp]\ntype = "{kind}"\n{keys}\n\n'
            f'[registries."{self.facts["index_url"]}"]\nsources = [{{ backend = "corp", {source} }}]\n',
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


def measure_connections(bench, rows, addresses):
    with contextlib.ExitStack() as stack:
        relays = [stack.enter_context(Relay(address)) for address in addresses]
        for row, clients in bench.clients(*(relay.address for relay in relays)).items():
            for name in rows[row]:
                for relay in relays:
                    relay.accepted = 0
                bench.run(clients[name])
                rows[row][name].connections = sum(relay.accepted for relay in relays)


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
    lines += ["## What Google costs those who do not ask it", "", *growth_table(rows), ""]
    lines += ["## Side by side", "", *client_table(rows), ""]
    if options.gate:
        lines += ["Counts only (`--gate`): no times, no curl, no vault, no aws, no gcloud.", ""]
    lines += [f"- binary: {facts['binary, MB']:.2f} MB stripped, {facts['crates']} crates"]
    lines += [f"- {note}" for note in (ONE_HOST, *facts["notes"])]
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
    return f"{model}, {os.cpu_count()} cores, Linux, {rustc}{rounds}"


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


def growth_table(rows):
    lines = ["| case | before | now | growth | |", "|---|---:|---:|---:|---|"]
    for row, before in BEFORE_GOOGLE.items():
        now = rows[row][OURS].instructions
        verdict = "ok" if now <= before * MAY_GROW else f"more than {MAY_GROW - 1:.0%}"
        lines.append(f"| {row} | {before:.2f} M | {now:.2f} M | {now / before - 1:+.1%} | {verdict} |")
    return lines


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
