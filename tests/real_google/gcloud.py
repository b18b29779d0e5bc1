"""Google's command line, as far as the scripts of `init` use it, on the fake of Google whose URL is in FAKE.

There is nothing at first, so every `describe` fails. What it does not know of is an error.
"""

import json
import os
import re
import sys
import urllib.request


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    flags = dict(word[2:].split("=", 1) for word in sys.argv[1:] if word.startswith("--"))
    project = os.environ["CLOUDSDK_CORE_PROJECT"]
    match words:
        case ["services", "enable", *_]:
            pass
        case [*_, "describe", _]:
            sys.exit("NOT_FOUND")
        case ["iam", "workload-identity-pools", "create", _]:
            require(flags, "location")
        case ["iam", "workload-identity-pools", "providers", "create-oidc", name]:
            require(flags, "location", "workload-identity-pool", "issuer-uri", "attribute-mapping", "attribute-condition")
            provider(name, flags)
        case ["secrets", "create", name]:
            require(flags, "replication-policy", "data-file")
            control(call="secret", project=project, secret=name, value=sys.stdin.read())
        case ["secrets", "add-iam-policy-binding", name]:
            require(flags, "role", "member")
            resource = f"projects/{project}/secrets/{name}"
            control(call="bind", resource=resource, role=flags["role"], member=flags["member"])
        case _:
            sys.exit(f"unknown: {sys.argv[1:]}")


def require(flags, *names):
    if set(flags) != set(names):
        sys.exit(f"flags {sorted(flags)} are not {sorted(names)}")


def provider(name, flags):
    issuer = flags["issuer-uri"]
    pool = f"projects/{os.environ['NUMBER']}/locations/{flags['location']}/workloadIdentityPools/{flags['workload-identity-pool']}"
    with urllib.request.urlopen(f"{issuer}/jwks") as keys:
        jwks = json.load(keys)
    condition = []
    for term in flags["attribute-condition"].split(" && "):
        claim, value = re.fullmatch(r"assertion\.(\w+) == '([^']+)'", term).groups()
        condition.append([claim, value])
    mapping = dict(each.split("=", 1) for each in flags["attribute-mapping"].split(","))
    control(
        call="provider", name=f"{pool}/providers/{name}", issuer=issuer, jwks=jwks, mapping=mapping, condition=condition
    )


def control(**call):
    request = urllib.request.Request(f"{os.environ['FAKE']}/control", json.dumps(call).encode())
    with urllib.request.urlopen(request) as answer:
        given = json.load(answer)
    if "ok" not in given:
        sys.exit(given["error"])


if __name__ == "__main__":
    main()
