"""`POST /control`: one call a request, `{"call": NAME, …}`. Each function below whose name begins with `do_` is one.

It answers `{"ok": …}`, or `{"error": TEXT}` if the call makes no sense.
"""

import base64
import json
import time

import aws
import jwt
import secret_manager
from google.cloud.secretmanager_v1.types import resources
from refusals import Refused
from world import Answer, AwsKeys, Provider, User


def answer(world, body):
    asked = json.loads(body)
    call = globals().get(f"do_{asked.pop('call', '')}")
    if call is None:
        return b'{"error": "there is no such call"}'
    try:
        given = {"ok": call(world, **asked)}
    except (Refused, KeyError, TypeError, ValueError) as error:
        given = {"error": f"{type(error).__name__}: {error}"}
    return json.dumps(given).encode()


def do_universe(world, domain):
    """Moves it to another universe than `googleapis.com`."""
    world.universe = domain


def do_project(world, id, number=None):
    """Makes a project, or finds it, and gives its id and number. Every other call makes the projects that it names."""
    project = world.make_project(id, number)
    return {"id": project.id, "number": project.number}


def do_service(world, project, enabled, service="secretmanager.googleapis.com"):
    """Turns a service off or on in a project."""
    disabled = world.make_project(project).disabled
    (disabled.discard if enabled else disabled.add)(service)


def do_secret(
    world, project, secret, value=None, base64_value=None, location=None, aliases=None, labels=None, annotations=None
):
    """Makes the secret if it is missing, adds a version with that value if one is given, and gives its name."""
    known = world.make_project(project)
    place = f"/locations/{location}" if location else ""
    name = f"projects/{known.number}{place}/secrets/{secret}"
    made = world.secrets.setdefault((known.id, location, secret), secret_manager.Secret(name, time.time()))
    made.aliases |= aliases or {}
    made.labels |= labels or {}
    made.annotations |= annotations or {}
    data = base64.b64decode(base64_value) if base64_value is not None else (value or "").encode()
    if value is None and base64_value is None:
        return {"name": name}
    version = made.add(data)
    return {"name": secret_manager.version_name(made, version), "version": str(version.number)}


def do_state(world, name, state):
    """Sets the state of a version, `projects/P/secrets/S/versions/V`: ENABLED, DISABLED or DESTROYED."""
    asked = secret_manager.Asked(world, name)
    version = secret_manager.find_version(secret_manager.find(world, asked), asked)
    secret_manager.set_state(version, resources.SecretVersion.State[state])


def do_bind(world, resource, role, member):
    """Gives a role on a secret, a project or `serviceAccounts/EMAIL` to a member, as a policy would name it."""
    world.bindings.add((_policy(world, resource), role, member))


def do_unbind(world, resource, role, member):
    """Takes it away again."""
    world.bindings.discard((_policy(world, resource), role, member))


def _policy(world, resource):
    if resource.startswith("serviceAccounts/"):
        world.make_account(resource.partition("/")[2])
        return resource
    kind, project, *rest = resource.split("/")
    if kind != "projects":
        raise ValueError(f"{resource} is no secret, project or service account")
    return "/".join(["projects", world.make_project(project).id, *rest])


def do_account(world, email, disabled=False):
    """Makes a service account; its project is in its email."""
    account = world.make_account(email)
    account.disabled = disabled
    return {"email": email, "unique_id": account.unique_id}


def do_key(world, email):
    """Makes a key of a service account and gives Google's key file."""
    account = world.make_account(email)
    key = jwt.Key.rsa()
    account.keys[key.id] = key
    return {
        "type": "service_account",
        "project_id": account.project.id,
        "private_key_id": key.id,
        "private_key": key.pem(),
        "client_email": email,
        "client_id": account.unique_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": f"{world.url}/token",
        "auth_provider_x509_cert_url": f"{world.url}/oauth2/v1/certs",
        "client_x509_cert_url": f"{world.url}/robot/v1/metadata/x509/{email}",
        "universe_domain": world.universe,
    }


def do_delete_key(world, email, key):
    """Deletes a key, by its `private_key_id`."""
    del world.accounts[email].keys[key]


def do_user(world, email, workforce_pool=None, revoked=False):
    """Makes a user and gives the file that `gcloud auth application-default login` writes.

    With `workforce_pool`, `locations/global/workforcePools/P`, it is a user of that, who signs in elsewhere.
    """
    abroad = f"principal://iam.googleapis.com/{workforce_pool}/subject/{email}"
    made = User(
        email=email,
        client_id=f"{jwt.random_text(12)}.apps.googleusercontent.com",
        client_secret=jwt.random_text(24),
        refresh_token="1//" + jwt.random_text(60),
        member=abroad if workforce_pool else f"user:{email}",
        revoked=revoked,
    )
    world.users[made.refresh_token] = made
    file = {"client_id": made.client_id, "client_secret": made.client_secret, "refresh_token": made.refresh_token}
    if workforce_pool is None:
        # The last is not gcloud's; Google's client for Rust goes there, that for Python does not.
        here = {"token_uri": f"{world.url}/token"}
        return file | {"type": "authorized_user", "account": "", "universe_domain": world.universe} | here
    return file | {
        "type": "external_account_authorized_user",
        "audience": f"//iam.googleapis.com/{workforce_pool}/providers/p",
        "token_url": f"{world.url}/v1/oauthtoken",
        "token_info_url": f"{world.url}/v1/introspect",
        "universe_domain": world.universe,
    }


