"""Names of genes: versions, kinds of ids, and what is no gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellclassifier.data.gene_names import are_genes, kind_of_ids, strip_version


@pytest.mark.parametrize(
    ("gene_id", "bare"),
    [
        ("ENSG00000000003.14", "ENSG00000000003"),
        ("ENSG00000000003", "ENSG00000000003"),
        ("ENSMUSG00000000001.4", "ENSMUSG00000000001"),
        ("RP11-34P13.7", "RP11-34P13.7"),
        ("", ""),
    ],
)
def test_strip_version(gene_id, bare):
    assert strip_version(gene_id) == bare
    assert list(strip_version(np.array([gene_id, gene_id]))) == [bare, bare]


@pytest.mark.parametrize(
    ("gene_ids", "kind"),
    [
        (["ENSG00000000001", "ENSG00000000002"], "Ensembl ids"),
        (["ENSG00000000003.14", "ENSMUSG00000000001", "CD3D"], "Ensembl ids"),
        (["CD3D", "HLA-DRA", "MT-CO1", "7SK", "RP11-34P13.7", "ENSG00000000003"], "gene symbols"),
        (["915", "3122", "4512"], "Entrez ids"),
        (["ENST00000000233.9", "ENST00000000412"], "unknown ids"),
        (["ENSG00000000003", "CD3D"], "unknown ids"),
        (["a gene", "", "?"], "unknown ids"),
        ([], "unknown ids"),
    ],
)
def test_kind_of_ids(gene_ids, kind):
    assert kind_of_ids(gene_ids) == kind
    assert kind_of_ids(np.array(gene_ids, str)) == kind


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["Gene Expression", "Peaks", "Gene Expression"], [True, False, True]),
        (["Peaks", "Peaks", "Antibody Capture"], [True, True, True]),
        (None, [True, True, True]),
    ],
)
def test_are_genes(kinds, expected):
    var = pd.DataFrame(index=list("abc"))
    if kinds:
        var["feature_types"] = pd.Categorical(kinds)
    assert are_genes(var).tolist() == expected
