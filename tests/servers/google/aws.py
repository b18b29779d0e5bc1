"""What is AWS's in a federation with AWS: a signed GetCallerIdentity as a subject token, and a machine's metadata.

Google hands the signed request on to AWS. Here the signature is checked in its place.
"""

import datetime
import hashlib
import hmac
import json
import re
import urllib.parse

import jwt
from refusals import OAuthRefused

# Google's default mapping of `attribute.aws_role`.
ROLE_EXPRESSIONS = (
    "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' +"
    " assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn",
)
DEFAULT_MAPPING = {"google.subject": "assertion.arn", "attribute.aws_role": ROLE_EXPRESSIONS[0]}
TARGET = "x-goog-cloud-target-resource"
_HOST = re.compile(r"sts(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/sts/aws4_request), ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_MAX_SKEW = datetime.timedelta(minutes=15)


def role_of(arn):
    """The role's ARN of an assumed role's session, or the ARN."""
    match = re.fullmatch(r"(.*assumed-role/[^/]+)/[^/]+", arn)
    return match[1] if match else arn


def verify_subject_token(world, provider, text, audience):
    """Whose keys signed the serialized request: what AWS would answer to it."""
    try:
        token = json.loads(urllib.parse.unquote(text))
        url = urllib.parse.urlsplit(token["url"])
        headers = {each["key"].lower(): each["value"] for each in token["headers"]}
        method = token["method"]
    except (ValueError, KeyError, TypeError) as error:
        raise OAuthRefused("invalid_grant", "Unable to parse the given AWS credential.") from error
    query = urllib.parse.parse_qs(url.query)
    known = url.scheme == "https" and _HOST.fullmatch(url.hostname or "") and query.get("Action") == [_ACTION]
    if not known or method != "POST":
        raise OAuthRefused("invalid_grant", "The given AWS credential is not a request to GetCallerIdentity.")
    if headers.get(TARGET) not in (audience, f"https:{audience}"):
        raise OAuthRefused("invalid_grant", f"The {TARGET} header does not match the audience of the request.")
    keys = _check_signature(world, url, headers)
    if keys.account != provider.aws_account:
        raise OAuthRefused("invalid_grant", "The AWS account of the given credential does not match the provider's.")
    return {"account": keys.account, "arn": keys.arn, "userid": keys.user_id}


_ACTION = "GetCallerIdentity"


def _check_signature(world, url, headers):
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        raise _refused("IncompleteSignature", "Authorization header requires 'Signature' parameter.")
    keys = world.aws_keys.get(match["key"])
    if keys is None or keys.session != headers.get("x-amz-security-token"):
        raise _refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    at = headers.get("x-amz-date", "")
    _check_time(at, match["date"])
    signed = match["signed"].split(";")
    if not {"host", "x-amz-date"} <= set(signed) or headers.get("host") != url.hostname:
        raise _refused("SignatureDoesNotMatch", "'Host' or 'x-amz-date' must be a 'SignedHeader'.")
    canonical = "\n".join([
        "POST",
        url.path or "/",
        "&".join(sorted(url.query.split("&"))),
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
        "",
        match["signed"],
        hashlib.sha256(b"").hexdigest(),
    ])
    text = "\n".join(["AWS4-HMAC-SHA256", at, match["scope"], hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in match["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), match["signature"]):
        raise _refused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
            " Access Key and signing method. Consult the service documentation for details.",
        )
    return keys


def _check_time(at, date):
    try:
        made = datetime.datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError as error:
        raise _refused("IncompleteSignature", "Date must be in ISO-8601 'basic format'.") from error
    now = datetime.datetime.now(datetime.timezone.utc)
    if abs(now - made) > _MAX_SKEW or not at.startswith(date):
        raise _refused("SignatureDoesNotMatch", f"Signature expired: {at} is now earlier than {now:%Y%m%dT%H%M%SZ}.")


def _refused(code, message):
    return OAuthRefused("invalid_grant", f"Received invalid AWS response of type {code} with error message: {message}")


def answer(world, request):
    """The metadata of a machine of AWS, its second version: nothing without a session's token."""
    text = {"Content-Type": "text/plain"}
    if world.instance is None:
        return 404, text, b""
    if request.method == "PUT" and request.path == "/latest/api/token":
        if not request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
            return 400, text, b""
        world.instance["session"] = jwt.random_text(56)
        return 200, text, world.instance["session"].encode()
    session = world.instance.get("session")
    if session is None or request.headers.get("x-aws-ec2-metadata-token") != session:
        return 401, text, b""
    found = _METADATA.get(request.path.rstrip("/"))
    if found is not None:
        return 200, text, found(world).encode()
    if request.path == f"/latest/meta-data/iam/security-credentials/{world.instance['role']}":
        return 200, text, json.dumps(_credentials(world)).encode()
    return 404, text, b""


_METADATA = {
    "/latest/meta-data/placement/availability-zone": lambda world: world.instance["region"] + "b",
    "/latest/meta-data/placement/region": lambda world: world.instance["region"],
    "/latest/meta-data/iam/security-credentials": lambda world: world.instance["role"],
}


def _credentials(world):
    key_id = world.instance["key_id"]
    keys = world.aws_keys[key_id]
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "Code": "Success",
        "LastUpdated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "Type": "AWS-HMAC",
        "AccessKeyId": key_id,
        "SecretAccessKey": keys.secret,
        "Token": keys.session,
        "Expiration": f"{now + datetime.timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
    }
