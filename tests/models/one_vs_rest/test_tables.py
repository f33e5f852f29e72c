"""Tables of the forests: every type, every gene, the right means, a word where scores miss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells
from fitted_forests import SEEDS, fits_of_small_cells, fitted

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.models.one_vs_rest import forests, tables


def test_small_types_have_no_fit_but_a_row_that_says_why():
    cells = make_cells(120)
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    labels[[0, 3, 6]] = "rare"  # cells that were of type B
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells, seeds=(42,))
    assert "rare" not in {fit.cell_type for fit in finished}
    table = tables.result_table(labels, finished).set_index("Cell Type")
    assert table.loc["rare", "Note"].eq("skipped: 3 cells, at least 10 are needed").all()
    assert table.loc["rare", "AUROC"].isna().all()
    assert table.drop("rare")["AUROC"].notna().all()
    assert table["AUROC Std"].isna().all()  # of a single repeat


def test_more_positives_than_negatives_are_subsampled_and_noted():
    cells = make_cells(120)
    labels = np.where(cells.obs["cell_type"] == "NK", "NK", "other")
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells)
    table = tables.result_table(labels, finished).set_index("Cell Type")
    notes = table.loc["other", "Note"]
    assert notes.eq("positives subsampled to 40 of 80: there are only 40 negatives").all()
    assert table["N Samples"].eq(80).all()
    assert table.loc["NK", "Note"].isna().all()


def test_prevalence_is_that_of_the_file_not_of_the_draw():
    cells = make_cells(300)
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    labels[np.flatnonzero(labels == "B")[20:]] = "T/x"
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells, seeds=(42,))
    table = tables.result_table(labels, finished).set_index("Cell Type")
    assert table.loc["B", "Prevalence"].to_numpy() == pytest.approx(20 / 300, abs=0.01)
    assert table.loc["B", "N Samples"].eq(40).all()
    assert table.loc["B", "N Held Out"].eq(90).all()


def test_importance_table_holds_every_gene_and_the_right_means(small_cells):
    _, finished = fits_of_small_cells()
    table = tables.importance_table(small_cells, finished)
    assert table.columns.tolist() == list(tables.IMPORTANCE_COLUMNS)
    sizes = table.groupby(["cell_type", "negative_sampling"]).size()
    assert len(sizes) == 6 and (sizes == small_cells.n_vars).all()
    assert table.groupby(["cell_type", "negative_sampling"])[
        "mdi_mean"
    ].sum().to_numpy() == pytest.approx(1)
    dense = log_normalize(small_cells.X, total_counts(small_cells.X)).toarray()
    is_type = (small_cells.obs["cell_type"] == "NK").to_numpy()
    rows = table.query("cell_type == 'NK' and negative_sampling == 'even'").set_index("gene_id")
    rows = rows.loc[small_cells.var_names]
    assert rows["log1p_cp10k_in"].to_numpy() == pytest.approx(dense[is_type].mean(axis=0), rel=1e-5)
    assert rows["log1p_cp10k_out"].to_numpy() == pytest.approx(
        dense[~is_type].mean(axis=0), rel=1e-5
    )
    assert rows["expressing_share_out"].to_numpy() == pytest.approx(
        (dense[~is_type] > 0).mean(axis=0)
    )
    mdi = np.zeros((2, small_cells.n_vars))
    for i, seed in enumerate(SEEDS):
        genes = finished[forests.Fit("NK", "even", seed)]["genes"]
        mdi[i, small_cells.var_names.get_indexer(genes["gene_id"])] = genes["mdi"]
    assert rows["mdi_mean"].to_numpy() == pytest.approx(mdi.mean(axis=0))
    assert rows["mdi_std"].to_numpy() == pytest.approx(mdi.std(axis=0, ddof=1))
    unused = (mdi == 0).all(axis=0)
    assert unused.any() and (rows["permutation_mean"][unused] == 0).all()


def test_the_genes_that_make_a_type_come_first(small_cells):
    cells = make_cells(400)  # type NK: gene_10 to gene_19 are three-fold
    _, finished = fitted(cells, seeds=(42,))
    table = tables.importance_table(cells, finished)
    top = table.query("cell_type == 'NK' and negative_sampling == 'random'").head(10)
    own = {f"gene_{i}" for i in range(10, 20)}
    assert len(own & set(top["gene_id"])) >= 7
    assert (
        top.set_index("gene_id")
        .eval("log1p_cp10k_in > log1p_cp10k_out")
        .reindex(list(own))
        .dropna()
    ).all()
