"""Every way in which a file of cells can be wrong has a sentence of its own."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.data.validate import check_counts, check_names
from cellclassifier.errors import InputError

COUNTS = np.random.default_rng(5).poisson(3.0, (30, 8)) + np.eye(30, 8, dtype=int)
LABELS = np.array(["A", "B", "C"] * 10, dtype=object)
GENES = np.array([f"GENE{i}" for i in range(8)], dtype=object)
NAMES = np.array([f"barcode-{i}" for i in range(30)], dtype=object)


def changed(array, index, value):
    array = array.astype(object if array.dtype == object else float)
    array[index] = value
    return array


def per_cell(total, counts=COUNTS):
    return counts / counts.sum(axis=1, keepdims=True) * total


@pytest.fixture
def refused(tmp_path):
    """Give a function that reads a changed cells.npy and gives the one-line error."""

    def read_changed(counts=COUNTS, classes=LABELS, gene_ids=GENES, **more):
        content = {"UMI": counts, "classes": classes, "gene_ids": gene_ids} | more
        np.save(tmp_path / "cells.npy", content, allow_pickle=True)
        return sentence(tmp_path / "cells.npy")

    return read_changed


def sentence(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_cells(CellsOptions(cells=path, **options))
    message = str(caught.value)
    assert "\n" not in message and 20 < len(message) < 400
    return message


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_matrix, sp.csc_matrix, sp.coo_array])
@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (COUNTS[:-1], ["29 x 8", "30 labels", "8 gene ids", "does not fit together"]),
        (COUNTS[:, :-1], ["30 x 7", "shapes disagree"]),
        (COUNTS.T, ["8 x 30", "looks transposed"]),
        (changed(COUNTS, (4, 2), -3), ["negative", "-3"]),
        (changed(COUNTS, (4, 2), -0.5), ["negative", "-0.5", "scaled"]),
        (changed(COUNTS, (4, 2), np.nan), ["NaN"]),
        (changed(COUNTS, (4, 2), np.inf), ["infinite"]),
        (changed(COUNTS * 9, (4, 2), 41.25), ["fractions", "41.25"]),
        (np.log1p(COUNTS), ["log-normalised", "--layer"]),
        (np.log1p(per_cell(1e4)), ["log-normalised", "log1p of counts per 10,000"]),
        (np.log1p(per_cell(1e6)), ["log-normalised", "log1p of counts per 1,000,000"]),
        (per_cell(1e4), ["normalised to 10,000 counts per cell"]),
        (per_cell(50), ["normalised to 50 counts per cell"]),
        (changed(COUNTS, (4, 2), 2**25), ["no UMI count"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_counts(refused, layout, counts, words):
    message = refused(layout(counts))
    for word in words:
        assert word in message


def test_normalised_is_not_called_log_normalised(refused):
    assert "log" not in refused(per_cell(1e4))
    assert "log" not in refused(per_cell(50))


@pytest.mark.parametrize("place", [0, 3_999_999, 4_000_000, 5_999_999])
def test_counts_beyond_the_first_chunk_are_seen(place):
    data = np.ones(6_000_000, dtype=np.int32)
    data[place] = -1
    counts = sp.csr_matrix((data, np.tile(np.arange(3000), 2000), np.arange(0, 6000001, 3000)))
    with pytest.raises(InputError, match="negative"):
        check_counts(counts, 2000, 3000)


@pytest.mark.parametrize("counts", ["text", None, 3, [[1, 2]], COUNTS[0], COUNTS.astype(object)])
def test_no_matrix(refused, counts):
    assert "no numeric matrix" in refused(counts)


@pytest.mark.parametrize("missing", [None, np.nan, "", "  "])
def test_cells_without_a_label_are_left_out(tmp_path, said, missing):
    labels = changed(LABELS, [3, 7], missing)
    np.save(tmp_path / "cells.npy", {"UMI": COUNTS, "classes": labels, "gene_ids": GENES})
    cells = read_cells(CellsOptions(tmp_path / "cells.npy"))
    rest = np.delete(np.arange(30), [3, 7])
    np.testing.assert_array_equal(cells.X.toarray(), COUNTS[rest])
    assert cells.obs_names.tolist() == [f"cell_{i}" for i in rest]
    assert cells.obs["cell_type"].tolist() == LABELS[rest].tolist()
    assert (
        "2 of 30 cells have labels that are no types: (no label) (2)" in said()[0]
        and len(said()) == 1
    )


def test_cells_without_a_label_of_h5ad(tmp_path, said):
    labels = pd.Categorical(changed(LABELS, [3, 7], None))
    cells = ad.AnnData(COUNTS.astype("f4"), obs=pd.DataFrame({"cell_type": labels}, index=NAMES))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    assert read_cells(CellsOptions(tmp_path / "cells.h5ad")).n_obs == 28
    assert "2 of 30 cells have labels that are no types: (no label) (2)" in said()[0]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("x" * 201, "a label has 201 characters (xxx"),
        ("B\0", "the character NUL"),
        ("cell", "a type is called 'cell'"),
        ("part", "a type is called 'part'"),
        ("label", "a type is called 'label'"),
        ("predicted", "a type is called 'predicted'"),
    ],
)
def test_labels_that_no_table_can_hold(refused, label, words):
    labels = changed(LABELS, 3, label)
    assert words in refused(classes=labels)
    if "\0" not in label:  # which an array of text cuts at its end
        assert words in refused(classes=labels.astype(str))


@pytest.mark.parametrize("label", ["x" * 200, "Cell", "a\rb", "$\\x$", "A/B", "=1+1", "0", "é"])
def test_other_labels_are_only_odd(tmp_path, label):
    content = {"UMI": COUNTS, "classes": changed(LABELS, 3, label), "gene_ids": GENES}
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    cells = read_cells(CellsOptions(tmp_path / "cells.npy"))
    assert cells.obs["cell_type"].tolist() == changed(LABELS, 3, label).tolist()


@pytest.mark.parametrize("key", ["classes", "gene_ids", "cell_names"])
@pytest.mark.parametrize("dtype", ["S", object])
def test_text_that_is_not_utf8(refused, key, dtype):
    size = 8 if key == "gene_ids" else 30
    texts = np.array([b"caf\xe9 %d" % i for i in range(size)], dtype=dtype)
    message = refused(**{key: texts})
    assert key in message and "not UTF-8" in message and "caf" in message


def test_bytes_are_text(tmp_path):
    labels = np.array([label.encode() for label in LABELS], dtype=object)
    content = {"UMI": COUNTS, "classes": labels, "gene_ids": GENES}
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    cells = read_cells(CellsOptions(tmp_path / "cells.npy"))
    assert cells.obs["cell_type"].tolist() == LABELS.tolist()


@pytest.mark.parametrize("dtype", ["f2", ">f2", ">f4", ">i8"])
def test_numbers_that_scipy_does_not_know(tmp_path, dtype):
    counts = COUNTS.astype(dtype)
    np.testing.assert_array_equal(check_counts(counts, 30, 8).toarray(), COUNTS)
    np.save(tmp_path / "cells.npy", {"UMI": counts, "classes": LABELS, "gene_ids": GENES})
    cells = read_cells(CellsOptions(tmp_path / "cells.npy"))
    np.testing.assert_array_equal(cells.X.toarray(), COUNTS)


@pytest.mark.parametrize("labels", [[["A"], ["A", "B"]] * 15, np.full((30, 1), "A"), np.array("A")])
def test_labels_that_are_no_list_of_texts(refused, labels):
    assert "expected one text per entry" in refused(classes=labels)


def test_no_label_at_all(refused):
    assert (
        "30 of 30 cells have labels that are no types: (no label) (30): no cell is left"
        in refused(classes=[""] * 30)
    )


def test_one_type_only(refused):
    assert "all 30 cells have the label 'A'" in refused(classes=np.full(30, "A"))


@pytest.mark.parametrize(
    ("labels", "found"), [(LABELS[:-1], "29 labels"), (LABELS[:0], "0 labels")]
)
def test_too_few_labels(refused, labels, found):
    assert found in refused(classes=labels)


def test_duplicate_gene_ids():
    """Their counts are summed; the interview shows them, and says so."""
    with pytest.raises(InputError, match=r"duplicate gene ids: 1 occur .*first: GENE1"):
        check_names(pd.Index(changed(GENES, [2, 3], GENES[1])), "gene id")


def test_missing_gene_ids(refused):
    assert "1 of 8 gene ids are missing" in refused(gene_ids=changed(GENES, 2, ""))


def test_duplicate_and_missing_cell_names(refused):
    message = refused(cell_names=changed(NAMES, 2, NAMES[1]))
    assert "duplicate cell names" in message and "barcode-1" in message
    assert "1 of 30 cell names are missing" in refused(cell_names=changed(NAMES, 2, None))


def test_as_many_names_as_cells(refused):
    message = refused(cell_names=NAMES[:-1])
    assert "29" in message and "30" in message


def test_empty_cells(tmp_path, said):
    counts = COUNTS.copy()
    counts[[0, 7]] = 0
    content = {"UMI": sp.csc_matrix(counts), "classes": LABELS, "gene_ids": GENES}
    path = tmp_path / "cells.npy"
    np.save(path, content, allow_pickle=True)
    message = sentence(path)
    assert "2 of 30 cells have no counts" in message and "--drop-empty-cells" in message
    cells = read_cells(CellsOptions(cells=path, drop_empty_cells=True))
    np.testing.assert_array_equal(cells.X.toarray(), np.delete(counts, [0, 7], axis=0))
    assert "cell_0" not in cells.obs_names and "2 of 30" in said()[0]


def test_a_type_of_empty_cells_goes_with_them(tmp_path):
    counts = COUNTS.copy()
    counts[2::3] = 0  # every cell of type C
    content = {"UMI": counts, "classes": LABELS, "gene_ids": GENES}
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    options = CellsOptions(cells=tmp_path / "cells.npy", drop_empty_cells=True)
    assert list(read_cells(options).obs["cell_type"].cat.categories) == ["A", "B"]


def test_zeros_only(refused):
    assert "zeros only" in refused(COUNTS * 0)


def test_no_cells_and_no_genes(refused):
    assert "empty" in refused(np.zeros((0, 8)), classes=LABELS[:0])
    assert "empty" in refused(np.zeros((30, 0)), gene_ids=GENES[:0])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"counts": 1, "labels": 2}, "found counts, labels"),
        ({"UMI": 1, "classes": 2}, "found UMI, classes"),
        ({}, "an empty dict"),
        (np.arange(3), "ndarray"),
    ],
)
def test_wrong_keys(tmp_path, content, found):
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    message = sentence(tmp_path / "cells.npy")
    assert "UMI, classes and gene_ids" in message and found in message


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("cells.npy", b"", "is empty"),
        ("cells.npy", b"cell,gene\n1,2\n", "damaged"),
        ("cells.h5ad", b"", "cannot be read"),
        ("cells.h5ad", b"cell,gene\n1,2\n", "cannot be read"),
        ("cells.txt", b"cell,gene\n1,2\n", "expected one of .npy, .h5ad"),
        ("cells", b"", "expected one of .npy, .h5ad"),
    ],
)
def test_not_a_cells_file(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    message = sentence(tmp_path / name)
    assert word in message and name in message


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_damaged_h5ad(tmp_path, share):
    cells = ad.AnnData(COUNTS.astype("f4"), obs=pd.DataFrame({"cell_type": LABELS}, index=NAMES))
    cells.write_h5ad(tmp_path / "whole.h5ad")
    content = (tmp_path / "whole.h5ad").read_bytes()
    path = tmp_path / "cells.h5ad"
    path.write_bytes(content[: int(share * len(content))])
    assert "cannot be read" in sentence(path)


@pytest.mark.parametrize("part", ["X", "obs", "var"])
def test_h5ad_without_a_part(tmp_path, part):
    import h5py

    cells = ad.AnnData(COUNTS.astype("f4"), obs=pd.DataFrame({"cell_type": LABELS}, index=NAMES))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        del file[part]
    assert part in sentence(tmp_path / "cells.h5ad")
