"""Who may do what: bearer tokens, roles, and the members of policies."""

import time

from google.rpc import error_details_pb2

import jwt
from refusals import Refused, link, reason

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
IAM_SCOPE = "https://www.googleapis.com/auth/iam"

_SECRET_VIEWER = {"secrets.get", "secrets.list", "versions.get", "versions.list"}
_VERSION_STATES = {"versions.add", "versions.enable", "versions.disable", "versions.destroy"}
_ACCOUNT_USER = {"getAccessToken", "getOpenIdToken"}

ROLES = {
    "roles/secretmanager.secretAccessor": {"secretmanager.versions.access"},
    "roles/secretmanager.viewer": {f"secretmanager.{each}" for each in _SECRET_VIEWER},
    "roles/secretmanager.secretVersionAdder": {"secretmanager.versions.add"},
    "roles/secretmanager.secretVersionManager": {
        f"secretmanager.{each}" for each in _VERSION_STATES | {"versions.get", "versions.list"}
    },
    "roles/secretmanager.admin": {
        f"secretmanager.{each}"
        for each in _SECRET_VIEWER | _VERSION_STATES
        | {"versions.access", "secrets.create", "secrets.update", "secrets.delete"}
    },
    "roles/iam.workloadIdentityUser": {f"iam.serviceAccounts.{each}" for each in _ACCOUNT_USER},
    "roles/iam.serviceAccountTokenCreator": {
        f"iam.serviceAccounts.{each}" for each in _ACCOUNT_USER | {"implicitDelegation", "signBlob", "signJwt"}
    },
    "roles/iam.serviceAccountOpenIdTokenCreator": {"iam.serviceAccounts.getOpenIdToken"},
    "roles/iam.serviceAccountViewer": {"iam.serviceAccounts.get"},
    "roles/compute.viewer": {"compute.instances.get"},
    "roles/serviceusage.serviceUsageConsumer": {"serviceusage.services.use"},
}

_NO_CREDENTIALS = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_BAD_CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def caller(world, headers, service, method, scopes=(CLOUD_PLATFORM,)):
    """Whose the bearer token is. `service` is the host's first label, `scopes` those of which one is enough."""
    where = {"service": f"{service}.googleapis.com", "method": method}
    kind, _, text = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise Refused("UNAUTHENTICATED", _NO_CREDENTIALS, reason("CREDENTIALS_MISSING", "googleapis.com", **where))
    known = world.tokens.get(text) or _self_signed(world, text, service)
    if known is None:
        unknown = reason("ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", **where)
        raise Refused("UNAUTHENTICATED", _BAD_CREDENTIALS, unknown)
    if known.expires <= time.time():
        raise Refused("UNAUTHENTICATED", _BAD_CREDENTIALS, reason("ACCESS_TOKEN_EXPIRED", "googleapis.com", **where))
    if known.principal.email in world.accounts and world.accounts[known.principal.email].disabled:
        gone = reason("ACCOUNT_STATE_INVALID", "googleapis.com", email=known.principal.email, **where)
        raise Refused("UNAUTHENTICATED", _BAD_CREDENTIALS, gone)
    if known.scopes.isdisjoint(scopes):
        too_little = reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", **where)
        raise Refused("PERMISSION_DENIED", "Request had insufficient authentication scopes.", too_little)
    return known.principal


def _self_signed(world, text, service):
    """A JWT that a service account signed itself in place of an access token (https://google.aip.dev/auth/4111)."""
    from world import Token

    try:
        token = jwt.Token.parse(text)
    except jwt.BadToken:
        return None
    claims = token.claims
    account = world.accounts.get(claims.get("iss"))
    key = account and account.keys.get(token.header.get("kid"))
    if key is None or claims.get("sub") != account.email or _too_long(claims):
        return None
    try:
        token.verify(key.private.public_key())
    except jwt.BadSignature:
        return None
    scopes = claims.get("scope", "").split()
    if not scopes:
        # One or the other: a scope, or the service that it is for.
        if claims.get("aud", "").rstrip("/") != f"https://{service}.{world.universe}":
            return None
        scopes = [CLOUD_PLATFORM]
    return Token(account.principal(), frozenset(scopes), claims["exp"])


def _too_long(claims):
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        return True
    return expires - issued > 3600 or issued > time.time() + 300


def may(world, principal, permission, *resources):
    """Whether a policy of one of the resources (its own, or that of what it is in) has a role with that permission."""
    members = {*principal.members, "allUsers", "allAuthenticatedUsers"}
    return any(
        resource in resources and member in members and permission in ROLES.get(role, ())
        for resource, role, member in world.bindings
    )


def use_project(world, principal, headers, resource_project, service, title):
    """Checks the project that pays for the request, and that the service is on in it."""
    host = f"{service}.googleapis.com"
    quota = headers.get("x-goog-user-project")
    project = resource_project
    if quota:
        project = world.project(quota)
        permission = "serviceusage.services.use"
        if project is None or not may(world, principal, permission, f"projects/{project.id}"):
            raise _project_denied(quota, host)
    if project is not None and host in project.disabled:
        raise _service_disabled(project, host, title)


def _project_denied(quota, host):
    page = f"https://console.developers.google.com/iam-admin/iam/project?project={quota}"
    return Refused(
        "PERMISSION_DENIED",
        f"Caller does not have required permission to use project {quota}. Grant the caller the"
        " roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use"
        f" permission, by visiting {page} and then retry. Propagation of the new permission may take a few minutes.",
        link("Google developer console IAM admin", page),
        reason("USER_PROJECT_DENIED", "googleapis.com", service=host, consumer=f"projects/{quota}"),
    )


def _service_disabled(project, host, title):
    page = f"https://console.developers.google.com/apis/api/{host}/overview?project={project.number}"
    consumer = f"projects/{project.number}"
    message = (
        f"{title} has not been used in project {project.number} before or it is disabled. Enable it by visiting {page}"
        " then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems"
        " and retry."
    )
    return Refused(
        "PERMISSION_DENIED",
        message,
        reason(
            "SERVICE_DISABLED",
            "googleapis.com",
            service=host,
            serviceTitle=title,
            consumer=consumer,
            containerInfo=project.number,
            activationUrl=page,
        ),
        error_details_pb2.LocalizedMessage(locale="en-US", message=message),
        link("Google developers console API activation", page),
    )
