"""What ci/supply counts and writes.

    python3 ci/supply.py table ROWS [--write]      the table of what came out; --write: in docs/supply-chain.md too
    python3 ci/supply.py unsafe < cargo-tree       no unsafe code of ours; who of the linked crates has some
    python3 ci/supply.py bounds OTHER < Cargo.lock how many crates have another version in the lock file OTHER
    python3 ci/supply.py auditable JSON < cargo-tree    whether a build names what is linked
    python3 ci/supply.py mutants FOLDER [--write]  what came of each module, from cargo-mutants' own reports
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "supply-chain.md"
# In code, not in what is said of it.
UNSAFE = re.compile(r"\bunsafe\s*(?:\{|fn\b|impl\b|trait\b|extern\b|\()")
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|r#*"(?:.*?)"#*|"(?:[^"\\]|\\.)*"', re.S)

# As text: the Python of a system that is still in use has no parser of TOML.
INHERITED = re.compile(r"^\[lints\]\nworkspace = true$", re.M)
FORBIDDEN = re.compile(r"^\[lints\.rust\]\n(?:[^\[\n].*\n)*unsafe_code = \"forbid\"$", re.M)


def main(command, *arguments):
    return globals()[command](*arguments)


def table(rows, *options):
    rows = [line.split("\t") for line in Path(rows).read_text().splitlines()]
    width = max(len(row[0]) for row in rows)
    for check, result, what, seconds in rows:
        print(f"{check:{width}}  {result:7}  {seconds:>4} {'s' if seconds else ' '}  {what}")
    if "--write" in options:
        for check, result, what, seconds in rows:
            # Mutants have a row for each module, written when it was counted.
            if check != "mutants" and (result != "not run" or what.startswith("there is no release")):
                replace(check, lambda _: [what, result, f"{seconds} s"])


def replace(name, cells):
    """The row of a table of the page that begins with this name: its cells are made of those that it had."""
    def row(old):
        return "| " + " | ".join([f"`{name}`", *map(str, cells(old[1].split(" | ")))]) + " |"

    new, found = re.subn(rf"^\| `{re.escape(name)}` \| (.*) \|$", row, PAGE.read_text(), flags=re.M)
    if found != 1:
        sys.exit(f"ci/supply.py: docs/supply-chain.md has {found} rows of `{name}`")
    PAGE.write_text(new)


def unsafe():
    faults = [*lints(), *ours()]
    for fault in faults:
        print(f"ci/supply.py: {fault}", file=sys.stderr)
    with_unsafe, without = [], 0
    for name, folder in linked(sys.stdin):
        code = "".join(NO_CODE.sub(" ", file.read_text(errors="replace")) for file in folder.glob("src/**/*.rs"))
        if UNSAFE.search(code):
            with_unsafe.append(name)
        else:
            without += 1
    print(f"none of ours; of the {without + len(with_unsafe)} crates of others that are linked, {len(with_unsafe)} have some")
    Path(ROOT / "target/supply/with-unsafe").write_text("\n".join(with_unsafe) + "\n")
    return 1 if faults else 0


def lints():
    """Each package takes the lints of the workspace, or forbids it by itself."""
    if not FORBIDDEN.search((ROOT / "Cargo.toml").read_text().replace("[workspace.lints.", "[lints.")):
        yield "Cargo.toml: the lints of the workspace do not say `unsafe_code = \"forbid\"`"
    for path in tracked("*Cargo.toml"):
        manifest = path.read_text()
        if re.search(r"^\[package\]", manifest, re.M) and not INHERITED.search(manifest) and not FORBIDDEN.search(manifest):
            yield f"{path.relative_to(ROOT)}: its package may have unsafe code: `[lints] workspace = true` is missing"


def ours():
    """What no lint sees: examples in comments, sources that no target has."""
    for path in tracked("*.rs"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNSAFE.search(re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)):
                yield f"{path.relative_to(ROOT)}:{number}: unsafe code"


def tracked(pattern):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    if not names:
        sys.exit(f"ci/supply.py: no {pattern} here: this check looks at the wrong thing")
    return [path for path in (ROOT / name for name in names) if path.exists()]


def linked(tree):
    """The crates of others that `cargo tree` names, with the folders of their sources."""
    metadata = ["cargo", "metadata", "--locked", "--format-version", "1"]
    packages = json.loads(subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True, text=True).stdout)["packages"]
    folders = {(one["name"], one["version"]): Path(one["manifest_path"]).parent for one in packages if one["source"]}
    for name, version in sorted(crates(tree)):
        if (name, version) in folders:
            yield name, folders[name, version]


def crates(tree):
    return set(re.findall(r"^(\S+) v(\S+)", tree.read(), re.M))


def bounds(other):
    import tomllib

    here, there = ({(one["name"], one["version"]) for one in tomllib.loads(text)["package"] if "source" in one}
                   for text in (sys.stdin.read(), Path(other).read_text()))
    print(f"{len(there)} crates, {len(there - here)} of them in another version")


def auditable(found):
    packages = json.loads(Path(found).read_text())["packages"]
    told = {(one["name"], one["version"]) for one in packages if one.get("kind", "runtime") == "runtime"}
    wanted = crates(sys.stdin)
    for name, version in sorted(wanted - told):
        print(f"ci/supply.py: {name} {version} is linked, and the program does not say so", file=sys.stderr)
    print(f"all {len(wanted)} crates that are linked, ours among them")
    return 1 if wanted - told else 0


def mutants(folder, *options):
    total = [0, 0, 0, 0]
    for module in sorted(Path(folder).iterdir()):
        # The last run: the second, which has only what the first one missed, or the first.
        last = module / "mutants.out" / "outcomes.json"
        first, last = (json.loads(file.read_text()) for file in (module / "first.json", last))
        count = first["total_mutants"]
        survivors = last["missed"] + last["timeout"]
        unviable = first["unviable"] + (last["unviable"] if first["missed"] + first["timeout"] else 0)
        row = [count, count - survivors - unviable, unviable, survivors]
        total = [a + b for a, b in zip(total, row)]
        print(f"{module.name}: {row[0]} mutants, {row[1]} killed, {row[2]} unviable, {row[3]} survived", file=sys.stderr)
        for one in last["outcomes"]:
            if one["summary"] in ("MissedMutant", "Timeout"):
                print(f"  {one['scenario']['Mutant']['name']}", file=sys.stderr)
        if "--write" in options:
            replace(module.name, lambda old, row=row: [old[0], *row])
    print(f"{total[0]} mutants, {total[1]} killed, {total[2]} unviable, {total[3]} survived")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
