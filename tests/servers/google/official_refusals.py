"""What `google-auth` makes of it when the fake refuses a credential.

Each credential is as one of official_credentials.py, but for one thing.
"""

import os
import time

import google.auth
import google.auth.transport.requests
from google.oauth2 import service_account

import official_credentials as kinds
from official import CLOUD_PLATFORM, attempt


def steps(fake):
    kinds.prepare(fake)
    done = []
    for name, make in REFUSED.items():
        # Some are refused as soon as there is a credential, others when it is used.
        done.append({"step": name} | attempt(lambda: _token(make(fake))))
        for variable in kinds.ENVIRONMENT:
            os.environ.pop(variable, None)
    return done


def _token(credentials):
    credentials.refresh(google.auth.transport.requests.Request())
    return credentials.token


def _exchange(fake, subject_token, **more):
    return kinds.default(fake, kinds.external(fake, {"file": fake.file("subject.txt", subject_token)}, **more))


def _of_another_issuer(fake):
    fake.control("issuer", url="https://other.example.com")
    claims = {"sub": "a", "aud": kinds.AUDIENCE, "namespace_id": "42"}
    return _exchange(fake, fake.control("identity_token", issuer="https://other.example.com", claims=claims))


def _by_another_key(fake):
    # The same name, and another key than the one that the provider trusts.
    fake.control("issuer", url="https://twin.example.com")
    claims = {"iss": kinds.ISSUER, "sub": "a", "aud": kinds.AUDIENCE, "namespace_id": "42"}
    return _exchange(fake, fake.control("identity_token", issuer="https://twin.example.com", claims=claims))


def _changed(fake):
    header, claims, signature = kinds.identity_token(fake, "a").split(".")
    return _exchange(fake, f"{header}.{claims}.{signature[::-1]}")


def _unknown_provider(fake):
    audience = f"//iam.googleapis.com/{kinds.POOL}/providers/none"
    return _exchange(fake, kinds.identity_token(fake, "a"), audience=audience)


def _aws(fake, secret="right", account=kinds.ACCOUNT):
    arn = f"arn:aws:iam::{account}:user/builder"
    fake.control("aws_keys", id="AKIAREFUSED", secret="right", account=account, arn=arn)
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAREFUSED", "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "eu-central-1"}
    return kinds.default(fake, kinds.aws_external(fake))


def _unknown_aws_key(fake):
    credentials = _aws(fake)
    os.environ["AWS_ACCESS_KEY_ID"] = "AKIANOBODY"
    return credentials


def _impersonated(fake):
    source = fake.control("user", email="nobody@example.com")
    fake.control("account", email=kinds.account("not-mine"))
    return kinds.default(fake, kinds.impersonated(fake, kinds.account("not-mine"), source))


def _broken_chain(fake):
    first, last = kinds.account("broken-first"), kinds.account("broken-last")
    source = fake.control("user", email="chained@example.com")
    kinds._let(fake, first, "user:chained@example.com")
    fake.control("account", email=last)
    return kinds.default(fake, kinds.impersonated(fake, last, source, [f"projects/-/serviceAccounts/{first}"]))


def _no_such_account(fake):
    source = fake.control("user", email="somebody@example.com")
    return kinds.default(fake, kinds.impersonated(fake, kinds.account("nowhere"), source))


def _key(fake, email, **changes):
    info = fake.control("key", email=email) | changes
    return service_account.Credentials.from_service_account_info(info, scopes=[CLOUD_PLATFORM])


def _other_key(fake):
    other = fake.control("key", email=kinds.account("another"))
    return _key(fake, kinds.account("forged"), private_key=other["private_key"])


def _deleted_key(fake):
    email = kinds.account("without-keys")
    info = fake.control("key", email=email)
    fake.control("delete_key", email=email, key=info["private_key_id"])
    return service_account.Credentials.from_service_account_info(info, scopes=[CLOUD_PLATFORM])


def _revoked(fake):
    return kinds.default(fake, fake.control("user", email="gone@example.com", revoked=True))


def _other_client(fake):
    return kinds.default(fake, fake.control("user", email="a@example.com") | {"client_secret": "another"})


def _no_machine(fake):
    fake.control("machine", project="acme", account=None)
    return google.auth.default(scopes=[CLOUD_PLATFORM])[0]


def _page(fake):
    page = fake.control("page", path="locked", body="a", headers={"X-Job": "7"})
    return kinds.default(fake, kinds.external(fake, {"url": page}))


def _old(fake):
    now = int(time.time())
    return _exchange(fake, kinds.identity_token(fake, "a", iat=now - 700, exp=now - 100))


REFUSED = {
    "a subject token for another audience": lambda fake: _exchange(fake, kinds.identity_token(fake, "a", aud="other")),
    "a subject token of another issuer": _of_another_issuer,
    "a subject token by a key that is not published": _by_another_key,
    "a subject token with another signature": _changed,
    "a subject token that ran out": _old,
    "a subject token that is none": lambda fake: _exchange(fake, "nonsense"),
    "a subject token that the condition refuses": lambda fake: _exchange(
        fake, kinds.identity_token(fake, "a", namespace_id="43")
    ),
    "a subject that is too long": lambda fake: _exchange(fake, kinds.identity_token(fake, "a" * 128)),
    "a provider that there is not": _unknown_provider,
    "an audience that is no provider": lambda fake: _exchange(fake, "a", audience="https://example.com"),
    "a page that wants a header": _page,
    "keys of AWS with a wrong secret": lambda fake: _aws(fake, secret="wrong"),
    "keys of AWS that nobody has": _unknown_aws_key,
    "keys of another account of AWS": lambda fake: _aws(fake, account="210987654321"),
    "a service account that is not mine": _impersonated,
    "a chain that is broken": _broken_chain,
    "a service account that there is not": _no_such_account,
    "a key of nobody's": lambda fake: _key(fake, kinds.account("known"), client_email=kinds.account("unknown")),
    "a key of another's": _other_key,
    "a key that was deleted": _deleted_key,
    "a user who was locked out": _revoked,
    "a user of another client": _other_client,
    "a machine without a service account": _no_machine,
}
