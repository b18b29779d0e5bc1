"""Google's OAuth token endpoint: a refresh token of a user, or what a service account signed, for an access token.

A user of a workforce pool goes to the Security Token Service's `/v1/oauthtoken` with the same request.
"""

import base64
import json
import time
import urllib.parse

import jwt
from refusals import OAuthRefused
from world import Principal

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_KNOWN_AUDIENCES = {
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
}
_TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp"
    " values in the JWT claim."
)


def answer(world, request):
    asked = {name: values[-1] for name, values in urllib.parse.parse_qs(request.body.decode()).items()}
    match asked.get("grant_type"):
        case "refresh_token":
            given = _refresh(world, request, asked)
        case grant if grant == _JWT_BEARER:
            given = _signed(world, asked)
        case grant:
            raise OAuthRefused("unsupported_grant_type", f"Invalid grant_type: {grant or ''}")
    return 200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(given, indent=2).encode()


def _refresh(world, request, asked):
    client = asked.get("client_id"), asked.get("client_secret")
    kind, _, basic = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        client = tuple(base64.b64decode(basic).decode().split(":", 1))
    user = world.users.get(asked.get("refresh_token"))
    clients = {(each.client_id, each.client_secret) for each in world.users.values()}
    if client[0] not in {each[0] for each in clients}:
        raise OAuthRefused("invalid_client", "The OAuth client was not found.", 401)
    if client not in clients:
        raise OAuthRefused("invalid_client", "Unauthorized", 401)
    if user is None or (user.client_id, user.client_secret) != client:
        raise OAuthRefused("invalid_grant", "Bad Request")
    if user.revoked:
        raise OAuthRefused("invalid_grant", "Token has been expired or revoked.")
    granted = "https://www.googleapis.com/auth/cloud-platform openid"
    scopes = asked.get("scope") or granted
    if not set(scopes.split()) <= set(granted.split()):
        raise OAuthRefused("invalid_scope", "Some requested scopes cannot be shown")
    email = user.email if user.member.startswith("user:") else None
    token, lifetime = world.issue(Principal(user.member, (user.member,), email), scopes.split())
    return {"access_token": token, "expires_in": lifetime, "scope": scopes, "token_type": "Bearer"}


def _signed(world, asked):
    try:
        token = jwt.Token.parse(asked.get("assertion", ""))
    except jwt.BadToken as error:
        raise OAuthRefused("invalid_request", "Bad Request") from error
    claims, now = token.claims, time.time()
    account = world.accounts.get(claims.get("iss"))
    if account is None:
        raise OAuthRefused("invalid_grant", "Invalid grant: account not found")
    _verify(account, token)
    issued, expires = claims.get("iat"), claims.get("exp")
    if issued is None or expires is None or issued > now + 300 or expires < now or expires - issued > 3600:
        raise OAuthRefused("invalid_grant", _TIMEFRAME)
    if claims.get("aud") not in _KNOWN_AUDIENCES | {f"{world.url}/token", f"https://oauth2.{world.universe}/token"}:
        raise OAuthRefused("invalid_grant", "Invalid JWT: Failed audience check.")
    if account.disabled:
        raise OAuthRefused("invalid_grant", "Invalid grant: account disabled")
    if "target_audience" in claims:
        return {"id_token": identity(world, account, claims["target_audience"])}
    scopes = claims.get("scope", "").split()
    if not scopes:
        raise OAuthRefused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    principal = account.principal()
    if claims.get("sub") not in (None, account.email):
        unauthorized = "Client is unauthorized to retrieve access tokens using this method, or client not authorized"
        raise OAuthRefused("unauthorized_client", f"{unauthorized} for any of the scopes requested.", 401)
    access_token, lifetime = world.issue(principal, scopes)
    return {"access_token": access_token, "expires_in": lifetime, "token_type": "Bearer"}


def _verify(account, token):
    key = account.keys.get(token.header.get("kid"))
    try:
        if key is None:
            raise jwt.BadSignature("the account has no such key")
        token.verify(key.private.public_key())
    except jwt.BadSignature as error:
        raise OAuthRefused("invalid_grant", "Invalid JWT Signature.") from error


def identity(world, account, audience, **more):
    """An identity token of Google's for a service account."""
    now = int(time.time())
    claims = {"iss": "https://accounts.google.com", "aud": audience, "azp": account.unique_id, "sub": account.unique_id}
    claims |= {"email": account.email, "email_verified": True, "iat": now, "exp": now + 3600} | more
    return world.key_of_google().sign(claims)
