"""Application default credentials of every kind: `google-auth` gets a token from the fake by each, and reads with it.

Each kind is a principal of its own, with one secret that only that principal may read.
"""

import os
import sys

import google.auth
import google.auth.transport.requests
from google.oauth2 import service_account

from official import CLOUD_PLATFORM, TRANSPORTS, attempt

POOL = "projects/123456789/locations/global/workloadIdentityPools/ci"
PROVIDER = f"{POOL}/providers/gitlab"
AWS_PROVIDER = f"{POOL}/providers/amazon"
ISSUER = "https://gitlab.example.com"
ACCOUNT = "123456789012"
CALLER = "Action=GetCallerIdentity&Version=2011-06-15"
AUDIENCE = f"https://iam.googleapis.com/{PROVIDER}"
ENVIRONMENT = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "AWS_REGION",
               "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def steps(fake):
    prepare(fake)
    done = []
    for name, kind in KINDS.items():
        principal, make = kind(fake)
        done.append({"step": name, "principal": principal} | _prove(fake, name, principal, make))
        for variable in ENVIRONMENT:
            os.environ.pop(variable, None)
    return done


def prepare(fake):
    """What all kinds have in common: an issuer, a provider that trusts it, one of AWS, and a secret of nobody's."""
    fake.control("project", id="acme", number="123456789")
    fake.control("secret", project="acme", secret="of-nobody", value="nobody")
    fake.control("issuer", url=ISSUER)
    mapping = {"google.subject": "assertion.sub", "attribute.ref": "assertion.ref"}
    fake.control(
        "provider", name=PROVIDER, issuer=ISSUER, mapping=mapping, condition=[["assertion.namespace_id", "42"]]
    )
    fake.control("provider", name=AWS_PROVIDER, aws_account=ACCOUNT)


def _prove(fake, name, principal, make):
    """Reads the principal's secret over both transports, and one that it may not; and says whom the client asked."""
    secret = "of-" + "".join(letter if letter.isalnum() else "-" for letter in name)
    fake.control("secret", project="acme", secret=secret, value=f"{fake.asked['value']} {name}")
    resource = f"projects/acme/secrets/{secret}"
    fake.control("bind", resource=resource, role="roles/secretmanager.secretAccessor", member=principal)
    fake.control("requests", clear=True)
    credentials = attempt(make)
    if "refused" in credentials:
        return credentials
    credentials = credentials["read"]
    proof = {}
    for transport in TRANSPORTS:
        client = fake.client(credentials, transport)
        proof[transport] = attempt(lambda: _text(client, f"{resource}/versions/latest"))
        proof[f"{transport} not its own"] = attempt(lambda: _text(client, "projects/acme/secrets/of-nobody/versions/1"))
    # The clients look for a boundary of regions in the background, sooner or later.
    asked = [each for each in map(_shown, fake.control("requests")) if "allowedLocations" not in each]
    return {"reads": proof, "asked": list(dict.fromkeys(asked))}


def _shown(request):
    host = request["headers"].get("host", "")
    host = host if host.endswith("googleapis.com") else ""
    return f"{request['method']} {host}{request['path'].partition('?')[0]}"


def _text(client, name):
    return client.access_secret_version(name=name).payload.data.decode()


def default(fake, info):
    """The application default credentials of a file that the variable names."""
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = fake.file("credentials.json", info)
    return google.auth.default(scopes=[CLOUD_PLATFORM])[0]


def subject(name):
    return f"principal://iam.googleapis.com/{POOL}/subject/{name}"


def identity_token(fake, name, **claims):
    claims = {"sub": name, "aud": AUDIENCE, "ref": "main", "namespace_id": "42"} | claims
    return fake.control("identity_token", issuer=ISSUER, claims=claims)


def external(fake, source, **more):
    return {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{PROVIDER}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{fake.url}/v1/token",
        "credential_source": source,
        "universe_domain": "googleapis.com",
    } | more


def impersonation_url(fake, email):
    return f"{fake.url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"


def account(name):
    return f"{name}@acme.iam.gserviceaccount.com"


def _self_signed(fake):
    email = account("signs-for-the-service")
    key = fake.control("key", email=email)

    def make():
        # Without scopes, the client lets the account sign for the service itself.
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = fake.file("key.json", key)
        return google.auth.default()[0]

    return f"serviceAccount:{email}", make


