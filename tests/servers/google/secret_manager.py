"""Secret Manager on Google's own messages, whatever way the request came.

`METHODS` has each method of the service with its messages; both transports look there.
"""

import dataclasses
import re
import time

import google_crc32c
from google.cloud.secretmanager_v1.types import resources, service

import iam
from refusals import Refused, reason

TITLE = "Secret Manager API"
MAX_PAYLOAD = 65536
_NAME = re.compile(
    r"projects/(?P<project>[^/]+)(/locations/(?P<location>[^/]+))?"
    r"(/secrets/(?P<secret>[^/]+)(/versions/(?P<version>[^/]+))?)?"
)
_STATE = resources.SecretVersion.State


@dataclasses.dataclass
class Version:
    number: int
    data: bytes
    created: float
    checksum_was_given: bool = False
    state: int = _STATE.ENABLED
    destroyed: float | None = None


@dataclasses.dataclass
class Secret:
    """A secret. `name` has the project's number, as everything has that Google answers."""

    name: str
    created: float
    versions: list = dataclasses.field(default_factory=list)
    labels: dict = dataclasses.field(default_factory=dict)
    annotations: dict = dataclasses.field(default_factory=dict)
    aliases: dict = dataclasses.field(default_factory=dict)

    def add(self, data, checksum_was_given=False):
        version = Version(len(self.versions) + 1, data, time.time(), checksum_was_given)
        self.versions.append(version)
        return version


class Asked:
    """A name in a request, taken apart: what it names need not exist."""

    def __init__(self, world, name):
        match = _NAME.fullmatch(name)
        if match is None:
            raise Refused("INVALID_ARGUMENT", f"Invalid resource field value in the request: [{name}].")
        self.text = name
        self.project_text, self.location = match["project"], match["location"]
        self.secret_id, self.version = match["secret"], match["version"]
        self.project = world.project(self.project_text)
        known = self.project.id if self.project else self.project_text
        self.key = known, self.location, self.secret_id

    def policies(self):
        """The resources whose policies count: the secret's own, and the project's."""
        if self.project is None:
            return []
        project = f"projects/{self.project.id}"
        return [project, f"{project}{self._place()}/secrets/{self.secret_id}"]

    def full(self):
        """As Google writes it in its answers."""
        number = self.project.number if self.project else self.project_text
        secret = f"/secrets/{self.secret_id}" if self.secret_id else ""
        return f"projects/{number}{self._place()}{secret}"

    def _place(self):
        return f"/locations/{self.location}" if self.location else ""


