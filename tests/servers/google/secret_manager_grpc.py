"""Secret Manager's gRPC, without TLS."""

import concurrent.futures

import grpc
from google.protobuf import empty_pb2
from grpc_status import rpc_status

import secret_manager
from front import Request
from refusals import Refused

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


def start(world):
    """Starts it on a free port of loopback, and gives host and port."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
    handlers = {name: _handler(world, name, kind) for name, kind in secret_manager.METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # It stops when nobody has it any more.
    world.grpc = server
    return f"127.0.0.1:{port}"


def _handler(world, name, kind):
    def answer(message, context):
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        with world.lock:
            world.requests.append(Request("GRPC", f"/{SERVICE}/{name}", headers, b""))
            try:
                given = secret_manager.call(world, name, message, headers)
            except Refused as refused:
                status = rpc_status.to_status(refused.status())
                context.abort_with_status(status)
        return empty_pb2.Empty() if given is None else given

    serialize = kind.response.serialize if kind.response else empty_pb2.Empty.SerializeToString
    return grpc.unary_unary_rpc_method_handler(answer, kind.request.deserialize, serialize)