def _self_signed_scope(fake):
    email = account("signs-for-a-scope")
    key = fake.control("key", email=email)
    return f"serviceAccount:{email}", lambda: default(fake, key).with_always_use_jwt_access(True)


def _grant(fake):
    email = account("asks-for-a-token")
    key = fake.control("key", email=email)

    def make():
        credentials = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD_PLATFORM])
        credentials.refresh(google.auth.transport.requests.Request())
        return credentials

    return f"serviceAccount:{email}", make


def _user(fake):
    info = fake.control("user", email="ada@example.com")
    return "user:ada@example.com", lambda: default(fake, info)


def _well_known(fake):
    info = fake.control("user", email="grace@example.com")

    def make():
        fake.file("application_default_credentials.json", info)
        credentials = google.auth.default(scopes=[CLOUD_PLATFORM])[0]
        os.remove(os.path.join(fake.folder, "application_default_credentials.json"))
        return credentials

    return "user:grace@example.com", make


def _workforce(fake):
    pool = "locations/global/workforcePools/staff"
    info = fake.control("user", email="alan@example.com", workforce_pool=pool)
    return f"principal://iam.googleapis.com/{pool}/subject/alan@example.com", lambda: default(fake, info)


def _file_text(fake):
    path = fake.file("token.txt", identity_token(fake, "file-text"))
    return subject("file-text"), lambda: default(fake, external(fake, {"file": path}))


def _file_json(fake):
    path = fake.file("token.json", {"id_token": identity_token(fake, "file-json")})
    shape = {"type": "json", "subject_token_field_name": "id_token"}
    return subject("file-json"), lambda: default(fake, external(fake, {"file": path, "format": shape}))


def _url_text(fake):
    headers = {"X-Job": "7"}
    page = fake.control("page", path="text", body=identity_token(fake, "url-text"), headers=headers)
    return subject("url-text"), lambda: default(fake, external(fake, {"url": page, "headers": headers}))


def _url_json(fake):
    body = {"value": identity_token(fake, "url-json")}
    page = fake.control("page", path="json", body=body, content_type="application/json")
    shape = {"type": "json", "subject_token_field_name": "value"}
    return subject("url-json"), lambda: default(fake, external(fake, {"url": page, "format": shape}))


_EXECUTABLE = """\
import json, os, sys
assert os.environ["GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"].startswith("//iam.googleapis.com/projects/")
print(json.dumps({{"version": 1, "success": True, "token_type": os.environ["GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE"],
                   "id_token": {token!r}}}))
"""


def _executable(fake):
    script = fake.file("source.py", _EXECUTABLE.format(token=identity_token(fake, "executable")))
    source = {"executable": {"command": f"{sys.executable} {script}", "timeout_millis": 30000}}

    def make():
        os.environ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"] = "1"
        credentials = default(fake, external(fake, source))
        # The variable has to be there when the token is fetched.
        credentials.refresh(google.auth.transport.requests.Request())
        return credentials

    return subject("executable"), make


def _attribute(fake):
    path = fake.file("release.txt", identity_token(fake, "any-subject", ref="release"))
    member = f"principalSet://iam.googleapis.com/{POOL}/attribute.ref/release"
    return member, lambda: default(fake, external(fake, {"file": path}))


def aws_external(fake):
    metadata = f"{fake.url}/latest/meta-data"
    source = {
        "environment_id": "aws1",
        "region_url": f"{metadata}/placement/availability-zone",
        "url": f"{metadata}/iam/security-credentials",
        "regional_cred_verification_url": f"https://sts.{{region}}.amazonaws.com?{CALLER}",
        "imdsv2_session_token_url": f"{fake.url}/latest/api/token",
    }
    kind = "urn:ietf:params:aws:token-type:aws4_request"
    return external(fake, source, audience=f"//iam.googleapis.com/{AWS_PROVIDER}", subject_token_type=kind)


