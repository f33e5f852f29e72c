"""CD4 and CD8 labels beside the cells' own counts of CD4, CD8A and CD8B."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from cellclassifier.data.marker_labels import by_markers, labels_of
from cellclassifier.data.read import read_cells

# CD4, CD8A, CD8B, another gene
COUNTS = {
    "nothing": (0, 0, 0, 5),
    "cd4": (1, 0, 0, 5),
    "cd8a": (0, 2, 0, 5),
    "cd8b": (0, 0, 1, 5),
    "both": (1, 1, 0, 5),
}


def cells(genes=("CD4", "CD8A", "CD8B", "ACTB"), more: int = 0) -> ad.AnnData:
    """One of each; more: cells without any of the three."""
    counts = [*COUNTS.values(), *[COUNTS["nothing"]] * more]
    counts = sp.csr_matrix(np.array(counts, np.float32)[:, : len(genes)])
    return ad.AnnData(counts, var=pd.DataFrame(index=list(genes)))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Naive CD4 T", ["Naive CD4 T", "Naive CD4 T", "CD8 T", "CD8 T", "Naive CD4 T"]),
        ("CD8 T", ["CD8 T", "Naive CD4 T", "CD8 T", "CD8 T", "CD8 T"]),
        ("B", ["B"] * 5),
    ],
)
def test_labels_that_counts_contradict_are_turned(label, expected):
    """The other label is there, too, for a cell more of each kind that nothing contradicts."""
    found = by_markers(cells(more=2), np.array([label] * 5 + ["Naive CD4 T", "CD8 T"]))
    assert found.tolist() == [*expected, "Naive CD4 T", "CD8 T"]


def test_where_the_other_kind_has_several_labels_nothing_says_which():
    labels = np.array(["CD8 T", "CD8 T", "Naive CD4 T", "Memory CD4 T", "Memory CD4 T"])
    found = by_markers(cells(), labels)
    assert found.tolist() == ["CD8 T", "CD8 T", "CD8 T", "CD8 T", "Memory CD4 T"]


def test_ids_are_found_and_missing_genes_say_nothing():
    labels = np.array(["Naive CD4 T"] * 4 + ["CD8 T"])
    ids = ("ENSG00000010610", "ENSG00000153563", "ENSG00000172116", "ENSG00000075624")
    turned = ["Naive CD4 T"] * 2 + ["CD8 T"] * 3
    assert by_markers(cells(ids), labels).tolist() == turned
    assert by_markers(cells(("CD4", "CD8A", "ACTB")), labels).tolist() == labels.tolist()


def test_finer_labels_are_of_the_kind():
    labels = np.array(["CD4+/CD25 T Reg", "CD8+ Cytotoxic T", "CD14 Mono", "no type"])
    assert labels_of("CL:0000624", labels) == ["CD4+/CD25 T Reg"]
    assert labels_of("CL:0000625", labels) == ["CD8+ Cytotoxic T"]


def test_sorted_cells_are_hardly_contradicted_and_clusters_often(shared):
    """By protein 0 to 1 %, by clusters 20 % and more."""
    shares = {}
    for name in ("cells.npy", "pbmc3k.h5ad"):
        known = read_cells(shared / "data" / name, level="common")
        labels = known.obs["cell_type"].to_numpy(str)
        is_cd4 = np.isin(labels, labels_of("CL:0000624", labels))
        shares[name] = (by_markers(known, labels) != labels)[is_cd4].mean()
    assert shares["cells.npy"] < 0.01
    assert shares["pbmc3k.h5ad"] > 0.15
