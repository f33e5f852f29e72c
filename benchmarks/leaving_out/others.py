"""Ways that are no methods of this repository, on the same cells: plain regression, CellTypist.

They see the training cells and those that our methods choose by; nothing of them is random.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from benchmarks.common import ROOT, run_measured
from benchmarks.leaving_out.candidates import nearest_cells, steady_regression
from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.data.match_genes import match_genes

ENVIRONMENT = ROOT / ".venv-celltypist"
PLAIN, CELLTYPIST = "plain_regression", "celltypist"
N_STEPS = 100  # at most, of plain regression: the default of scikit-learn


def aligned(known: ad.AnnData, cells: ad.AnnData) -> tuple[ad.AnnData, ad.AnnData]:
    """Training cells and new ones with the genes that both have, in one order and by one name."""
    names = known.var_names.to_numpy(str), known.var["gene_symbol"].to_numpy(str)
    match = match_genes(*names, cells.var)
    counts = match.align(cells.X).counts[:, match.found]
    var = pd.DataFrame(index=names[0][match.found])
    obs = known.obs[["cell_type", "study"]].astype(str)
    return (
        ad.AnnData(known.X[:, match.found].copy(), obs=obs, var=var),
        ad.AnnData(counts, obs=pd.DataFrame(index=cells.obs_names), var=var),
    )


def plain_regression(known: ad.AnnData, cells: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """Types, and probabilities (n_cells, n_types): scikit-learn's defaults on log-CP10k."""
    values = [log_normalize(each.X, total_counts(each.X)) for each in (known, cells)]
    model = LogisticRegression(max_iter=N_STEPS).fit(values[0], known.obs["cell_type"])
    return model.classes_.astype(str), model.predict_proba(values[1])


def celltypist(known: ad.AnnData, cells: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """The same of CellTypist 1.7.1, whose probabilities are each type's own."""
    python = celltypist_python()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("train.h5ad", "test.h5ad", "probabilities.csv")]
        known.write_h5ad(paths[0])
        cells.write_h5ad(paths[1])
        run_measured([str(python), "benchmarks/celltypist_studies.py", *map(str, paths)])
        table = pd.read_csv(paths[2], index_col=0)
    return table.columns.to_numpy(str), table.to_numpy()


def celltypist_python() -> Path:
    """Python of CellTypist's environment, which is made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        run_measured([sys.executable, "-m", "venv", str(ENVIRONMENT)])
        install = [str(python), "-m", "pip", "install", "-q", "-r", "requirements-celltypist.txt"]
        run_measured(install)
    return python


OTHERS = {
    PLAIN: plain_regression,
    CELLTYPIST: celltypist,
    "nearest_cells": nearest_cells,
    "steady_regression": steady_regression,
}
