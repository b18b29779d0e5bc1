"""Runs moto on a free port of loopback, and asks it through boto3 for whoever writes to standard input.

First it prints one line of JSON with its `url`. Then each line of standard input is a request: `service`, `call` (as boto3
names it), `with` (its arguments), and optionally `region` and `keys` (access key id, secret key, session token). Each
is answered by one line: `{"ok": …}` or `{"error": {"Code": …, "Message": …}}`. Bytes are `{"$base64": "…"}` in both
directions. `{"call": "check"}` turns on moto's checks of signatures and rights, for good.

It ends with standard input, so it never outlives a test, however that ends.
"""

import base64
import functools
import json
import os
import sys
import threading
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
from moto.secretsmanager.models import SecretsManagerBackend
from moto.server import ThreadedMotoServer


def main():
    move_labels_as_aws_does()
    said = sys.stdout
    # What moto prints is no answer.
    sys.stdout = sys.stderr
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    say(said, {"url": url})
    for line in sys.stdin:
        say(said, answer(url, decoded(json.loads(line))))
    # Threads that serve are of no use to anybody now.
    os._exit(0)


def move_labels_as_aws_does():
    """To moto, what is read without a label stays what it was when `AWSCURRENT` moves; and two may move it at once."""
    moto, lock = SecretsManagerBackend.update_secret_version_stage, threading.Lock()

    def move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        with lock:
            moved = moto(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
            if version_stage == "AWSCURRENT":
                self.secrets[secret_id].set_default_version_id(move_to_version_id)
            return moved

    SecretsManagerBackend.update_secret_version_stage = move


def say(said, answer):
    said.write(json.dumps(encoded(answer)) + "\n")
    said.flush()


def answer(url, request):
    if request["call"] == "check":
        # The type of a form, which is the default, would be taken for one and be empty.
        body = {"data": b"0", "headers": {"Content-Type": "text/plain"}}
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset-auth", **body)).close()
        return {"ok": None}
    keys = tuple(request.get("keys") or ("test", "test"))
    client = connect(url, request["service"], request.get("region") or "eu-west-1", keys)
    try:
        given = getattr(client, request["call"])(**request.get("with") or {})
    except botocore.exceptions.ClientError as error:
        return {"error": error.response["Error"]}
    given.pop("ResponseMetadata", None)
    return {"ok": given}


@functools.lru_cache(maxsize=None)
def connect(url, service, region, keys):
    config = botocore.config.Config(proxies={}, retries={"total_max_attempts": 1}, inject_host_prefix=False)
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=keys[2] if len(keys) > 2 else None,
        config=config,
    )


def encoded(value):
    match value:
        case dict():
            return {key: encoded(each) for key, each in value.items()}
        case list() | tuple():
            return [encoded(each) for each in value]
        case bytes():
            return {"$base64": base64.b64encode(value).decode()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def decoded(value):
    match value:
        case {"$base64": text}:
            return base64.b64decode(text)
        case dict():
            return {key: decoded(each) for key, each in value.items()}
        case list():
            return [decoded(each) for each in value]
        case _:
            return value


if __name__ == "__main__":
    main()
