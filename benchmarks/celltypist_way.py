"""CellTypist on the same splits; runs in an environment of its own (requirements-celltypist.txt).

    python benchmarks/celltypist_way.py cells.h5ad parts.csv

cells.h5ad: raw counts and obs["cell_type"]; parts.csv: a column per split, a row per cell.
Prints test macro-F1 and seconds per split as JSON.
"""

import json
import sys
import time
import warnings

import anndata as ad
import celltypist
import pandas as pd
import scanpy as sc
from sklearn.metrics import f1_score


def main(cells_path: str, parts_path: str) -> None:
    """Train on train, score on test, once per column of parts."""
    warnings.simplefilter("ignore")
    cells = ad.read_h5ad(cells_path)
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    rows = []
    for split, part in pd.read_csv(parts_path, index_col=0).items():
        train, test = cells[(part == "train").to_numpy()], cells[(part == "test").to_numpy()]
        start = time.perf_counter()
        model = celltypist.train(train.copy(), labels="cell_type", n_jobs=2)
        predicted = celltypist.annotate(test.copy(), model=model).predicted_labels
        macro_f1 = f1_score(test.obs["cell_type"], predicted["predicted_labels"], average="macro")
        seconds = time.perf_counter() - start
        rows.append({"split": int(split), "macro_f1": macro_f1, "seconds": seconds})
    print("\n" + json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