def call(world, method, request, headers):
    """Calls a method for whoever the headers say, and gives the answer's message."""
    kind = METHODS[method]
    asked = Asked(world, kind.name_of(request))
    full_method = f"google.cloud.secretmanager.v1.SecretManagerService.{method}"
    principal = iam.caller(world, headers, "secretmanager", full_method)
    iam.use_project(world, principal, headers, asked.project, "secretmanager", TITLE)
    permission = f"secretmanager.{kind.permission}"
    if not iam.may(world, principal, permission, *asked.policies()):
        raise Refused(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied for resource '{asked.text}' (or it may not exist).",
            reason("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission, resource=asked.text),
        )
    return kind.answer(world, asked, request)


def access(world, asked, _request):
    secret = find(world, asked)
    version = find_version(secret, asked)
    if version.state != _STATE.ENABLED:
        raise _wrong_state(secret, version)
    data, checksum = version.data, google_crc32c.value(version.data)
    if world.corrupt["data"] > 0:
        world.corrupt["data"] -= 1
        data = bytes([data[0] ^ 1]) + data[1:]
    if world.corrupt["checksum"] > 0:
        world.corrupt["checksum"] -= 1
        checksum ^= 1
    payload = resources.SecretPayload(data=data, data_crc32c=checksum)
    return service.AccessSecretVersionResponse(name=version_name(secret, version), payload=payload)


def get_version(world, asked, _request):
    secret = find(world, asked)
    return version_message(secret, find_version(secret, asked))


def list_versions(world, asked, request):
    secret = find(world, asked)
    wanted = [each for each in reversed(secret.versions) if _fits(each, request.filter)]
    page, next_page = _page(wanted, request)
    messages = [version_message(secret, each) for each in page]
    return service.ListSecretVersionsResponse(
        versions=messages, next_page_token=next_page, total_size=len(wanted)
    )


def add_version(world, asked, request):
    secret = find(world, asked)
    data = request.payload.data
    checksum_was_given = "data_crc32c" in request.payload
    if not data:
        raise Refused("INVALID_ARGUMENT", "Secret Payload cannot be empty.")
    if len(data) > MAX_PAYLOAD:
        limit = f"The secret payload size of [{len(data)}] bytes exceeds the limit of {MAX_PAYLOAD} bytes."
        raise Refused("INVALID_ARGUMENT", limit)
    if checksum_was_given and request.payload.data_crc32c != google_crc32c.value(data):
        raise Refused("INVALID_ARGUMENT", "The provided checksum does not match the data in the secret payload.")
    return version_message(secret, secret.add(data, checksum_was_given))


def change_state(state):
    def change(world, asked, _request):
        secret = find(world, asked)
        version = find_version(secret, asked)
        if version.state == _STATE.DESTROYED:
            raise _wrong_state(secret, version)
        set_state(version, state)
        return version_message(secret, version)

    return change


def get_secret(world, asked, _request):
    return secret_message(find(world, asked))


def list_secrets(world, asked, request):
    project, location, _ = asked.key
    found = [each for key, each in sorted(world.secrets.items(), key=str) if key[:2] == (project, location)]
    page, next_page = _page(found, request)
    secrets = [secret_message(each) for each in page]
    return service.ListSecretsResponse(secrets=secrets, next_page_token=next_page, total_size=len(found))


def create_secret(world, asked, request):
    key = (*asked.key[:2], request.secret_id)
    name = f"{asked.full()}/secrets/{request.secret_id}"
    if key in world.secrets:
        raise Refused("ALREADY_EXISTS", f"Secret [{name}] already exists.")
    made = world.secrets[key] = Secret(name, time.time())
    made.labels, made.annotations = dict(request.secret.labels), dict(request.secret.annotations)
    return secret_message(made)


def update_secret(world, asked, request):
    secret = find(world, asked)
    for path in request.update_mask.paths:
        field = {"labels": "labels", "annotations": "annotations", "version_aliases": "aliases"}.get(path)
        if field is None:
            raise Refused("INVALID_ARGUMENT", f"Invalid update mask path: [{path}].")
        setattr(secret, field, dict(getattr(request.secret, path)))
    return secret_message(secret)


def delete_secret(world, asked, _request):
    find(world, asked)
    del world.secrets[asked.key]
    return None


def find(world, asked):
    secret = world.secrets.get(asked.key)
    if secret is None:
        raise Refused("NOT_FOUND", f"Secret [{asked.full()}] not found or has no versions.")
    return secret


def find_version(secret, asked):
    number = len(secret.versions) if asked.version == "latest" else secret.aliases.get(asked.version, asked.version)
    if number == 0:
        raise Refused("NOT_FOUND", f"Secret [{secret.name}] not found or has no versions.")
    if not str(number).isdigit() or not 0 < int(number) <= len(secret.versions):
        raise Refused("NOT_FOUND", f"Secret Version [{secret.name}/versions/{asked.version}] not found.")
    return secret.versions[int(number) - 1]


def set_state(version, state):
    version.state = state
    if state == _STATE.DESTROYED:
        version.data, version.destroyed = b"", time.time()


def version_name(secret, version):
    return f"{secret.name}/versions/{version.number}"


def version_message(secret, version):
    automatic = resources.ReplicationStatus.AutomaticStatus()
    return resources.SecretVersion(
        name=version_name(secret, version),
        create_time=_time(version.created),
        destroy_time=_time(version.destroyed),
        state=version.state,
        replication_status=None if "/locations/" in secret.name else resources.ReplicationStatus(automatic=automatic),
        etag=f'"{int(version.created * 1e6):x}"',
        client_specified_payload_checksum=version.checksum_was_given,
    )


def secret_message(secret):
    automatic = resources.Replication.Automatic()
    return resources.Secret(
        name=secret.name,
        create_time=_time(secret.created),
        replication=None if "/locations/" in secret.name else resources.Replication(automatic=automatic),
        labels=secret.labels,
        annotations=secret.annotations,
        version_aliases=secret.aliases,
        etag=f'"{int(secret.created * 1e6):x}"',
    )


def _time(seconds):
    return None if seconds is None else {"seconds": int(seconds), "nanos": int(seconds % 1 * 1e6) * 1000}


def _wrong_state(secret, version):
    state = _STATE(version.state).name
    return Refused("FAILED_PRECONDITION", f"Secret Version [{version_name(secret, version)}] is in {state} state.")


def _fits(version, filtering):
    if not filtering:
        return True
    match = re.fullmatch(r"state\s*[:=]\s*(\w+)", filtering, re.IGNORECASE)
    if match is None:
        raise Refused("INVALID_ARGUMENT", f"Invalid filter: [{filtering}].")
    return _STATE(version.state).name == match[1].upper()


def _page(found, request):
    start = int(request.page_token or 0)
    end = start + (request.page_size or 25000)
    return found[start:end], str(end) if end < len(found) else ""


@dataclasses.dataclass(frozen=True)
class Method:
    request: type
    # Nothing for `google.protobuf.Empty`.
    response: type | None
    permission: str
    # The field with the name that the permission is for.
    name: str
    answer: object

    def name_of(self, request):
        return request.secret.name if self.name == "secret.name" else getattr(request, self.name)


_VERSION = resources.SecretVersion

METHODS = {
    "AccessSecretVersion": Method(
        service.AccessSecretVersionRequest, service.AccessSecretVersionResponse, "versions.access", "name", access
    ),
    "AddSecretVersion": Method(service.AddSecretVersionRequest, _VERSION, "versions.add", "parent", add_version),
    "GetSecretVersion": Method(service.GetSecretVersionRequest, _VERSION, "versions.get", "name", get_version),
    "ListSecretVersions": Method(
        service.ListSecretVersionsRequest, service.ListSecretVersionsResponse, "versions.list", "parent", list_versions
    ),
    "EnableSecretVersion": Method(
        service.EnableSecretVersionRequest, _VERSION, "versions.enable", "name", change_state(_STATE.ENABLED)
    ),
    "DisableSecretVersion": Method(
        service.DisableSecretVersionRequest, _VERSION, "versions.disable", "name", change_state(_STATE.DISABLED)
    ),
    "DestroySecretVersion": Method(
        service.DestroySecretVersionRequest, _VERSION, "versions.destroy", "name", change_state(_STATE.DESTROYED)
    ),
    "GetSecret": Method(service.GetSecretRequest, resources.Secret, "secrets.get", "name", get_secret),
    "ListSecrets": Method(
        service.ListSecretsRequest, service.ListSecretsResponse, "secrets.list", "parent", list_secrets
    ),
    "CreateSecret": Method(service.CreateSecretRequest, resources.Secret, "secrets.create", "parent", create_secret),
    "UpdateSecret": Method(
        service.UpdateSecretRequest, resources.Secret, "secrets.update", "secret.name", update_secret
    ),
    "DeleteSecret": Method(service.DeleteSecretRequest, None, "secrets.delete", "name", delete_secret),
}
