"""The rows of ci/bench: which job is done in each, and how each client is told to do it."""

import base64
import json
import os
import pathlib
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

OURS, CURL = "cargo-credential-bridge", "curl"
# The smallest client as Cargo builds it, for which the budgets were set, and in the way that a release is built.
MINIMAL, MINIMAL_STATIC = "minimal-client", "minimal-client, static"
VAULT, AWS, GCLOUD = "vault", "aws", "gcloud"
# Reads the secret by Google's own crates: ci/official-google.
OFFICIAL = "official-google"

# So many authorities are in the bundle of each machine that measures: as many as Debian has.
AUTHORITIES = 144
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
    requests: int = None


class Failure(Exception):
    """Something that the person at the terminal must hear, without a traceback."""


class Rows:
    """The clients of each row, for servers at given addresses: `tools` has the paths of those that there are."""

    def __init__(self, folder, facts, aws_facts, google_facts, tools):
        self.folder, self.facts, self.aws_facts, self.google_facts = folder, facts, aws_facts, google_facts
        self.tools = tools
        self.bundle = self.make_bundle()

    def make_bundle(self):
        system = next((path for path in BUNDLES if os.path.exists(path)), None)
        if system is None:
            raise Failure("this machine has no bundle of CA certificates\nhelp: apt-get install ca-certificates")
        end = "-----END CERTIFICATE-----\n"
        found = pathlib.Path(system).read_text().split(end)[:-1]
        # One that has fewer is gone through again.
        authorities = [found[number % len(found)] + end for number in range(AUTHORITIES)]
        own = [pathlib.Path(facts["ca_file"]).read_text() for facts in (self.facts, self.aws_facts, self.google_facts)]
        return self.write("bundle.pem", "".join(authorities + own))

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def clients(self, vault, aws, google, sts):
        """The rows with their clients, for servers at these addresses."""
        rows = self.vault_clients(vault) | self.aws_clients(aws)
        rows |= {GOOGLE: self.google_clients(google, google), GOOGLE_HOSTS: self.google_clients(google, sts)}
        return {row: {name: client for name, client in clients.items() if name in self.tools} for row, clients in rows.items()}

    def our(self, config, request, environment, expected):
        environment = environment | {"CARGO_CREDENTIAL_BRIDGE_CONFIG": config}
        return Client([[self.tools[OURS], "--cargo-plugin"]], environment, request, expected)

    def smallest(self, address, ca_file, path, environment):
        """One GET, with as little as can be around it. It wants a token in any case."""
        arguments = [address.split("://", 1)[1], ca_file, path]
        environment = {"VAULT_TOKEN": "none"} | environment
        names = (MINIMAL, MINIMAL_STATIC)
        return {name: Client([[self.tools.get(name, name), *arguments]], environment) for name in names}

    def environment(self):
        # No client asks an address where a cloud's metadata service may answer.
        home = {"HOME": str(self.folder), "CARGO_HOME": str(self.folder)}
        return {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"} | home

    def vault_clients(self, address):
        ca, token = self.facts["ca_file"], self.facts["root_token"]
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
        path = "/v1/secret/data/ci/cargo"
        rows = {
            HELLO: {OURS: self.our(token_config, unknown, env, "url-not-supported")},
            PINNED: {OURS: self.our(token_config, known, with_token, answer), **self.smallest(address, ca, path, with_token)},
            LOGIN: {OURS: self.our(jwt_config, known, system_roots, answer), **self.smallest(address, ca, path, with_token)},
        }
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
        facts = self.aws_facts
        env = self.environment() | {"AWS_ENDPOINT_URL": address}
        # The first name is every SDK's, the second that of the command line's first version.
        env |= {"AWS_REGION": facts["region"], "AWS_DEFAULT_REGION": facts["region"]}
        keys = {"AWS_ACCESS_KEY_ID": facts["access_key_id"], "AWS_SECRET_ACCESS_KEY": facts["secret_access_key"]}
        system_roots = env | {"SSL_CERT_FILE": self.bundle}
        source = f'secret = "{facts["secret_id"]}", field = "{facts["field"]}"'
        identity = f'identity = {{ file = "{facts["identity_file"]}" }}'
        web_identity = f'auth = {{ method = "web-identity", role-arn = "{facts["role_arn"]}", {identity} }}'
        request, answer = self.request(facts["index_url"]), f'"token":"{facts["secret"]}"'
        port = address.rsplit(":", 1)[1]
        by_keys = self.write_config(f"aws-{port}", "aws", "", source)
        by_token = self.write_config(f"aws-token-{port}", "aws", web_identity, source)
        rows = {
            AWS_READ: {OURS: self.our(by_keys, request, system_roots | keys, answer)},
            AWS_LOGIN: {OURS: self.our(by_token, request, system_roots, answer)},
        }
        for clients in rows.values():
            clients |= self.smallest(address, facts["ca_file"], "/minimal", env)
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
        row = {
            OURS: self.our(config, request, system_roots, answer),
            **self.smallest(address, facts["ca_file"], "/minimal", env),
        }
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
        account = {
            "type": "external_account", "universe_domain": "googleapis.com", "audience": audience,
            "subject_token_type": f"{types}:jwt", "credential_source": {"file": facts["identity_file"]},
            "token_url": f"{sts}/v1/token", "token_info_url": f"{sts}/v1/introspect",
        }  # fmt: skip
        file = self.write(f"account-{sts.rsplit(':', 1)[1]}.json", json.dumps(account))
        if OFFICIAL in self.tools:
            command = [self.tools[OFFICIAL], address, name, file]
            row[OFFICIAL] = Client([command], env | {"SSL_CERT_FILE": self.bundle}, expected=facts["secret"])
        if GCLOUD in self.tools:
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
