"""IAM's credentials: tokens and signatures of a service account for whoever may act as it."""

import base64
import datetime
import json
import re
import urllib.parse

import iam
import oauth
from refusals import Refused, reason

_PATH = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):(generateAccessToken|generateIdToken|signBlob|signJwt)")
_PERMISSIONS = {
    "generateAccessToken": "getAccessToken",
    "generateIdToken": "getOpenIdToken",
    "signBlob": "signBlob",
    "signJwt": "signJwt",
}
_METHODS = {name: name[0].upper() + name[1:] for name in _PERMISSIONS}
_MAX_LIFETIME = 3600
_TITLE = "IAM Service Account Credentials API"


def answer(world, request):
    match = _PATH.fullmatch(urllib.parse.unquote(request.path))
    if match is None or request.method != "POST":
        raise Refused("NOT_FOUND", "Requested entity was not found.")
    email, call = match.groups()
    method = f"google.iam.credentials.v1.IAMCredentials.{_METHODS[call]}"
    scopes = (iam.CLOUD_PLATFORM, iam.IAM_SCOPE)
    principal = iam.caller(world, request.headers, "iamcredentials", method, scopes)
    try:
        asked = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Refused("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    account = _account(world, email)
    iam.use_project(world, principal, request.headers, account.project, "iamcredentials", _TITLE)
    _may_act(world, principal, account, asked.get("delegates") or [], _PERMISSIONS[call])
    given = _CALLS[call](world, account, asked)
    return 200, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(given, indent=2).encode() + b"\n"


def _account(world, email):
    account = world.account(email)
    if account is None:
        raise Refused("NOT_FOUND", f"Not found; Gaia id not found for email {email}")
    if account.disabled:
        raise Refused("FAILED_PRECONDITION", "Service account is disabled.")
    return account


def _may_act(world, principal, account, delegates, permission):
    """Each link of the chain lets the one before it act as itself, and the last one gets what was asked for."""
    for name in delegates:
        delegate = _account(world, name.rpartition("/")[2])
        _check(world, principal, delegate, "implicitDelegation")
        principal = delegate.principal()
    _check(world, principal, account, permission)


def _check(world, principal, account, permission):
    permission = f"iam.serviceAccounts.{permission}"
    resources = f"serviceAccounts/{account.email}", f"projects/{account.project.id}"
    if not iam.may(world, principal, permission, *resources):
        raise Refused(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource (or it may not exist).",
            reason("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission),
        )


def _access_token(world, account, asked):
    lifetime = asked.get("lifetime", f"{_MAX_LIFETIME}s")
    if not re.fullmatch(r"\d+(\.\d+)?s", lifetime):
        kind = "type.googleapis.com/google.protobuf.Duration"
        raise Refused("INVALID_ARGUMENT", f"Invalid value at 'lifetime' ({kind}), {json.dumps(lifetime)}")
    seconds = int(float(lifetime[:-1]))
    if seconds == 0:
        raise Refused("INVALID_ARGUMENT", "Lifetime of access token must be larger then zero.")
    if seconds > _MAX_LIFETIME:
        raise Refused(
            "INVALID_ARGUMENT",
            "The access token lifetime cannot exceed 1 hour. Use the Org Policy Constraint"
            " constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours.",
        )
    if not asked.get("scope"):
        raise Refused("INVALID_ARGUMENT", "scope is required")
    token, seconds = world.issue(account.principal(), asked["scope"], min(seconds, world.token_lifetime + 1))
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return {"accessToken": token, "expireTime": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}


def _id_token(world, account, asked):
    if not asked.get("audience"):
        raise Refused("INVALID_ARGUMENT", "audience is required")
    return {"token": oauth.identity(world, account, asked["audience"])}


def _sign_jwt(_world, account, asked):
    try:
        claims = json.loads(asked["payload"])
    except (KeyError, ValueError) as error:
        raise Refused("INVALID_ARGUMENT", "The JWT payload is not valid JSON.") from error
    key = account.system_key()
    return {"keyId": key.id, "signedJwt": key.sign(claims)}


def _sign_blob(_world, account, asked):
    key = account.system_key()
    signature = key.sign_bytes(base64.b64decode(asked["payload"]))
    return {"keyId": key.id, "signedBlob": base64.b64encode(signature).decode()}


_CALLS = {
    "generateAccessToken": _access_token,
    "generateIdToken": _id_token,
    "signBlob": _sign_blob,
    "signJwt": _sign_jwt,
}
