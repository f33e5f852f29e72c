"""Peers that live in an environment of their own: they want other libraries than this house."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import pandas as pd

from cellclassifier.comparison.plan import PLAIN
from cellclassifier.errors import InputError
from cellclassifier.output.tables import write_csv

LONGEST = 300  # letters of what another program said
ALONE = "in its own environment"
NUMBERS = ("split", "macro_f1", "accuracy", "fit_cpu_seconds", "predict_cpu_seconds")


@dataclass(frozen=True)
class Peer:
    """Another program; requirements: of its environment; script: given cells and parts, scores it.

    The script prints, in its last line, a JSON list of the ``NUMBERS`` of every split.
    """

    name: str
    requirements: str
    script: str


PEERS = {
    "celltypist": Peer("CellTypist", "requirements-celltypist.txt", "celltypist_way.py"),
    "scanvi": Peer("scANVI", "requirements-scanvi.txt", "scanvi_way.py"),
}
# Peers that cannot be run here, and why.
ABSENT = {
    "original_cellular": "cellular-cl 0.0.4 puts a loss on a GPU and hides the error where "
    "there is none: docs/cellular.md has what was measured before"
}


def peer_rows(
    pythons: Mapping[str, Path | None], folder: Path, cells: ad.AnnData, parts: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows of ``comparison.csv`` of every peer that has a Python, and why others have none.

    pythons: of ``PEERS``; folder: of their scripts. Raises InputError where one does not run.
    """
    absent = {
        name: f"--{name} names no Python of an environment with {peer.requirements}"
        for name, peer in PEERS.items()
        if pythons.get(name) is None
    }
    there = [name for name in PEERS if name not in absent]
    tables = [scored(name, pythons[name], folder, cells, parts) for name in there]
    return (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()), absent | ABSENT


def scored(
    name: str, python: Path, folder: Path, cells: ad.AnnData, parts: pd.DataFrame
) -> pd.DataFrame:
    """Rows of one peer, trained and scored on the same splits by another Python."""
    with tempfile.TemporaryDirectory() as work:
        files = Path(work) / "cells.h5ad", Path(work) / "parts.csv"
        ad.AnnData(cells.X, obs=cells.obs[["cell_type"]], var=cells.var[[]]).write_h5ad(files[0])
        write_csv(files[1], parts.reset_index())
        command = [str(python), str(folder / PEERS[name].script), *map(str, files)]
        rows = _printed(command, PEERS[name])
    table = pd.DataFrame(rows)[list(NUMBERS)].assign(method=name, trial=PLAIN, level="", note=ALONE)
    for part in ("train", "test"):
        table[f"n_{part}"] = [int((parts[split] == part).sum()) for split in table["split"]]
    return table


def _printed(command: list[str], peer: Peer) -> list[dict]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        rows = json.loads(done.stdout.splitlines()[-1])
        if not all(isinstance(row[name], int | float) for row in rows for name in NUMBERS):
            raise ValueError("no numbers")
        return rows
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        said = "" if isinstance(error, OSError) else done.stderr[-LONGEST:]
        raise InputError(
            f"{command[0]} did not run {peer.name} ({said or error}): expected a Python of an "
            f"environment with {peer.requirements}"
        ) from error
