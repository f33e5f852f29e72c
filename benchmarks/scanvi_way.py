"""scANVI on the same splits; runs in an environment of its own (requirements-scanvi.txt).

    python benchmarks/scanvi_way.py cells.h5ad parts.csv

cells.h5ad: raw counts and obs["cell_type"]; parts.csv: a column per split, a row per cell. As its
tutorial does: scVI on 2,000 genes of the training cells, then scANVI from it, 20 epochs. Test cells
are only named. Prints test macro-F1, accuracy and CPU seconds per split as JSON.
"""

import json
import sys
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
import scvi
from sklearn.metrics import accuracy_score, f1_score

N_GENES, EPOCHS = 2000, 20
QUIET = {"accelerator": "cpu", "enable_progress_bar": False}


def named(train: ad.AnnData, test: ad.AnnData, seed: int) -> tuple[np.ndarray, list[float]]:
    """What the test cells are called, and CPU seconds before, after learning, after naming."""
    scvi.settings.seed = seed
    spent = [time.process_time()]
    n_genes = min(N_GENES, train.n_vars)
    sc.pp.highly_variable_genes(train, flavor="seurat_v3", n_top_genes=n_genes)
    genes = train.var_names[train.var["highly_variable"]]
    train = train[:, genes].copy()
    scvi.model.SCVI.setup_anndata(train, labels_key="cell_type")
    first = scvi.model.SCVI(train, n_layers=2, n_latent=30)
    first.train(**QUIET)
    model = scvi.model.SCANVI.from_scvi_model(first, unlabeled_category="unlabelled")
    model.train(max_epochs=EPOCHS, n_samples_per_label=100, **QUIET)
    spent.append(time.process_time())
    shown = test[:, genes].copy()
    shown.obs["cell_type"] = "unlabelled"
    called = np.asarray(model.predict(shown)).astype(str)
    return called, [*spent, time.process_time()]


def main(cells_path: str, parts_path: str) -> None:
    """Train on train, score on test, once per column of parts."""
    warnings.simplefilter("ignore")
    cells, rows = ad.read_h5ad(cells_path), []
    cells.obs["cell_type"] = cells.obs["cell_type"].astype(str)
    for split, part in pd.read_csv(parts_path, index_col=0).items():
        train, test = (cells[(part == name).to_numpy()].copy() for name in ("train", "test"))
        labels = test.obs["cell_type"].to_numpy(str)
        called, spent = named(train, test, int(split))
        rows.append(
            {
                "split": int(split),
                "macro_f1": f1_score(labels, called, average="macro"),
                "accuracy": accuracy_score(labels, called),
                "fit_cpu_seconds": spent[1] - spent[0],
                "predict_cpu_seconds": spent[2] - spent[1],
            }
        )
    print("\n" + json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
