"""What others look up of accounts and machines: Vault does, to be sure that whoever signs in is still there."""

import json
import re
import urllib.parse

import iam
import metadata
from refusals import Refused, reason

_ACCOUNT = re.compile(r"/v1/projects/[^/]+/serviceAccounts/([^/:]+)")
_INSTANCE = re.compile(r"/compute/v1/projects/([^/]+)/zones/([^/]+)/instances/([^/]+)")
_JSON = {"Content-Type": "application/json; charset=UTF-8"}


def account(world, request):
    """A service account, by its email or its id (IAM, `projects.serviceAccounts.get`)."""
    principal = iam.caller(world, request.headers, "iam", "google.iam.admin.v1.IAM.GetServiceAccount")
    match = _ACCOUNT.fullmatch(urllib.parse.unquote(request.path))
    found = match and world.account(match[1])
    if found is None:
        raise Refused("NOT_FOUND", "Unknown service account")
    permission = "iam.serviceAccounts.get"
    if not iam.may(world, principal, permission, f"serviceAccounts/{found.email}", f"projects/{found.project.id}"):
        raise Refused(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource (or it may not exist).",
            reason("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission),
        )
    shown = {
        "name": f"projects/{found.project.id}/serviceAccounts/{found.email}",
        "projectId": found.project.id,
        "uniqueId": found.unique_id,
        "email": found.email,
        "oauth2ClientId": found.unique_id,
    }
    return 200, _JSON, json.dumps(shown, indent=2).encode()


def instance(world, request):
    """A machine, the one that the metadata server is for (Compute Engine, `instances.get`)."""
    principal = iam.caller(world, request.headers, "compute", "compute.v1.InstancesService.Get")
    match = _INSTANCE.fullmatch(request.path)
    project = match and world.project(match[1])
    if project is None or not iam.may(world, principal, "compute.instances.get", f"projects/{project.id}"):
        where = request.path.removeprefix("/compute/v1/")
        denied = f"Required 'compute.instances.get' permission for '{where}'"
        raise Refused("PERMISSION_DENIED", denied)
    if project is not world.machine_project or match.groups()[1:] != (metadata.ZONE, metadata.NAME):
        raise Refused("NOT_FOUND", f"The resource '{request.path.removeprefix('/compute/v1/')}' was not found")
    of_project = f"https://www.googleapis.com/compute/v1/projects/{project.id}"
    shown = {
        "kind": "compute#instance",
        "id": metadata.ID,
        "name": metadata.NAME,
        "zone": f"{of_project}/zones/{metadata.ZONE}",
        "selfLink": f"{of_project}/zones/{metadata.ZONE}/instances/{metadata.NAME}",
        "status": "RUNNING",
        "creationTimestamp": metadata.CREATED,
        "labels": {"team": "build"},
    }
    return 200, _JSON, json.dumps(shown, indent=2).encode()
