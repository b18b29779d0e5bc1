"""AWS's command line, as far as the scripts of `init` use it: any call by boto3, with `--name value` as its arguments.

The real one is not among what the tests install.
"""

import os
import sys

import boto3
import botocore.exceptions


def main():
    service, command, *words = sys.argv[1:]
    given = {}
    while words:
        name = words.pop(0).removeprefix("--")
        given[name] = []
        while words and not words[0].startswith("--"):
            given[name].append(words.pop(0))
    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    method = command.replace("-", "_")
    operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = operation.input_shape.members
    known = {name.lower(): name for name in members}
    arguments = {}
    for name, values in given.items():
        member = known[name.replace("-", "")]
        values = [content(value) for value in values]
        arguments[member] = values if members[member].type_name == "list" else values[0]
    try:
        getattr(client, method)(**arguments)
    except botocore.exceptions.ClientError as error:
        sys.exit(f"An error occurred: {error}")


def content(value):
    if not value.startswith("file://"):
        return value
    with open(value.removeprefix("file://")) as file:
        return file.read()


if __name__ == "__main__":
    main()
