"""Secret Manager's REST, made from gRPC as https://google.aip.dev/127 says: which path is which method, and JSON."""

import re
import urllib.parse

from google.protobuf import json_format

import secret_manager
from refusals import Refused

_VERSION = "projects/*/secrets/*/versions/*"
_SECRET = "projects/*/secrets/*"

# Method of HTTP, the name in the path, what follows it, method of gRPC, the field of the body (`*` for all of it).
_ROUTES = [
    ("GET", _VERSION, ":access", "AccessSecretVersion", None),
    ("POST", _VERSION, ":enable", "EnableSecretVersion", "*"),
    ("POST", _VERSION, ":disable", "DisableSecretVersion", "*"),
    ("POST", _VERSION, ":destroy", "DestroySecretVersion", "*"),
    ("POST", _SECRET, ":addVersion", "AddSecretVersion", "*"),
    ("GET", _SECRET, "/versions", "ListSecretVersions", None),
    ("GET", "projects/*", "/secrets", "ListSecrets", None),
    ("POST", "projects/*", "/secrets", "CreateSecret", "secret"),
    ("GET", _VERSION, "", "GetSecretVersion", None),
    ("GET", _SECRET, "", "GetSecret", None),
    ("PATCH", _SECRET, "", "UpdateSecret", "secret"),
    ("DELETE", _SECRET, "", "DeleteSecret", None),
]


def _pattern(name, suffix):
    # The same again in a location: `projects/*/locations/*/secrets/*`.
    name = name.replace("*", "[^/:]+").replace("projects/[^/:]+", "projects/[^/:]+(?:/locations/[^/:]+)?", 1)
    return re.compile(f"/v1/({name}){suffix}")


_COMPILED = [(verb, _pattern(name, suffix), method, body) for verb, name, suffix, method, body in _ROUTES]


def answer(world, request):
    """The status, headers and body of the answer to a request whose path starts with `/v1/projects/`."""
    path = urllib.parse.unquote(request.path)
    for verb, pattern, method, body_field in _COMPILED:
        match = pattern.fullmatch(path)
        if match is not None and request.method == verb:
            return _call(world, request, method, match[1], body_field)
    raise Refused("UNIMPLEMENTED", f"the fake has no {request.method} {path}")


def _call(world, request, method, name, body_field):
    kind = secret_manager.METHODS[method]
    message = _message(kind, request, name, body_field)
    given = secret_manager.call(world, method, message, request.headers)
    if given is None:
        return 200, _JSON, b"{}\n"
    # Google's clients for Python ask for numbers in place of the names of enumerations.
    numbers = "enum-encoding=int" in (request.query.get("$alt") or [""])[0]
    indent = None if request.query.get("prettyPrint") == ["false"] else 2
    message = kind.response.pb(given)
    text = json_format.MessageToJson(message, indent=indent, use_integers_for_enums=numbers, ensure_ascii=False)
    return 200, _JSON, text.encode() + b"\n"


_JSON = {"Content-Type": "application/json; charset=UTF-8"}
# They are of the system (https://cloud.google.com/apis/docs/system-parameters), all others are fields of the message.
_SYSTEM = {"alt", "fields", "key", "prettyPrint", "quotaUser"}


def _message(kind, request, name, body_field):
    message = kind.request.pb(kind.request())
    try:
        if body_field is not None:
            into = message if body_field == "*" else getattr(message, body_field)
            json_format.Parse(request.body or b"{}", into)
        fields = {key: values[-1] for key, values in request.query.items() if key not in _SYSTEM and key[0] != "$"}
        json_format.ParseDict(fields, message)
    except json_format.ParseError as error:
        raise Refused("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    if kind.name == "secret.name":
        message.secret.name = name
    else:
        setattr(message, kind.name, name)
    return kind.request.wrap(message)
