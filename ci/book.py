#!/usr/bin/env python3
"""Checks the guide that mdBook has built: python3 ci/book.py target/book

* Each page in docs/ is in SUMMARY.md.
* Each link between pages leads to something, its anchor too, and so does one to a file of this repository, or from
  README.md and its like to one.
* Each code block that says `file=PATH` is that file, whole; what is included says so. Each example is shown.
* Each error of the program is on the page of errors, by its words.
* Each key of the config is in the reference.
"""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/cargo-credential-bridge/cargo-credential-bridge/"
# What mdBook makes of all pages together.
MADE = {"404.html", "print.html", "toc.html"}
# What nobody is told: the end of a request that `explain` only notes.
UNSEEN = {"nothing is sent"}


class Page(HTMLParser):
    """The anchors, the links and the code blocks of a page."""

    def __init__(self, path):
        super().__init__()
        self.path, self.ids, self.links, self.blocks = path, set(), [], []
        self.block = None
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(attributes.get(name) for name in ("id", "name"))
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])
        if tag == "code":
            self.block = [attributes.get("class") or "", ""]

    def handle_endtag(self, tag):
        if tag == "code" and self.block:
            self.blocks.append(self.block)
            self.block = None

    def handle_data(self, data):
        if self.block:
            self.block[1] += data


def main(book):
    book = book.resolve()
    pages = {page: Page(page) for page in sorted(book.rglob("*.html")) if page.name not in MADE}
    faults = [*summary(), *includes(), *links(book, pages), *outside(), *files(pages), *errors(), *keys()]
    for fault in faults:
        print(f"ci/book.py: {fault}", file=sys.stderr)
    print(f"{len(pages)} pages, {len(faults)} faults")
    return 1 if faults else 0


def summary():
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "SUMMARY.md").read_text()))
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS).as_posix()
        if name != "SUMMARY.md" and name not in listed:
            yield f"docs/{name} is not in docs/SUMMARY.md"


def links(book, pages):
    for path, page in pages.items():
        for link in page.links:
            why = broken(book, pages, path, link)
            if why:
                yield f"{path.relative_to(book)}: the link `{link}` {why}"


def broken(book, pages, path, link):
    if link.startswith(REPOSITORY):
        found = re.match(r"(?:blob|tree|edit)/main/([^#]*)", link[len(REPOSITORY):])
        if found and not (ROOT / unquote(found[1])).exists():
            return "leads to no file of this repository"
        return None
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(book):
        return f"leads out of the guide: what is in the repository is at {REPOSITORY}blob/main/"
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "leads nowhere"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        return "names an anchor that its page does not have"
    return None


def outside():
    """The pages that are not in the guide."""
    for page in sorted(ROOT.glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (ROOT / link).exists():
                yield f"{page.name}: the link `{link}` leads nowhere"


def includes():
    """mdBook goes on where an included file is missing."""
    for page in sorted(DOCS.rglob("*.md")):
        lines = page.read_text().splitlines()
        for before, line in zip(lines, lines[1:]):
            for target in re.findall(r"\{\{#\w+ ([^}]+)\}\}", line):
                file = (page.parent / target).resolve()
                where = f"{page.relative_to(ROOT)} includes `{target}`"
                if not file.exists():
                    yield f"{where}, which does not exist"
                elif f"file={file.relative_to(ROOT).as_posix()}" not in before:
                    yield f"{where} without `file=` in the line before"


def files(pages):
    shown = set()
    for path, page in pages.items():
        for classes, text in page.blocks:
            for name in re.findall(r"\bfile=(\S+)", classes):
                shown.add(name)
                file = ROOT / name
                if not file.exists() or file.read_text().strip() != text.strip():
                    yield f"{path.name}: a block is not the file `{name}` that it says it is"
    for file in sorted(ROOT.glob("examples/*/*")):
        name = file.relative_to(ROOT).as_posix()
        if file.parent.name != "demo" and name not in shown:
            yield f"`{name}` is on no page"


def errors():
    page = words((DOCS / "errors.md").read_text())
    for path, message in messages():
        # What stands between two values is the same in every error.
        fixed = max(re.split(r"\{[^}]*\}", message.replace("{{", "").replace("}}", "")), key=len)
        if message not in UNSEEN and words(fixed) not in page:
            yield f"docs/errors.md has nothing on `{message}` ({path.relative_to(ROOT)})"


def messages():
    """What each error says first: the text that it is made with, or all texts of the function that chooses one."""
    text = r'(?:format!\(\s*)?"((?:[^"\\]|\\.)*)"'
    for path in sorted([*ROOT.glob("src/**/*.rs"), *ROOT.glob("backends/*/src/**/*.rs")]):
        if "tests" in path.parts or path.name == "tests.rs":
            continue
        source = re.split(r"#\[cfg\((?:all\()?test\b", path.read_text())[0]
        found = re.findall(rf"\bError::(?:new|joined)\(\s*(?:[^\"(){{}};,]|\([^()]*\))*,\s*{text}", source)
        found += re.findall(rf"(?:\bFault::new\(|\blet what =)\s*{text}", source)
        for body in re.findall(r"\n(?:pub\(super\) )?fn what\(.*?\n\}", source, re.S):
            found += [found for found in re.findall(r'"((?:[^"\\]|\\.)*)"', body) if " " in found]
        for message in found:
            yield path, re.sub(r"\\\n\s*", "", message).replace('\\"', '"')


def words(text):
    return " ".join(re.sub(r"[`*|\\]", "", text).split()).strip(" ,;:")


def keys():
    schema = ROOT / "src" / "cli" / "schema.json"
    if not schema.exists():
        return
    named = {
        word
        for code in re.findall(r"`([^`\n]+)`", (DOCS / "config.md").read_text())
        for word in re.findall(r"[\w-]+", code)
    }
    for key in sorted(set(properties(json.loads(schema.read_text()))) - named):
        if not key.startswith("$"):
            yield f"docs/config.md has nothing on the key `{key}` of src/cli/schema.json"


def properties(schema):
    if isinstance(schema, dict):
        named = schema.get("properties")
        if isinstance(named, dict):
            yield from named
        for below in schema.values():
            yield from properties(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from properties(below)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
