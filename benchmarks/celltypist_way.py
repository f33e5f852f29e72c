"""CellTypist on the same splits; runs in an environment of its own (requirements-celltypist.txt).

    python benchmarks/celltypist_way.py cells.h5ad parts.csv

cells.h5ad: raw counts and obs["cell_type"]; parts.csv: a column per split, a row per cell.
Prints test macro-F1, accuracy, CPU seconds and seconds per split as JSON.
"""

import json
import sys
import time
import warnings

import anndata as ad
import celltypist
import pandas as pd
import scanpy as sc
from joblib import parallel_config
from sklearn.metrics import accuracy_score, f1_score


def main(cells_path: str, parts_path: str) -> None:
    """Train on train, score on test, once per column of parts."""
    warnings.simplefilter("ignore")
    cells = ad.read_h5ad(cells_path)
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    rows = []
    for split, part in pd.read_csv(parts_path, index_col=0).items():
        train, test = cells[(part == "train").to_numpy()], cells[(part == "test").to_numpy()]
        start, spent = time.perf_counter(), [time.process_time()]
        with parallel_config(backend="threading"):  # so that this process spends all of the time
            model = celltypist.train(train.copy(), labels="cell_type", n_jobs=2)
        spent.append(time.process_time())
        predicted = celltypist.annotate(test.copy(), model=model).predicted_labels
        spent.append(time.process_time())
        answers = test.obs["cell_type"].astype(str), predicted["predicted_labels"].astype(str)
        rows.append(
            {
                "split": int(split),
                "macro_f1": f1_score(*answers, average="macro"),
                "accuracy": accuracy_score(*answers),
                "seconds": time.perf_counter() - start,
                "fit_cpu_seconds": spent[1] - spent[0],
                "predict_cpu_seconds": spent[2] - spent[1],
            }
        )
    print("\n" + json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
