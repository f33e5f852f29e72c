"""Damaged and hostile .h5ad: a sentence from every reader, never a crash; odd but whole: read."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from damaged import (
    COUNTS,
    LABELS,
    N_CELLS,
    N_GENES,
    at,
    attribute,
    claimed,
    external,
    labels,
    labels_claimed,
    layers_only,
    linked,
    list_as_attribute,
    ragged,
    replaced,
    root_within_itself,
    up_and_down,
    virtual,
    write_good,
)

from cellclassifier.data.formats.sample import sample_path
from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells

LAYOUTS = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}


def by_reading(path):
    return read_cells(CellsOptions(path)).X


def by_chunks(path):
    return sp.vstack(list(open_cells(path).chunks(7)), format="csr")


def by_inspecting(path):
    return inspect_cells(CellsOptions(path)).cells.X


READERS = [by_reading, by_chunks, by_inspecting]
OF_LABELS = [by_reading, by_inspecting]


@pytest.fixture
def damaged(tmp_path):
    """Give a function that writes a file with one thing wrong and gives its path."""

    def write(damage, layout: str = "csr"):
        path = write_good(tmp_path / "cells.h5ad", LAYOUTS[layout])
        with h5py.File(path, "r+") as file:
            damage(file)
        return path

    return write


def refusal(reader, path) -> str:
    with pytest.raises(InputError) as caught:
        reader(path)
    message = str(caught.value)
    assert path.name in message and message.isprintable() and 30 < len(message) < 500
    return message


SPARSE_DAMAGE = {
    "index out of range": (replaced("X/indices", at(-1, 10**6)), "point outside"),
    "negative index": (replaced("X/indices", at(3, -2)), "point outside"),
    "indptr up and down": (replaced("X/indptr", up_and_down), "does not rise|point outside"),
    "indptr beyond the values": (replaced("X/indptr", at(4, 10**9)), "point outside"),
    "negative indptr": (replaced("X/indptr", at(4, -1)), "point outside"),
    "indptr not from 0": (replaced("X/indptr", at(0, 1)), "index pointer"),
    "indptr ends early": (replaced("X/indptr", at(-1, 5)), "index pointer"),
    "short indptr": (replaced("X/indptr", lambda x: x[:-1]), "fit together|wrong shape"),
    "short indices": (replaced("X/indices", lambda x: x[:-1]), "fit together|wrong shape"),
    "2-d data": (replaced("X/data", lambda x: x[:, None]), "fit together|no list"),
    "0-d indptr": (replaced("X/indptr", lambda x: x[0]), "fit together|no list"),
    "data of text": (replaced("X/data", lambda x: x.astype("S3")), "no numeric matrix"),
    "fractional indices": (replaced("X/indices", lambda x: x + 0.5), "wrong shape"),
    "three sides": (attribute("X", "shape", [N_CELLS, N_GENES, 1]), "no shape of two"),
    "negative shape": (attribute("X", "shape", [-N_CELLS, N_GENES]), "shapes disagree"),
    "too wide": (attribute("X", "shape", [N_CELLS, 10**12]), "shapes disagree"),
    "no layout": (attribute("X", "encoding-type", "dataframe"), "is no matrix"),
    "huge data": (claimed("X/data", (10**11,)), "claims 372.5 GiB|fit together"),
    "huge indptr": (claimed("X/indptr", (10**11,), "i8"), "claims 745.1 GiB|fit together"),
    "many pieces": (claimed("X/indptr", (10**6,), "i4", piece=1), "in 1,000,000 pieces"),
    "virtual": (virtual, "is stored in another file"),
    "external": (external, "is stored in another file"),
    "external link": (linked("X", h5py.ExternalLink("other.h5ad", "X")), "'/X' is a link"),
    "soft link": (linked("X/data", h5py.SoftLink("/X/indices")), "'/X/data' is a link"),
    "link to itself": (linked("X/data", h5py.SoftLink("/X/data")), "'/X/data' is a link"),
    "X is the file": (root_within_itself("X"), "'/X' is a group within itself"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("layout", ["csr", "csc"])
@pytest.mark.parametrize(("damage", "words"), SPARSE_DAMAGE.values(), ids=SPARSE_DAMAGE)
def test_a_damaged_sparse_matrix_is_refused(damaged, reader, layout, damage, words):
    assert re.search(words, refusal(reader, damaged(damage, layout)))


OTHER_DAMAGE = {
    "dense of text": (replaced("X", lambda x: x.astype("S3")), "dense", "no numeric matrix"),
    "flat": (replaced("X", lambda x: x.ravel()), "dense", "no numeric matrix"),
    "one number": (replaced("X", lambda x: x[0, 0]), "dense", "no numeric matrix"),
    "dense and far too wide": (claimed("X", (N_CELLS, 20_000_000)), "dense", "60 x 20000000"),
    "too many cells": (claimed("X", (10**9, N_GENES)), "dense", "shapes disagree"),
    "huge index": (claimed("obs/_index", (10**11,), "i8"), "csr", "claims 745.1 GiB"),
    "many names": (claimed("obs/_index", (3_000_000,), "S8"), "csr", "claims 0.0 GiB"),
    "names not UTF-8": (
        replaced("obs/_index", lambda x: np.array([b"caf\xe9%d" % i for i in range(N_CELLS)])),
        "csr",
        "not UTF-8",
    ),
    "genes not UTF-8": (
        replaced("var/_index", lambda x: np.array([b"\xff%d" % i for i in range(N_GENES)])),
        "csr",
        "not UTF-8",
    ),
    "index not UTF-8": (attribute("obs", "_index", b"\xff"), "csr", "cannot be read"),
    "order not UTF-8": (attribute("var", "column-order", [b"\xff"]), "csr", "cannot be read"),
    "order of lists": (list_as_attribute("var", "column-order"), "csr", "neither text nor"),
    "index of lists": (list_as_attribute("obs", "_index"), "csr", "neither text nor"),
    "2-d names": (replaced("obs/_index", lambda x: x[:, None]), "csr", "no list"),
    "2-d gene ids": (replaced("var/gene_ids", lambda x: x[:, None]), "csr", "no list"),
    "obs is the file": (root_within_itself("obs"), "csr", "within itself"),
    "layer not UTF-8": (layers_only, "csr", "has no X: it has no layers"),
    "obs is elsewhere": (linked("obs", h5py.ExternalLink("x.h5", "/")), "csr", "is a link"),
    "var is a list": (replaced("var/_index", lambda x: x[0]), "csr", "no list"),
    "layers are elsewhere": (linked("layers", h5py.SoftLink("/")), "csr", "'/layers' is a link"),
    "layers are the file": (root_within_itself("layers"), "csr", "within itself"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("damage", "layout", "words"), OTHER_DAMAGE.values(), ids=OTHER_DAMAGE)
def test_other_damage_is_refused(damaged, reader, damage, layout, words):
    assert words in refusal(reader, damaged(damage, layout))


CODES = "obs/cell_type/codes"
CATEGORIES = "obs/cell_type/categories"
LABEL_DAMAGE = {
    "no UTF-8": (labels(np.array([b"T\xff", b"B", b"NK"] * 20)), "not UTF-8"),
    "categories no UTF-8": (
        replaced(CATEGORIES, lambda x: np.array([b"T\xff", b"B", b"NK"])),
        "not UTF-8",
    ),
    "ragged": (ragged(), "neither numbers nor texts"),
    "2-d": (labels(np.zeros((N_CELLS, 2))), "no list"),
    "0-d": (labels(np.float64(3)), "no list"),
    "too few": (labels(np.arange(N_CELLS - 1)), "59 labels"),
    "codes out of range": (replaced(CODES, at(3, 100)), "codes"),
    "fractional codes": (replaced(CODES, lambda x: x + 0.5), "codes"),
    "categories twice": (replaced(CATEGORIES, lambda x: np.array([b"B", b"B", b"T"])), "unique"),
    "a group of another kind": (attribute("obs/cell_type", "encoding-type", "dict"), "no column"),
    "virtual categories": (linked(CATEGORIES, h5py.SoftLink("/uns")), "is a link"),
}


@pytest.mark.parametrize("reader", OF_LABELS)
@pytest.mark.parametrize(("damage", "words"), LABEL_DAMAGE.values(), ids=LABEL_DAMAGE)
def test_damaged_labels_are_refused(damaged, reader, damage, words):
    assert words in refusal(reader, damaged(damage))


TEN_MILLION = (10**7,)
MANY_ROWS = {
    "codes": (claimed(CODES, TEN_MILLION, "i1", 10**6), OF_LABELS, "values for 60 rows"),
    "categories": (claimed(CATEGORIES, TEN_MILLION, "i1", 10**6), OF_LABELS, "categories for 60"),
    "labels": (labels_claimed(TEN_MILLION), OF_LABELS, "values for 60 rows"),
    "names": (claimed("obs/_index", TEN_MILLION, "i1", 10**6), READERS, "10000000 cell names"),
    "genes": (claimed("var/_index", TEN_MILLION, "i1", 10**6), READERS, "10000000 gene ids"),
    "of genes": (claimed("var/gene_ids", TEN_MILLION, "i1", 10**6), READERS, "values for 40 rows"),
}


@pytest.mark.parametrize(("damage", "readers", "words"), MANY_ROWS.values(), ids=MANY_ROWS)
def test_more_rows_than_there_are_are_never_read(damaged, monkeypatch, damage, readers, words):
    """A million bytes of zeros can claim ten million of them."""
    path, read = damaged(damage), h5py.Dataset.__getitem__

    def few(stored, *key):
        assert stored.size < 10**6
        return read(stored, *key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", few)
    for reader in readers:
        assert words in refusal(reader, path)


def test_categories_of_old_files_may_not_claim_memory(tmp_path):
    """Before anndata 0.7 they stood in uns."""
    path = shutil.copy(sample_path(), tmp_path / "old.h5ad")
    with h5py.File(path, "r+") as file:
        claimed("uns/bulk_labels_categories", (2**31 - 1,), "S2")(file)
    assert "claims 4.0 GiB" in refusal(by_chunks, path)


def test_labels_need_not_be_whole_to_annotate(damaged):
    for damage, _ in LABEL_DAMAGE.values():
        np.testing.assert_array_equal(by_chunks(damaged(damage)).toarray(), COUNTS)


def wide(part: str, dtype: str):
    return replaced(f"X/{part}", lambda values: values.astype(dtype))


READABLE = {
    "indptr of 64 bits": (wide("indptr", "i8"), "csr"),
    "indices of 64 bits": (wide("indices", "i8"), "csr"),
    "indptr unsigned": (wide("indptr", "u4"), "csr"),
    "indices of 16 bits": (wide("indices", "i2"), "csr"),
    "csc, indptr of 64 bits": (wide("indptr", "u8"), "csc"),
    "half precision": (wide("data", "f2"), "csr"),
    "big-endian": (wide("data", ">f8"), "csr"),
    "big-endian indices": (wide("indices", ">i4"), "csr"),
    "big-endian indptr": (wide("indptr", ">i8"), "csc"),
    "dense, half precision": (replaced("X", lambda x: x.astype("f2")), "dense"),
    "dense, big-endian": (replaced("X", lambda x: x.astype(">i4")), "dense"),
    "dense, big-endian half": (replaced("X", lambda x: x.astype(">f2")), "dense"),
    "names of fixed length": (replaced("obs/_index", lambda x: x.astype("S9")), "csr"),
    "a column named twice": (attribute("obs", "column-order", ["cell_type", "cell_type"]), "csr"),
    "a gene column named twice": (attribute("var", "column-order", ["gene_ids"] * 2), "csr"),
    "big-endian gene column": (
        replaced("var/gene_ids", lambda x: np.arange(N_GENES, dtype=">i8")),
        "csr",
    ),
    "big-endian codes": (replaced(CODES, lambda x: x.astype(">i2")), "csr"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("change", "layout"), READABLE.values(), ids=READABLE)
def test_what_is_odd_but_whole_is_read(damaged, reader, change, layout):
    counts = reader(damaged(change, layout))
    np.testing.assert_array_equal(counts.toarray(), COUNTS)


@pytest.mark.parametrize("kind", [">i4", "f2", "u1", ">f8", "?"])
def test_labels_may_be_numbers_of_any_kind(damaged, kind):
    numbers = (np.arange(N_CELLS) % 2).astype(kind)
    cells = read_cells(CellsOptions(damaged(labels(numbers))))
    native = numbers.astype(numbers.dtype.newbyteorder("="))
    assert cells.obs["cell_type"].tolist() == [str(x) for x in native.tolist()]


def test_a_file_written_in_chunks_is_read(tmp_path):
    """Its indptr has 64 bits while its indices have 32: the same counts as anndata reads."""
    path = write_good(tmp_path / "cells.h5ad")
    with h5py.File(path, "r+") as file:
        wide("indptr", "i8")(file)
        assert file["X/indices"].dtype == np.int32
    theirs = ad.read_h5ad(path).X
    cells = read_cells(CellsOptions(path))
    assert (theirs != cells.X).nnz == 0 and cells.X.indptr.dtype == cells.X.indices.dtype
    assert cells.obs["cell_type"].tolist() == LABELS.tolist()


def test_claims_take_no_memory(tmp_path):
    """Refused before anything of that size is made, in a process that may have 3 GiB."""
    path = write_good(tmp_path / "cells.h5ad", np.asarray)
    with h5py.File(path, "r+") as file:
        claimed("X", (N_CELLS, 20_000_000))(file)
        claimed("var/_index", (20_000_000,), "i4")(file)
        claimed("var/gene_ids", (20_000_000,), "S8")(file)
    code = (
        "import sys; from cellclassifier.data.read import read_cells, CellsOptions\n"
        "from cellclassifier.errors import InputError\n"
        "try: read_cells(CellsOptions(sys.argv[1]))\n"
        "except InputError as error: sys.exit(str(error))"
    )
    limit = 3 * 2**30
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        env={"PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert result.returncode == 1 and "claims" in result.stderr, result.stderr