def _aws_environment(fake):
    arn = f"arn:aws:iam::{ACCOUNT}:user/builder"
    fake.control("aws_keys", id="AKIAENVIRONMENT", secret="of-the-environment", account=ACCOUNT, arn=arn)

    def make():
        os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "of-the-environment"}
        os.environ["AWS_REGION"] = "eu-central-1"
        credentials = default(fake, aws_external(fake))
        credentials.refresh(google.auth.transport.requests.Request())
        return credentials

    return subject(arn), make


def _aws_instance(fake):
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/runner"
    keys = {"secret": "of-the-role", "session": "session/token+of=the-role", "arn": f"{role}/i-0123456789abcdef0"}
    fake.control("aws_keys", id="ASIAINSTANCE", account=ACCOUNT, **keys)
    fake.control("aws_instance", key_id="ASIAINSTANCE")
    member = f"principalSet://iam.googleapis.com/{POOL}/attribute.aws_role/{role}"
    return member, lambda: default(fake, aws_external(fake))


def _at_google(fake):
    """As `gcloud iam workload-identity-pools create-cred-config` writes it, with Google's own hosts."""
    email = account("at-google")
    role = "roles/iam.workloadIdentityUser"
    fake.control("bind", resource=f"serviceAccounts/{email}", role=role, member=subject("at-google"))
    path = fake.file("at-google.txt", identity_token(fake, "at-google"))
    host = "https://iamcredentials.googleapis.com"
    url = f"{host}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    more = {"token_url": "https://sts.googleapis.com/v1/token", "service_account_impersonation_url": url}
    return f"serviceAccount:{email}", lambda: default(fake, external(fake, {"file": path}, **more))


def _federated_account(fake):
    email = account("for-a-workload")
    fake.control(
        "bind", resource=f"serviceAccounts/{email}", role="roles/iam.workloadIdentityUser", member=subject("workload")
    )
    path = fake.file("workload.txt", identity_token(fake, "workload"))
    more = {
        "service_account_impersonation_url": impersonation_url(fake, email),
        "service_account_impersonation": {"token_lifetime_seconds": 600},
    }
    return f"serviceAccount:{email}", lambda: default(fake, external(fake, {"file": path}, **more))


def impersonated(fake, email, source, delegates=()):
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(fake, email),
        "delegates": list(delegates),
        "source_credentials": source,
    }


def _impersonated(fake):
    email = account("for-a-user")
    member = "user:linus@example.com"
    _let(fake, email, member)
    source = fake.control("user", email="linus@example.com")
    return f"serviceAccount:{email}", lambda: default(fake, impersonated(fake, email, source))


def _chain(fake):
    first, second, last = (account(name) for name in ("first", "second", "last"))
    source = fake.control("key", email=account("starts-the-chain"))
    _let(fake, first, f"serviceAccount:{account('starts-the-chain')}")
    _let(fake, second, f"serviceAccount:{first}")
    _let(fake, last, f"serviceAccount:{second}")
    delegates = [f"projects/-/serviceAccounts/{each}" for each in (first, second)]
    return f"serviceAccount:{last}", lambda: default(fake, impersonated(fake, last, source, delegates))


def _let(fake, email, member):
    role = "roles/iam.serviceAccountTokenCreator"
    fake.control("bind", resource=f"serviceAccounts/{email}", role=role, member=member)


def _machine(fake):
    email = account("of-the-machine")
    fake.control("machine", project="acme", account=email)
    return f"serviceAccount:{email}", lambda: google.auth.default(scopes=[CLOUD_PLATFORM])[0]


KINDS = {
    "service account, signed for the service": _self_signed,
    "service account, signed for a scope": _self_signed_scope,
    "service account, token of the key's token_uri": _grant,
    "authorized user": _user,
    "authorized user in gcloud's file": _well_known,
    "user of a workforce pool": _workforce,
    "external account from a file": _file_text,
    "external account from a file of JSON": _file_json,
    "external account from a URL": _url_text,
    "external account from a URL of JSON": _url_json,
    "external account from an executable": _executable,
    "external account by an attribute": _attribute,
    "external account of AWS, keys in the environment": _aws_environment,
    "external account of AWS, keys of the machine": _aws_instance,
    "external account through a service account": _federated_account,
    "external account at Google's hosts": _at_google,
    "impersonated service account": _impersonated,
    "impersonated service account through delegates": _chain,
    "the machine's service account": _machine,
}
