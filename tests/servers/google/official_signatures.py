"""Everything that is signed: by an account's own key, by IAM for an account, and for a machine.

Vault's method `gcp` lives on the last two, which Google's own library verifies, with the keys that the fake publishes.
"""

import json
import time

import google.auth.impersonated_credentials
import google.auth.jwt
import google.auth.transport.requests
import google.oauth2.id_token
import requests

import official_credentials as kinds
from official import CLOUD_PLATFORM, attempt, bearer

SIGNER = "signs@acme.iam.gserviceaccount.com"
CALLER = "user:ada@example.com"
IAM = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{SIGNER}"
CERTIFICATES = f"https://www.googleapis.com/robot/v1/metadata/x509/{SIGNER}"


def steps(fake):
    fake.control("project", id="acme", number="123456789")
    fake.control("account", email=SIGNER)
    role = "roles/iam.serviceAccountTokenCreator"
    fake.control("bind", resource=f"serviceAccounts/{SIGNER}", role=role, member=CALLER)
    done = []

    def step(name, call):
        done.append({"step": name} | attempt(call))

    key = fake.control("key", email=SIGNER)
    fake.control("secret", project="acme", secret="cargo", value="s3cret")
    reader = {"role": "roles/secretmanager.secretAccessor", "member": f"serviceAccount:{SIGNER}"}
    fake.control("bind", resource="projects/acme/secrets/cargo", **reader)
    step("sign for the service", lambda: _read(fake, key, "https://secretmanager.googleapis.com/"))
    step("sign for another service", lambda: _read(fake, key, "https://pubsub.googleapis.com/"))
    step("sign for a day", lambda: _read(fake, key, token_lifetime=86400))
    step("sign what is long over", lambda: _read(fake, key, token_lifetime=-60))
    step("sign for somebody else", lambda: _read(fake, key, subject=kinds.account("somebody-else")))
    other = fake.control("key", email=kinds.account("somebody-else"))
    step("sign with another's key", lambda: _read(fake, key | {"private_key": other["private_key"]}))
    fake.control("delete_key", email=SIGNER, key=key["private_key_id"])
    step("sign with a key that was deleted", lambda: _read(fake, key))

    caller = bearer(fake.control("token", member=CALLER))
    step("sign a JWT", lambda: _signed_jwt(caller))
    step("sign bytes", lambda: _signed_bytes(caller))
    step("sign without a right", lambda: _signed_jwt(bearer(fake.control("token", member="user:eve@example.com"))))

    fake.control("machine", project="acme", account=kinds.account("of-the-machine"))
    step("identity of the machine", _machine)
    step("identity for another audience", lambda: _machine("https://vault.example.org"))
    step("identity of an account by IAM", lambda: _by_iam(caller))
    return done


def _read(fake, key, audience="https://secretmanager.googleapis.com/", **more):
    credentials = google.auth.jwt.Credentials.from_service_account_info(key, audience=audience, **more)
    # Over gRPC, no client takes the refusal of a token for a reason to make another.
    client = fake.client(credentials, "grpc")
    return client.access_secret_version(name="projects/acme/secrets/cargo/versions/1").payload.data.decode()


def _signed_jwt(caller):
    session = google.auth.transport.requests.AuthorizedSession(caller)
    claims = {"sub": SIGNER, "aud": "vault/ci", "exp": int(time.time()) + 600, "iat": int(time.time())}
    answer = session.post(f"{IAM}:signJwt", json={"payload": json.dumps(claims)}).json()
    if "error" in answer:
        return answer
    read = google.auth.jwt.decode(answer["signedJwt"], certs=requests.get(CERTIFICATES).json(), audience="vault/ci")
    known = google.auth.jwt.decode_header(answer["signedJwt"])["kid"] == answer["keyId"]
    return {"sub": read["sub"], "aud": read["aud"], "names its key": known}


def _signed_bytes(caller):
    credentials = google.auth.impersonated_credentials.Credentials(caller, SIGNER, [CLOUD_PLATFORM])
    signature = credentials.sign_bytes(b"anything")
    certificates = requests.get(CERTIFICATES).json().values()
    return any(google.auth.crypt.verify_signature(b"anything", signature, each) for each in certificates)


def _machine(verified_for="https://vault.example.com"):
    request = google.auth.transport.requests.Request()
    token = google.oauth2.id_token.fetch_id_token(request, "https://vault.example.com")
    return _identity(request, token, verified_for)


def _by_iam(caller):
    request = google.auth.transport.requests.Request()
    impersonated = google.auth.impersonated_credentials.Credentials(caller, SIGNER, [CLOUD_PLATFORM])
    credentials = google.auth.impersonated_credentials.IDTokenCredentials(
        impersonated, target_audience="https://vault.example.com", include_email=True
    )
    credentials.refresh(request)
    return _identity(request, credentials.token, "https://vault.example.com")


def _identity(request, token, audience):
    try:
        read = google.oauth2.id_token.verify_oauth2_token(token, request, audience)
    except ValueError as error:
        return {"not verified": str(error)}
    return {name: read[name] for name in ("iss", "aud", "email", "google") if name in read}
