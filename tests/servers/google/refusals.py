"""How Google's services say no: `google.rpc.Status` with its details, and OAuth's two fields."""

import json

from google.protobuf import any_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

# google/rpc/code.proto says which status of HTTP each is.
HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}


class Refused(Exception):
    """A refusal of an API, as gRPC and REST both say it."""

    def __init__(self, code, message, *details):
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    @property
    def http_status(self):
        return HTTP[self.code]

    def status(self):
        said = status_pb2.Status(code=code_pb2.Code.Value(self.code), message=self.message)
        for detail in self.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            said.details.append(packed)
        return said

    def body(self):
        error = {"code": self.http_status, "message": self.message, "status": self.code}
        if self.details:
            error["details"] = json_format.MessageToDict(self.status())["details"]
        return json.dumps({"error": error}, indent=2, ensure_ascii=False).encode() + b"\n"


class OAuthRefused(Exception):
    """A refusal of the OAuth endpoint or of the Security Token Service (RFC 6749, 5.2)."""

    def __init__(self, error, description, status=400):
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.http_status = status

    def body(self):
        return json.dumps({"error": self.error, "error_description": self.description}, ensure_ascii=False).encode()


def reason(name, domain, **metadata):
    return error_details_pb2.ErrorInfo(reason=name, domain=domain, metadata=metadata)


def link(description, url):
    return error_details_pb2.Help(links=[error_details_pb2.Help.Link(description=description, url=url)])
