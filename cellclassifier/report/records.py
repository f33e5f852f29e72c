"""Figures that were measured beforehand, on other cells: docs/records."""

from __future__ import annotations

import json
from pathlib import Path


def read_record(records: Path, name: str) -> dict:
    """A record of docs/records, empty where it is not there."""
    try:
        return json.loads((records / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
