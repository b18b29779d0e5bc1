"""The metadata server of a machine of Google's (https://cloud.google.com/compute/docs/metadata/overview)."""

import json
import urllib.parse

import oauth

_BASE = "/computeMetadata/v1/"
# The one machine.
ID, NAME, ZONE = "4520031799277581759", "runner", "europe-west1-b"
CREATED, _CREATED_SECONDS = "2026-01-01T00:00:00.000Z", 1767225600
_PAGE = """<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error {code} ({name})!!1</title>
  <p><b>{code}.</b> <ins>That’s an error.</ins>
  <p>{text} <ins>That’s all we know.</ins>
"""


def root(world, request):
    """Clients that only want to know whether there is a metadata server ask for `/`."""
    if request.path == "/" and world.machine_project is not None:
        return 200, _headers("application/text"), b"computeMetadata/\n"
    return _error(404, "Not Found", request)


def answer(world, request):
    if world.machine_project is None:
        return _error(404, "Not Found", request)
    if request.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in request.headers:
        return _error(403, "Forbidden", request)
    path = urllib.parse.unquote(request.path).removeprefix(_BASE)
    found = _machine(world, path)
    if found is None and path.startswith("instance/service-accounts/"):
        found = _account(world, path.removeprefix("instance/service-accounts/"), request)
    if found is None:
        return _error(404, "Not Found", request)
    if isinstance(found, tuple):
        return found
    kind = "application/text" if isinstance(found, str) else "application/json"
    text = found if isinstance(found, str) else json.dumps(found)
    return 200, _headers(kind), text.encode()


def _machine(world, path):
    project = world.machine_project
    return {
        "project/project-id": project.id,
        "project/numeric-project-id": project.number,
        "universe/universe-domain": world.universe,
        "instance/id": ID,
        "instance/name": NAME,
        "instance/zone": f"projects/{project.number}/zones/{ZONE}",
    }.get(path)


def _account(world, path, request):
    if world.attached is None:
        return None
    account, scopes = world.attached
    if path == "":
        return f"default/\n{account.email}/\n"
    name, _, what = path.partition("/")
    if name not in ("default", account.email):
        return None
    match what:
        case "":
            if request.query.get("recursive") == ["true"]:
                return {"aliases": ["default"], "email": account.email, "scopes": scopes}
            return "aliases\nemail\nidentity\nscopes\ntoken\n"
        case "email":
            return account.email
        case "aliases":
            return "default\n"
        case "scopes":
            return "".join(f"{each}\n" for each in scopes)
        case "token":
            return _token(world, account, scopes, request)
        case "identity":
            return _identity(world, account, request)
    return None


def _token(world, account, scopes, request):
    asked = [each for text in request.query.get("scopes", []) for each in text.split(",")]
    token, lifetime = world.issue(account.principal(), asked or scopes)
    return {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}


def _identity(world, account, request):
    audience = (request.query.get("audience") or [""])[0]
    if not audience:
        return 400, _headers("text/html"), b"non-empty audience parameter required\n"
    more = {}
    if request.query.get("format") == ["full"]:
        project = world.machine_project
        engine = {"instance_id": ID, "instance_name": NAME, "zone": ZONE}
        engine |= {"project_id": project.id, "project_number": int(project.number)}
        engine["instance_creation_timestamp"] = _CREATED_SECONDS
        more = {"google": {"compute_engine": engine}}
    return oauth.identity(world, account, audience, **more)


def _headers(kind):
    return {"Metadata-Flavor": "Google", "Content-Type": kind, "Server": "Metadata Server for VM"}


def _error(code, name, request):
    text = "The requested URL <code>{path}</code> was not found on this server."
    if code == 403:
        text = "Your client does not have permission to get URL <code>{path}</code> from this server. Missing"
        text += " Metadata-Flavor:Google header."
    page = _PAGE.format(code=code, name=name, text=text.format(path=request.path))
    return code, _headers("text/html; charset=UTF-8"), page.encode()
