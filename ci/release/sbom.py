"""Checks a bill of materials: python3 ci/release/sbom.py FILE.cdx.json CRATES

It must be valid CycloneDX, and name the crates in CRATES (a name and a version on each line), each part with its licence.
It may name one or two more: Cargo tells the features of a package, not those of one build of it. The Python is that of
`ci/install cyclonedx-check`.
"""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(file, crates):
    text = pathlib.Path(file).read_text()
    fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if fault:
        return f"{file}: {fault}"
    bill = json.loads(text)
    program = bill["metadata"]["component"]
    listed = {(part["name"], part["version"]) for part in [program, *bill["components"]]}
    linked = {tuple(line.split()) for line in pathlib.Path(crates).read_text().splitlines()}
    if linked - listed:
        return f"linked and not listed: {sorted(linked - listed)}"
    bare = [part["name"] for part in bill["components"] if not part.get("licenses")]
    if bare:
        return f"without a licence: {bare}"
    print(f"{len(linked)} crates, and listed besides: {sorted(listed - linked)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
