"""Runs the fake of Google on free ports of loopback.

It prints one line of JSON: `url`, where every service that speaks HTTP is, told apart by the path; `grpc`, host and port
of Secret Manager's gRPC; and `ca`, who certifies Google's own hosts for those whose HTTPS proxy is `url`. `POST
/control` there sets it up (control.py). It ends with standard input, so it never outlives a test, however that ends.
"""

import json
import os
import sys

import front
import secret_manager_grpc
import world


def main():
    said = sys.stdout
    # What a library prints is no answer.
    sys.stdout = sys.stderr
    google = world.World()
    google.url = front.start(google)
    grpc = secret_manager_grpc.start(google)
    said.write(json.dumps({"url": google.url, "grpc": grpc, "ca": google.authority.pem()}) + "\n")
    said.flush()
    sys.stdin.read()
    # Threads that serve are of no use to anybody now.
    os._exit(0)


if __name__ == "__main__":
    main()
