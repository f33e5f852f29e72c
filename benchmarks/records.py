"""Records of figures: docs/records/<name>.json, from which the tables in the docs are made.

A record says what was run, on which data and seeds, with which versions and when, and holds the
figures as rows. Benchmarks write them where asked to (--record); ``benchmarks.docs_tables`` reads
them.
"""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks.common import ROOT
from cellclassifier.output.files import write_text
from cellclassifier.output.record import PACKAGES
from cellclassifier.output.versions import versions_of

FOLDER = ROOT / "docs" / "records"
DIGITS = 6  # after the point


def read_record(name: str, folder: Path = FOLDER) -> dict:
    """What ``write_record`` wrote."""
    return json.loads((folder / f"{name}.json").read_text())


def write_record(
    name: str, command: str, rows: pd.DataFrame, seeds: list[int], data: dict[str, dict]
) -> Path:
    """Write docs/records/<name>.json, with this environment's versions and today's date.

    rows: one figure or several per row, as columns; seeds: of the splits; data: of every data set
    its file's name, SHA-256 and shape, as run records have them.
    """
    content = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "git_commit": current_commit(),
        "seeds": seeds,
        "data": data,
        "versions": {"python": platform.python_version()} | versions_of(*PACKAGES),
    }
    path = FOLDER / f"{name}.json"
    return write(path, content, json.loads(rows.to_json(orient="records", double_precision=DIGITS)))


def write(path: Path, content: dict, rows: list[dict]) -> Path:
    """JSON with a line per row, so that a difference between two measurements can be read."""
    lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    head = json.dumps(content, indent=1, ensure_ascii=False)[:-2]
    write_text(path, f'{head},\n "rows": [\n{lines}\n ]\n}}\n')
    return path


def current_commit() -> str:
    """Commit of the repository, with "-dirty" where anything but the docs is changed."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return _git("rev-parse", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
