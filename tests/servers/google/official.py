"""Google's own clients against the fake: `official.py PART`, with JSON on standard input and standard output.

`url` and `grpc` say where the fake is, and `ca` who certifies Google's own hosts, to which it is the proxy. The parts
are `read`, which reads one version (below), and each `official_PART.py`. Those set the fake up for themselves, and answer
by the list of what they did: `step`, and what was `read` or how it was `refused`.
"""

import base64
import collections
import json
import os
import sys
import tempfile

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import grpc
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.transport.grpc import AuthMetadataPlugin
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service import transports
from google.oauth2 import service_account

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
# At the fake's address, at Google's own through the proxy, and over gRPC.
TRANSPORTS = ("rest", "google", "grpc")


def main():
    import official_credentials
    import official_refusals
    import official_secrets
    import official_signatures

    parts = {
        "read": read,
        "secrets": official_secrets.steps,
        "credentials": official_credentials.steps,
        "refusals": official_refusals.steps,
        "signatures": official_signatures.steps,
    }
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        fake = Fake(asked, folder)
        # Nothing of the machine's own: no project, no credentials that somebody left there.
        os.environ |= {"GOOGLE_CLOUD_PROJECT": "acme", "CLOUDSDK_CONFIG": folder}
        # Some of Google's hosts cannot be replaced in the clients.
        os.environ |= {"https_proxy": fake.url, "no_proxy": "127.0.0.1"}
        os.environ["REQUESTS_CA_BUNDLE"] = fake.file("ca.pem", asked["ca"])
        json.dump(parts[sys.argv[1]](fake), sys.stdout)


class Fake:
    """Where the fake is, how to set it up, and a folder for the test's files."""

    def __init__(self, asked, folder):
        self.asked = asked
        self.url = asked["url"]
        self.grpc = asked["grpc"]
        self.folder = folder

    def control(self, call, **arguments):
        answer = requests.post(f"{self.url}/control", json={"call": call, **arguments}).json()
        if "ok" not in answer:
            raise SystemExit(f"{call} {arguments}: {answer}")
        return answer["ok"]

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def client(self, credentials, transport="rest", endpoint=None):
        """The client of Secret Manager, over one of the transports; `google` may be at another host of Google's."""
        if transport != "grpc":
            options = ClientOptions(api_endpoint=self.url if transport == "rest" else endpoint)
            return secretmanager_v1.SecretManagerServiceClient(
                credentials=credentials, transport="rest", client_options=options
            )
        # A channel without TLS takes no credentials of its own accord.
        channel = grpc.insecure_channel(self.grpc, options=[("grpc.enable_http_proxy", 0)])
        channel = grpc.intercept_channel(channel, _Bearer(credentials))
        transport = transports.SecretManagerServiceGrpcTransport(channel=channel)
        return secretmanager_v1.SecretManagerServiceClient(transport=transport)


class _Bearer(grpc.UnaryUnaryClientInterceptor):
    """Does what Google's transport does with credentials on a channel that has TLS."""

    def __init__(self, credentials):
        if isinstance(credentials, service_account.Credentials):
            credentials = credentials.with_always_use_jwt_access(True)
        request = google.auth.transport.requests.Request()
        self.plugin = AuthMetadataPlugin(credentials, request, default_host="secretmanager.googleapis.com")

    def intercept_unary_unary(self, continuation, details, request):
        service, _, method = details.method.rpartition("/")
        context = _Context(f"https://secretmanager.googleapis.com{service}", method)
        added = self.plugin._get_authorization_headers(context)
        return continuation(details._replace(metadata=[*(details.metadata or ()), *added]), request)


_Context = collections.namedtuple("_Context", "service_url method_name")


def bearer(token):
    """Credentials that are a token outright."""
    return google.oauth2.credentials.Credentials(token)


def read(fake):
    """Reads the version `name` with the `token`, or as the file in `credentials` says, by `transport`."""
    if "token" in fake.asked:
        credentials = bearer(fake.asked["token"])
    else:
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = fake.file("credentials.json", fake.asked["credentials"])
        credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    client = fake.client(credentials, fake.asked.get("transport", "rest"))
    return attempt(lambda: version_of(client.access_secret_version(name=fake.asked["name"])))


def version_of(answer):
    return {
        "name": answer.name,
        "base64": base64.b64encode(answer.payload.data).decode(),
        "crc32c": answer.payload.data_crc32c,
    }


def attempt(call):
    """What a call reads, or how it is refused, as Google's clients understand the refusal."""
    try:
        return {"read": call()}
    except exceptions.GoogleAPICallError as error:
        metadata = dict(error.metadata) if error.metadata else None
        refused = {"code": int(error.code), "message": error.message, "reason": error.reason, "metadata": metadata}
        return {"refused": refused}
    except google.auth.exceptions.GoogleAuthError as error:
        # What is no text repeats the text.
        texts = [each for each in error.args if isinstance(each, str)] or [str(error)]
        return {"refused": {"error": type(error).__name__, "message": " ".join(texts)}}


if __name__ == "__main__":
    main()
