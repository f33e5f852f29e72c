"""Peers that live in an environment of their own: CellTypist, which wants another scikit-learn."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import anndata as ad
import pandas as pd

from cellclassifier.comparison.plan import PLAIN
from cellclassifier.errors import InputError
from cellclassifier.output.tables import write_csv

CELLTYPIST = "celltypist"
LONGEST = 300  # letters of what another program said


def celltypist_rows(
    python: Path, script: Path, cells: ad.AnnData, parts: pd.DataFrame
) -> pd.DataFrame:
    """Rows of CellTypist, trained and scored on the same splits by another Python.

    python: of an environment with requirements-celltypist.txt; script: given a file of cells and
    one of parts, it prints a JSON list of split, macro_f1 and seconds in its last line. Raises
    InputError where that does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "cells.h5ad", Path(folder) / "parts.csv"
        ad.AnnData(cells.X, obs=cells.obs[["cell_type"]], var=cells.var[[]]).write_h5ad(files[0])
        write_csv(files[1], parts.reset_index())
        rows = _printed([str(python), str(script), *map(str, files)])
    sizes = [(parts[row["split"]] == "train").sum() for row in rows]
    table = pd.DataFrame(rows).assign(method=CELLTYPIST, trial=PLAIN, level="", n_train=sizes)
    return table.rename(columns={"seconds": "fit_seconds"}).assign(note="in its own environment")


def _printed(command: list[str]) -> list[dict]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        return json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError) as error:
        said = "" if isinstance(error, OSError) else done.stderr[-LONGEST:]
        raise InputError(
            f"{command[0]} did not run CellTypist ({said or error}): expected a Python of an "
            "environment with requirements-celltypist.txt"
        ) from error
