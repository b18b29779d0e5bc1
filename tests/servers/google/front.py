"""The one HTTP server: it keeps what it is asked, finds the service by the path, and answers in its place if told to.

It is a proxy too: whoever asks for `CONNECT` to a host of Google's talks TLS with that host right here, and there only
that host's service answers.
"""

import dataclasses
import http.server
import re
import threading
import traceback
import urllib.parse

import aws
import certificates
import control
import directory
import iam_credentials
import metadata
import oauth
import secret_manager_rest
import sts
from refusals import OAuthRefused, Refused


@dataclasses.dataclass
class Request:
    method: str
    # With the query, as it was sent.
    target: str
    # Names in lower case.
    headers: dict
    body: bytes
    # The host of Google's that somebody came for through the proxy.
    host: str | None = None

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return urllib.parse.parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def shown(self):
        shown = {"method": self.method, "path": self.target, "headers": self.headers}
        return shown | {"body": self.body.decode("utf-8", "replace")}


# The first that fits, by the start of method and path, and by the host in front of the universe's domain.
_SERVICES = [
    ("POST /v1/token", "sts", sts.answer),
    ("POST /v1/oauthtoken", "sts", oauth.answer),
    ("POST /token", "oauth2", oauth.answer),
    ("POST /v1/projects/-/serviceAccounts/", "iamcredentials", iam_credentials.answer),
    ("GET /v1/projects/-/serviceAccounts/", "iam", directory.account),
    ("GET /compute/v1/projects/", "compute", directory.instance),
    ("GET /robot/v1/metadata/", "www", certificates.answer),
    ("GET /service_accounts/v1/", "www", certificates.answer),
    ("GET /oauth2/", "www", certificates.answer),
    ("GET /computeMetadata", None, metadata.answer),
    ("GET /latest/", None, aws.answer),
    ("PUT /latest/", None, aws.answer),
    ("GET /page/", None, control.page),
]
# All its methods.
_SECRETS = "/v1/projects/"
_LOCATION = re.compile(r"/v1/projects/[^/]+/locations/([^/]+)/")


def start(world):
    """Starts it on a free port of loopback, and gives its URL."""

    class Handler(_Handler):
        google = world

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        """Says nothing of clients that hang up, or that do not trust the certificate: both are what some tests want."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece.
    wbufsize = -1
    google = None
    host = None

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length), self.host)
        with self.google.lock:
            status, headers, body = _answer(self.google, request)
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.send_response_only(200)
        self.end_headers()
        self.wfile.flush()
        host = self.path.rpartition(":")[0]
        self.connection = self.google.authority.context(host).wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", -1)
        self.host = host
        self.close_connection = False

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


def _answer(world, request):
    json = {"Content-Type": "application/json; charset=UTF-8"}
    try:
        if request.path == "/control" and request.host is None:
            return 200, json, control.answer(world, request.body)
        world.requests.append(request)
        if (wanted := _wanted(world, request)) is not None:
            return wanted.status, wanted.headers, wanted.body
        return _service(world, request)(world, request)
    except Refused as refused:
        if refused.http_status == 401:
            json["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
        return refused.http_status, json, refused.body()
    except OAuthRefused as refused:
        return refused.http_status, json, refused.body()
    except Exception:
        # A mistake of the fake: whoever sees it wants to see all of it.
        return 500, {"Content-Type": "text/plain"}, traceback.format_exc().encode()


def _service(world, request):
    asked = f"{request.method} {request.path}"
    for start_of_it, name, answer in _SERVICES:
        if asked.startswith(start_of_it) and _is_at(world, request, name):
            return answer
    if request.path.startswith(_SECRETS) and _is_at(world, request, "secretmanager"):
        return secret_manager_rest.answer
    # The metadata server is the only one that has something to say at its root.
    return metadata.root


def _is_at(world, request, name):
    """Whether the service is at the host that was asked: all are where no host was."""
    if request.host is None:
        return True
    location = _LOCATION.match(request.path)
    if name == "secretmanager" and location is not None:
        return request.host == f"secretmanager.{location[1]}.rep.{world.universe}"
    return request.host == f"{name}.{world.universe}"


def _wanted(world, request):
    for wanted in world.answers:
        if request.path.endswith(wanted.path) and wanted.times > 0:
            wanted.times -= 1
            return wanted
    return None
