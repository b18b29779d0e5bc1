"""Holds what an answer costs to the counts in ci/budget.json. Run it by `ci/budget`."""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys

from bench import (
    BUDGETS, crate_count, measure_connections, measure_instructions, measure_memory, measured, processor, run, set_up,
)  # fmt: skip
from bench_rows import OURS, Failure

CI = pathlib.Path(__file__).parent
COUNTS, PAGE = CI / "budget.json", CI.parent / "docs" / "budget.md"

# Instructions differ by a few in a thousand from run to run, as TLS has random numbers in it, and from one processor to
# another, by what its vector instructions can do.
MAY_GROW = 1.03
# What has no such reason to differ.
EXACT = ("connections", "requests")

TEXT = """# What an answer may cost

Counts of one run of the program, as a release has it, against the doubles of the tests over TLS on loopback; *all* is the program
itself. `ci/budget` fails where one is more than {growth:.0%} over what it was when this page was written (connections and requests: any
more), or over its limit. `ci/budget --write` writes the page: a change that needs more says so in its diff. What the counts come
to in time, beside other clients, is in [Speed](bench.md).

{table}

* Instructions are callgrind's, in millions, for the whole process; the bundle of the system has 144 authorities.
* Of the rest a few in a thousand differ between runs and processors: {processor} here, {valgrind}.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ours", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = counts(options.ours)
    if options.write:
        COUNTS.write_text(json.dumps(found, indent=2) + "\n")
    known = json.loads(COUNTS.read_text())
    rows, failures = compare(found, known)
    print(table(("case", "count", "was", "is", "change", "limit"), rows))
    if options.write:
        PAGE.write_text(page(rows))
    for failure in failures:
        print(f"ci/budget: {failure}", file=sys.stderr)
    return 1 if failures else 0


def counts(ours):
    """The counts of each case, by name."""
    with contextlib.ExitStack() as stack:
        bench, addresses = set_up(stack, {OURS: ours})
        rows = bench.clients(*addresses)
        measure_memory(bench, rows)
        measure_instructions(bench, rows)
        measure_connections(bench, rows, addresses)
    found = {}
    for row, clients in rows.items():
        client = clients[OURS]
        found[row] = {
            "instructions, M": round(client.instructions, 3),
            "connections": client.connections,
            "requests": client.requests,
        }
    peak = measured(rows, {}, "all", "peak memory, MiB")
    size = os.stat(ours).st_size / 1e6
    found["all"] = {"peak memory, MiB": round(peak, 2), "binary, MB": round(size, 2), "crates": crate_count()}
    return found


def compare(found, known):
    """The rows of the table, and what is wrong."""
    limits = {(row, {"instructions": "instructions, M"}.get(measure, measure)): limit for row, measure, limit in BUDGETS}
    if [(row, *measures) for row, measures in found.items()] != [(row, *measures) for row, measures in known.items()]:
        raise Failure(f"{COUNTS.name} is of other cases than those that were measured\nhelp: ci/budget --write")
    rows, failures = [], []
    for row, measures in found.items():
        for measure, value in measures.items():
            was, limit = known[row][measure], limits.get((row, measure))
            change = "–" if value == was else f"{value / was - 1:+.1%}" if was else "more"
            rows.append((row, measure, was, value, change, "" if limit is None else limit))
            if value > (was if measure in EXACT else was * MAY_GROW):
                failures.append(f"{row}: {measure}: {value} where it was {was} ({change})")
            if limit is not None and value > limit:
                failures.append(f"{row}: {measure}: {value} is over the limit of {limit}")
    return rows, failures


def table(head, rows):
    """Two columns of words, and of numbers what follows."""
    rule = "|---|---|" + "---:|" * (len(head) - 2)
    head, *rows = (f"| {' | '.join(map(str, cells))} |" for cells in (head, *rows))
    return "\n".join((head, rule, *rows))


def page(rows):
    # Was and is are one on the day that it is written.
    now = table(("case", "count", "is", "limit"), [(row, measure, value, limit) for row, measure, _, value, _, limit in rows])
    valgrind = subprocess.check_output(["valgrind", "--version"], text=True).strip()
    return TEXT.format(growth=MAY_GROW - 1, table=now, processor=processor(), valgrind=valgrind)


if __name__ == "__main__":
    run("ci/budget", main)
