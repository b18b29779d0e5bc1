"""The Security Token Service: somebody else's token for one of Google's (RFC 8693).

What it says of bad tokens is what the real one was seen to say.
"""

import json
import re
import time
import urllib.parse

import aws
import jwt
from refusals import OAuthRefused
from world import Principal

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_JWT_TYPES = {"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"}
_AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
_AUDIENCE = re.compile(r"//iam\.[^/]+/(projects/\d+/locations/global/workloadIdentityPools/[^/]+/providers/[^/]+)")
_CLOCK_SKEW = 60
_MAX_LIFETIME = 3600


def answer(world, request):
    asked = _fields(request)
    provider = _provider(world, asked)
    if provider.aws_account is None:
        claims = _verify_oidc(world, provider, asked["subject_token"])
        lifetime = min(int(claims["exp"] - time.time()), _MAX_LIFETIME)
    else:
        claims = aws.verify_subject_token(world, provider, asked["subject_token"], asked["audience"])
        lifetime = _MAX_LIFETIME
    if any(_claim(claims, name) != value for name, value in provider.condition):
        raise OAuthRefused("unauthorized_client", "The given credential is rejected by the attribute condition.")
    principal = _principal(provider, claims)
    # A token that has run out already, but not for longer than clocks may differ, gets what is left of that time.
    lifetime = lifetime if lifetime > 0 else lifetime + _CLOCK_SKEW
    token, lifetime = world.issue(principal, asked["scope"].split(), min(lifetime, world.token_lifetime))
    given = {"access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": lifetime}
    return 200, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(given).encode()


def _fields(request):
    """The fields in the names of the RFC, of a form or of JSON, whose names are in camel case as in Google's APIs."""
    if "json" in request.headers.get("content-type", ""):
        try:
            given = json.loads(request.body)
        except ValueError as error:
            raise OAuthRefused("invalid_request", "Invalid JSON payload received.") from error
        asked = {re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name): each for name, each in given.items()}
    else:
        asked = {name: values[-1] for name, values in urllib.parse.parse_qs(request.body.decode()).items()}
    if asked.get("grant_type") != EXCHANGE:
        raise OAuthRefused("unsupported_grant_type", f'Invalid value for "grant_type". Supported values: {EXCHANGE}.')
    if asked.get("requested_token_type") != ACCESS_TOKEN:
        raise OAuthRefused("invalid_request", 'Invalid value for "requested_token_type".')
    for name in ("audience", "subject_token", "subject_token_type", "scope"):
        if not asked.get(name):
            raise OAuthRefused("invalid_request", f"Missing required parameter: {name}")
    return asked


def _provider(world, asked):
    match = _AUDIENCE.fullmatch(asked["audience"])
    if match is None:
        raise OAuthRefused(
            "invalid_request",
            'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See'
            " https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.",
        )
    provider = world.providers.get(match[1])
    if provider is None or provider.disabled:
        raise OAuthRefused(
            "invalid_target",
            'The target service indicated by the "audience" parameters is invalid. This might either be because the'
            " pool or provider is disabled or deleted or because it doesn't exist.",
        )
    types = _JWT_TYPES if provider.aws_account is None else {_AWS_TYPE}
    if asked["subject_token_type"] not in types:
        raise OAuthRefused("invalid_request", 'Invalid value for "subject_token_type".')
    return provider


def _verify_oidc(world, provider, text):
    try:
        token = jwt.Token.parse(text)
    except jwt.BadToken as error:
        raise OAuthRefused("invalid_grant", "Unable to parse the ID Token.") from error
    claims = token.claims
    if claims.get("iss") != provider.issuer:
        issuer = claims.get("iss", "null")
        expected = f"does not match the expected ones: {provider.issuer}"
        raise OAuthRefused("invalid_grant", f"The issuer in ID Token {issuer} {expected}")
    public = jwt.public_key(provider.jwks, token.header.get("kid"), token.header.get("alg"))
    if public is None:
        raise OAuthRefused("invalid_grant", "Error connecting to the given credential's issuer.")
    try:
        token.verify(public)
    except jwt.BadSignature as error:
        raise OAuthRefused("invalid_grant", "Unable to verify the ID Token signature.") from error
    _check_audience(world, provider, claims)
    issued, expires, now = claims.get("iat"), claims.get("exp"), time.time()
    if issued is None or expires is None or issued > now + _CLOCK_SKEW or expires < now - _CLOCK_SKEW:
        raise OAuthRefused("invalid_grant", f"ID Token issued at {issued or 'null'} is stale to sign-in.")
    return claims


def _check_audience(world, provider, claims):
    given = claims.get("aud") or []
    given = [given] if isinstance(given, str) else given
    own = f"//iam.{world.universe}/{provider.name}"
    # A list of its own takes the place of the default.
    allowed = provider.audiences or [own, f"https:{own}"]
    if not set(given) & set(allowed):
        listed = ", ".join(given)
        mismatch = f"The audience in ID Token [{listed}] does not match the expected audience."
        raise OAuthRefused("invalid_grant", mismatch)


def _principal(provider, claims):
    mapped = {name: value for name, each in provider.mapping.items() if (value := _claim(claims, each)) is not None}
    subject = mapped.pop("google.subject", None)
    if not isinstance(subject, str):
        raise OAuthRefused("invalid_request", "The mapped attribute 'google.subject' must be of type STRING")
    if len(subject.encode()) > 127:
        raise OAuthRefused(
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute"
            " mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.",
        )
    pool = f"iam.googleapis.com/{provider.pool}"
    members = [f"principal://{pool}/subject/{subject}", f"principalSet://{pool}/*"]
    for name, value in mapped.items():
        kind = "group" if name == "google.groups" else name.replace("attribute.", "attribute.", 1)
        values = value if isinstance(value, list) else [value]
        members += [f"principalSet://{pool}/{kind}/{each}" for each in values]
    return Principal(members[0], tuple(members))


def _claim(claims, expression):
    """The value of `assertion.sub`, `assertion['sub']` or `sub`: that much of Google's expressions is known here."""
    if expression in aws.ROLE_EXPRESSIONS:
        return aws.role_of(claims["arn"])
    path = re.sub(r"\['([^']+)'\]", r".\1", expression).removeprefix("assertion.").split(".")
    value = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