def do_issuer(world, url, jwks=None):
    """Makes an issuer of identity tokens with a key of its own, and gives its key set."""
    key = world.issuers[url] = jwt.Key.rsa()
    return jwks or {"keys": [key.jwk()]}


def do_identity_token(world, issuer, claims):
    """A token of that issuer: `iss`, `iat` and `exp` are added where the claims have none. Null leaves one out."""
    now = int(time.time())
    claims = {"iss": issuer, "iat": now, "exp": now + 600} | claims
    return world.issuers[issuer].sign({name: value for name, value in claims.items() if value is not None})


def do_provider(
    world, name, issuer=None, jwks=None, audiences=(), mapping=None, condition=(), aws_account=None, disabled=False
):
    """Makes a provider, `projects/NUMBER/locations/global/workloadIdentityPools/P/providers/X`, and gives its audience.

    `jwks` may be left out for an issuer made here. `condition` is pairs of a claim and its value. With `aws_account` it
    is a provider of AWS.
    """
    if jwks is None and issuer in world.issuers:
        jwks = {"keys": [world.issuers[issuer].jwk()]}
    default = {"google.subject": "assertion.sub"} if aws_account is None else aws.DEFAULT_MAPPING
    world.providers[name] = Provider(
        name, issuer, jwks or {}, list(audiences), mapping or default, list(condition), aws_account, disabled
    )
    return f"//iam.{world.universe}/{name}"


def do_aws_keys(world, id, secret, account, arn, session=None, user_id="AIDAJQABLZS4A3QDU576Q"):
    """Makes keys that AWS would know, and whose they are."""
    world.aws_keys[id] = AwsKeys(secret, session, account, arn, user_id)


def do_aws_instance(world, key_id, role="runner", region="eu-west-1"):
    """Makes the host a machine of AWS with a role that has these keys."""
    world.instance = {"key_id": key_id, "role": role, "region": region}


def do_machine(world, project="machines", account=None, scopes=("https://www.googleapis.com/auth/cloud-platform",)):
    """Makes the host a machine of Google's in a project, with a service account if one is named."""
    world.machine_project = world.make_project(project)
    world.attached = None if account is None else (world.make_account(account), list(scopes))


def do_page(world, path, body, headers=None, content_type="text/plain"):
    """Serves a page at `/page/PATH` for whoever sends these headers, and gives its URL: a source of subject tokens."""
    wanted = {name.lower(): value for name, value in (headers or {}).items()}
    text = body if isinstance(body, str) else json.dumps(body)
    world.pages[f"/page/{path}"] = wanted, content_type, text.encode()
    return f"{world.url}/page/{path}"


def page(world, request):
    """The answer for such a page."""
    wanted, kind, body = world.pages.get(request.path, (None, None, None))
    if wanted is None:
        return 404, {"Content-Type": "text/plain"}, b"there is no such page"
    if any(request.headers.get(name) != value for name, value in wanted.items()):
        return 401, {"Content-Type": "text/plain"}, b"a header is missing"
    return 200, {"Content-Type": kind}, body


def do_corrupt(world, what="checksum", times=1):
    """Makes the next payloads wrong: their `checksum`, or a bit of their `data`."""
    world.corrupt[what] = times


def do_answer(world, path, status, body="", headers=None, times=1):
    """Answers the next requests whose path ends so by this; a body that is no text is sent as JSON."""
    kind = "text/plain" if isinstance(body, str) else "application/json; charset=UTF-8"
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": kind} | (headers or {})
    world.answers.append(Answer(path, status, text.encode(), headers, times))


def do_token(world, member, scopes=("https://www.googleapis.com/auth/cloud-platform",), lifetime=None):
    """A bearer token of whoever the member is, outright."""
    from world import Principal

    email = member.partition(":")[2] if not member.startswith("principal") else None
    return world.issue(Principal(email or member, (member,), email), scopes, lifetime)[0]


def do_lifetime(world, seconds):
    """How long the tokens are good for that are issued from now on."""
    world.token_lifetime = seconds


def do_expire(world):
    """Lets all tokens expire that there are."""
    for token in world.tokens.values():
        token.expires = 0


def do_requests(world, clear=False):
    """What was asked so far, apart from this: method, path with its query, headers, body. gRPC is method `GRPC`."""
    shown = [each.shown() for each in world.requests]
    if clear:
        world.requests.clear()
    return shown
