"""Make the tables of figures in README.md and docs/ from docs/records (make docs-tables).

    python -m benchmarks.docs_tables            # write them
    python -m benchmarks.docs_tables --check    # only say whether they are up to date

A table stands between two comments of a page, and is never written by hand:

    <!-- table: baselines_macro_f1 -->
    <!-- end -->

``docs_layouts.TABLES`` says what each of them holds. Below it stands where its figures come from.
"""

from __future__ import annotations

import re
import sys

import tyro

from benchmarks.common import ROOT
from benchmarks.docs_layouts import TABLES
from benchmarks.records import read_record

MARKED = re.compile(r"^<!-- table: (\S+) -->\n.*?^<!-- end -->", re.DOTALL | re.MULTILINE)
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def main(check: bool = False) -> None:
    """Write the tables of every page; with ``check`` only exit with 1 where one is out of date."""
    old = {page: page.read_text() for page in PAGES}
    stale = {page: text for page, text in old.items() if updated(text) != text}
    for page, text in stale.items():
        if not check:
            page.write_text(updated(text))
        print(f"{'out of date' if check else 'written'}: {page.relative_to(ROOT)}")
    if check and stale:
        sys.exit("make docs-tables writes them again")


def updated(page: str) -> str:
    """A page with its tables made anew."""
    return MARKED.sub(
        lambda found: f"<!-- table: {found[1]} -->\n{made(found[1])}<!-- end -->", page
    )


def made(name: str) -> str:
    """A table in Markdown, and a sentence that says where its figures come from."""
    table = TABLES[name]
    try:
        record = read_record(table.record)
    except FileNotFoundError:
        return f"\n*Not measured yet: docs/records has no {table.record}.json.*\n\n"
    headings, *rows = without_empty_columns(table.lines(record["rows"]))
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n{text}\n\n{origin(record)}\n\n"


def without_empty_columns(lines: list[list[str]]) -> list[list[str]]:
    """Of a table, headings first, the columns that say anything."""
    kept = [i for i in range(len(lines[0])) if any(row[i] for row in lines[1:])]
    return [[row[i] for i in kept] for row in lines]


def origin(record: dict) -> str:
    """Where figures come from: command, seeds, commit, date, and what else is to be known."""
    seeds = record["seeds"]
    which = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    commit = record["git_commit"].removesuffix("-dirty")[:7]
    note = f" {record['note']}" if record.get("note") else ""
    return f"*`{record['command']}`, {which}, commit {commit}, {record['date']}.{note}*"


if __name__ == "__main__":
    tyro.cli(main)
