"""What there is in this Google: projects, accounts, keys, pools, secrets, tokens and bindings. The services work on it.

Everything is under one lock, `World.lock`, which whoever serves a request holds: it is a double, not a data center.
"""

import dataclasses
import random
import threading
import time

import authority
import jwt

UNIVERSE = "googleapis.com"


@dataclasses.dataclass
class Project:
    id: str
    number: str
    # Services that are off: `secretmanager.googleapis.com`.
    disabled: set = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class ServiceAccount:
    email: str
    project: Project
    unique_id: str
    # The keys that people were given, and the one that Google signs with for this account.
    keys: dict = dataclasses.field(default_factory=dict)
    own_key: jwt.Key | None = None
    disabled: bool = False

    def system_key(self):
        if self.own_key is None:
            self.own_key = jwt.Key.rsa()
        return self.own_key

    def principal(self):
        return Principal(self.email, (f"serviceAccount:{self.email}",), self.email)


@dataclasses.dataclass
class User:
    email: str
    client_id: str
    client_secret: str
    refresh_token: str
    # As a policy would name them: of a user of a workforce pool it is `principal://…`.
    member: str
    revoked: bool = False


@dataclasses.dataclass(frozen=True)
class Principal:
    """Who calls: how messages name them, every member of a policy that they are, and their email if they have one."""

    name: str
    members: tuple
    email: str | None = None


@dataclasses.dataclass
class Provider:
    """A provider of a workload identity pool, of OpenID Connect or of AWS."""

    name: str
    issuer: str | None
    jwks: dict
    audiences: list
    mapping: dict
    # Pairs of a claim and its value; all must be so.
    condition: list
    aws_account: str | None
    disabled: bool = False

    @property
    def pool(self):
        return self.name.partition("/providers/")[0]


@dataclasses.dataclass
class AwsKeys:
    secret: str
    session: str | None
    account: str
    arn: str
    user_id: str


@dataclasses.dataclass
class Token:
    principal: Principal
    scopes: frozenset
    expires: float


@dataclasses.dataclass
class Answer:
    """An answer that somebody wants instead of the next ones whose path ends so."""

    path: str
    status: int
    body: bytes
    headers: dict
    times: int


class World:
    def __init__(self):
        self.lock = threading.RLock()
        self.url = ""
        self.authority = authority.Authority()
        self.universe = UNIVERSE
        self.projects = {}
        self.accounts = {}
        self.users = {}
        self.issuers = {}
        self.providers = {}
        self.aws_keys = {}
        # (project id, location or None, secret id): secret_manager.Secret
        self.secrets = {}
        # (resource, role, member)
        self.bindings = set()
        self.tokens = {}
        self.token_lifetime = 3599
        # What signs the identity tokens of machines.
        self.google_key = None
        # The metadata server's service account, its scopes, and AWS's role with its keys.
        self.attached = None
        self.machine_project = None
        self.instance = None
        self.corrupt = {"checksum": 0, "data": 0}
        self.answers = []
        self.pages = {}
        self.requests = []

    def project(self, name):
        """The project of that id or number, or nothing."""
        return self.projects.get(name) or next((each for each in self.projects.values() if each.number == name), None)

    def make_project(self, project_id, number=None):
        if (known := self.project(project_id)) is not None:
            return known
        made = Project(project_id, number or str(100000000001 + len(self.projects)))
        self.projects[project_id] = made
        return made

    def make_account(self, email):
        if email not in self.accounts:
            project = self.make_project(email.partition("@")[2].partition(".")[0])
            self.accounts[email] = ServiceAccount(email, project, str(random.randrange(10**20, 10**21)))
        return self.accounts[email]

    def account(self, name):
        """The service account of that email or id, or nothing."""
        return self.accounts.get(name) or next((each for each in self.accounts.values() if each.unique_id == name), None)

    def issue(self, principal, scopes, lifetime=None):
        """A bearer token, and the seconds that it is good for."""
        lifetime = self.token_lifetime if lifetime is None else lifetime
        token = "ya29.c." + jwt.random_text(120)
        self.tokens[token] = Token(principal, frozenset(scopes), time.time() + lifetime)
        return token, lifetime

    def key_of_google(self):
        if self.google_key is None:
            self.google_key = jwt.Key.rsa()
        return self.google_key
