"""CellTypist on cells of other laboratories; in an environment of its own, as celltypist_way.py.

    python benchmarks/celltypist_studies.py train.h5ad test.h5ad probabilities.csv

Both files hold raw counts of the same genes; the first one has obs["cell_type"]. Writes a row per
cell of the second: the probability of every type, as CellTypist gives it (each on its own).
"""

import sys
import warnings

import anndata as ad
import celltypist
import scanpy as sc


def main(train_path: str, test_path: str, output: str) -> None:
    """Train with CellTypist's defaults, annotate without majority voting."""
    warnings.simplefilter("ignore")
    train, test = (_normalized(ad.read_h5ad(path)) for path in (train_path, test_path))
    model = celltypist.train(train, labels="cell_type", n_jobs=1)
    celltypist.annotate(test, model=model).probability_matrix.to_csv(output)


def _normalized(cells: ad.AnnData) -> ad.AnnData:
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    return cells


if __name__ == "__main__":
    main(*sys.argv[1:])
