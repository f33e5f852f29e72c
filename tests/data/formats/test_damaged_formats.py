"""Damaged and hostile files of the formats beside .npy and .h5ad: one sentence, never more."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import zlib

import google_crc32c as crc32c
import h5py
import numpy as np
import pytest
import zarr
from conftest import make_cells
from damaged import at, claimed, linked, replaced, root_within_itself, up_and_down
from every_format import (
    as_10x_v2,
    as_10x_v3,
    as_csv,
    as_dense_zarr,
    as_loom,
    as_matrix_folder,
    as_old_matrix_folder,
    as_tsv_gz,
    as_zarr,
    as_zarr_3,
)
from numcodecs import Zstd

from cellclassifier.data.open import open_cells
from cellclassifier.errors import InputError

CELLS = make_cells(60, 40)


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        list(open_cells(path).chunks(13))
    message = str(caught.value)
    assert message.isprintable() and 30 < len(message) < 600
    return message


TENX = {
    "index out of range": (replaced("matrix/indices", at(-1, 10**6)), "point outside"),
    "negative index": (replaced("matrix/indices", at(3, -2)), "point outside"),
    "indptr up and down": (replaced("matrix/indptr", up_and_down), "rise|outside"),
    "indptr beyond": (replaced("matrix/indptr", at(4, 10**9)), "point outside"),
    "short indptr": (replaced("matrix/indptr", lambda x: x[:-1]), "fit together"),
    "short data": (replaced("matrix/data", lambda x: x[:-1]), "fit together"),
    "data of text": (replaced("matrix/data", lambda x: x.astype("S3")), "no numeric matrix"),
    "three sides": (replaced("matrix/shape", lambda x: np.arange(3)), "not two numbers"),
    "huge shape": (replaced("matrix/shape", at(0, 2**31 - 1)), "shapes disagree"),
    "huge data": (claimed("matrix/data", (10**11,)), "claims 372.5 GiB"),
    "fewer barcodes": (replaced("matrix/barcodes", lambda x: x[1:]), "59 cell names"),
    "fewer ids": (replaced("matrix/features/id", lambda x: x[1:]), "unequal lengths"),
    "names no UTF-8": (replaced("matrix/barcodes", at(0, b"\xff")), "not UTF-8"),
    "link": (linked("matrix/data", h5py.SoftLink("/matrix/indices")), "is a link"),
    "elsewhere": (linked("matrix", h5py.ExternalLink("x.h5", "/")), "is a link"),
    "within itself": (root_within_itself("matrix"), "within itself"),
    "nothing": (lambda file: file.clear(), "no 10x file of one genome"),
}


@pytest.mark.parametrize(("damage", "words"), TENX.values(), ids=TENX)
def test_damaged_10x_files(tmp_path, damage, words):
    path = as_10x_v3(CELLS, tmp_path)
    with h5py.File(path, "r+") as file:
        damage(file)
    assert any(word in refusal(path) for word in words.split("|"))


def test_a_10x_file_of_two_genomes(tmp_path):
    path = as_10x_v2(CELLS, tmp_path)
    with h5py.File(path, "r+") as file:
        file.copy("hg19", "mm10")
    assert "(it holds hg19, mm10)" in refusal(path)


LOOM = {
    "no matrix": (lambda file: file.__delitem__("matrix"), "no 'matrix'"),
    "flat": (replaced("matrix", lambda x: x.ravel()), "no numeric matrix"),
    "of text": (replaced("matrix", lambda x: x.astype("S2")), "no numeric matrix"),
    "transposed": (replaced("matrix", lambda x: x.T), "looks transposed"),
    "huge": (claimed("matrix", (40, 10**11)), "claims"),
    "no names": (lambda file: file.__delitem__("col_attrs/CellID"), "has none of CellID"),
    "fewer names": (replaced("col_attrs/CellID", lambda x: x[1:]), "59 cell names"),
    "names linked": (linked("row_attrs/Gene", h5py.SoftLink("/matrix")), "is a link"),
    "names of numbers": (replaced("row_attrs/Gene", lambda x: x[:0]), "shapes disagree"),
    "layers elsewhere": (linked("layers", h5py.ExternalLink("x", "/")), "is a link"),
}


@pytest.mark.parametrize(("damage", "words"), LOOM.values(), ids=LOOM)
def test_damaged_looms(tmp_path, damage, words):
    path = as_loom(CELLS, tmp_path)
    with h5py.File(path, "r+") as file:
        damage(file)
    assert words in refusal(path)


@pytest.mark.parametrize("write", [as_10x_v3, as_loom, as_tsv_gz, as_csv])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_files(tmp_path, write, share):
    path = write(CELLS, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content)) - 2])
    assert "is it complete" in refusal(path)


def changed(name: str, change):
    """What changes a gzipped file of a matrix folder."""

    def damage(folder):
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))

    return damage


def cut(name: str):
    def damage(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def line(number: int, text: bytes):
    def change(content: bytes) -> bytes:
        lines = content.split(b"\n")
        lines[number] = text
        return b"\n".join(lines)

    return changed("matrix.mtx", change)


MTX = {
    "more entries claimed": (line(2, b"40 60 100000000000"), "claims 100,000,000,000 entries"),
    "fewer entries claimed": (line(2, b"40 60 3"), "claims 3 entries and has"),
    "other sizes": (line(2, b"40 1000000000 3"), "shapes disagree"),
    "transposed": (line(2, b"60 40 3"), "transposed"),
    "sizes of text": (line(2, b"forty 60 3"), "cannot be read"),
    "no header": (line(0, b"gene,cell"), "not that of a sparse MatrixMarket"),
    "dense": (line(0, b"%%MatrixMarket matrix array integer general"), "not that of a sparse"),
    "symmetric": (line(0, b"%%MatrixMarket matrix coordinate integer symmetric"), "no general"),
    "complex": (line(0, b"%%MatrixMarket matrix coordinate complex general"), "no general"),
    "row out of range": (line(3, b"41 1 1"), "cannot be read"),
    "column out of range": (line(3, b"1 61 1"), "cannot be read"),
    "row 0": (line(3, b"0 1 1"), "cannot be read"),
    "text": (line(3, b"a b c"), "cannot be read"),
    "cut": (cut("matrix.mtx.gz"), "cannot be read"),
    "cut barcodes": (cut("barcodes.tsv.gz"), "cannot be read"),
    "fewer barcodes": (changed("barcodes.tsv", lambda x: x[x.index(b"\n") + 1 :]), "59 barcodes"),
    "no UTF-8": (changed("barcodes.tsv", lambda x: b"\xff" + x), "not UTF-8"),
    "no barcodes": (lambda folder: (folder / "barcodes.tsv.gz").unlink(), "no barcodes.tsv"),
    "no genes": (lambda folder: (folder / "features.tsv.gz").unlink(), "no features.tsv or"),
    "negative": (line(3, b"1 1 -4"), "negative"),
    "fraction": (line(3, b"1 1 0.5"), "no entry of a matrix of whole"),
}


@pytest.mark.parametrize(("damage", "words"), MTX.values(), ids=MTX)
def test_damaged_matrix_folders(tmp_path, damage, words):
    path = as_matrix_folder(CELLS, tmp_path)
    damage(path)
    with pytest.raises(InputError) as caught:
        list(open_cells(path).chunks(13))
    assert words in str(caught.value) and str(caught.value).isprintable()


def test_a_pipe_is_no_barcode_file(tmp_path):
    path = as_old_matrix_folder(CELLS, tmp_path)
    (path / "barcodes.tsv").unlink()
    os.mkfifo(path / "barcodes.tsv")
    assert "no barcodes.tsv" in refusal(path)


def metadata(name: str, **changes):
    """What changes the description of an array of zarr 2."""

    def damage(folder):
        path = folder / name / ".zarray"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def stored(name: str, change):
    """What changes an array of zarr 2."""

    def damage(folder):
        group = zarr.open_group(folder, mode="r+", use_consolidated=False)
        values, attributes = change(group[name][:]), dict(group[name].attrs)
        array = group.create_array(name, data=values, overwrite=True)
        array.attrs.update(attributes)

    return damage


def link(name: str):
    def damage(folder):
        (folder / name).unlink()
        (folder / name).symlink_to("/etc/passwd")

    return damage


def bomb(name: str, content: bytes, codec: dict):
    def damage(folder):
        metadata(name.rpartition("/")[0], compressor=codec)(folder)
        (folder / name).write_bytes(content)

    return damage


MANY_ZEROS = bytes(2**25)
ZARR = {
    "index out of range": (stored("X/indices", at(-1, 10**6)), "point outside"),
    "negative index": (stored("X/indices", at(3, -2)), "point outside"),
    "indptr up and down": (stored("X/indptr", up_and_down), "rise|outside"),
    "short indptr": (stored("X/indptr", lambda x: x[:-1]), "fit together"),
    "huge data": (metadata("X/data", shape=[10**11]), "claims 372.5 GiB"),
    "huge pieces": (metadata("X/data", chunks=[10**11]), "claims 372.5 GiB"),
    "huge names": (metadata("obs/_index", shape=[10**11]), "claims"),
    "shape of text": (metadata("X/data", shape="x"), "cannot be read as .zarr"),
    "pieces of no size": (metadata("X/data", chunks=[0]), "cannot be read as .zarr"),
    "pickles": (metadata("obs/_index", filters=[{"id": "pickle"}]), "pickle"),
    "unknown codec": (metadata("X/data", compressor={"id": "nothing"}), "cannot be read"),
    "objects": (metadata("X/data", dtype="|O", filters=[{"id": "json2"}]), "json2"),
    "no data": (lambda folder: shutil.rmtree(folder / "X/data"), "has no 'data'"),
    "no X": (lambda folder: shutil.rmtree(folder / "X"), "has no X"),
    "a cut piece": (cut("X/data/0"), "cannot be read as .zarr"),
    "no JSON": (cut("X/data/.zarray"), "cannot be read as .zarr"),
    "nested JSON": (
        lambda folder: (folder / "X/.zattrs").write_text("[" * 10**5),
        "cannot be read as .zarr",
    ),
    "a link": (link("X/data/0"), "'X/data/0' is a link to elsewhere"),
    "column out of the folder": (
        lambda folder: (folder / "obs/.zattrs").write_text(
            json.dumps({"_index": "../../secret", "column-order": []})
        ),
        "cannot be read as .zarr",
    ),
    "bomb of gzip": (
        bomb("X/data/0", gzip.compress(MANY_ZEROS), {"id": "gzip", "level": 1}),
        "larger than its array says",
    ),
    "bomb of zlib": (
        bomb("X/data/0", zlib.compress(MANY_ZEROS), {"id": "zlib", "level": 1}),
        "larger than its array says",
    ),
    "bomb of zstd": (
        bomb("X/data/0", Zstd().encode(MANY_ZEROS), {"id": "zstd", "level": 1}),
        "larger than its array says",
    ),
    "bomb of blosc": (
        lambda folder: (folder / "X/data/0").write_bytes(bytes([2, 1, 0, 1]) + b"\xff" * 12),
        "larger than its array says",
    ),
    "more names than there are": (
        bomb("obs/_index/0", Zstd().encode(b"\xff" * 400), {"id": "zstd", "level": 1}),
        "more texts",
    ),
}


@pytest.mark.parametrize(("damage", "words"), ZARR.values(), ids=ZARR)
def test_damaged_zarr_folders(tmp_path, damage, words):
    path = as_zarr(CELLS, tmp_path)
    damage(path)
    message = refusal(path)
    assert any(word in message for word in words.split("|")), message


class Tell:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickles_in_a_zarr_folder_are_not_run(tmp_path):
    path = as_zarr(CELLS, tmp_path)
    metadata("obs/_index", filters=[{"id": "pickle"}], compressor=None)(path)
    (path / "obs/_index/0").write_bytes(pickle.dumps(Tell(tmp_path / "run")))
    refusal(path)
    assert not (tmp_path / "run").exists()


def test_a_dense_zarr_may_not_claim_what_it_does_not_hold(tmp_path):
    path = as_dense_zarr(CELLS, tmp_path)
    file = path / "X/zarr.json"
    content = json.loads(file.read_text()) | {"shape": [60, 20_000_000]}
    file.write_text(json.dumps(content))
    assert "60 x 20000000" in refusal(path)


def test_shards_are_read(tmp_path):
    """One file for several pieces, as anndata will write them."""
    path = in_shards(as_zarr_3(CELLS, tmp_path))
    counts = np.concatenate([chunk.toarray() for chunk in open_cells(path).chunks(13)])
    np.testing.assert_array_equal(counts, CELLS.X.toarray())
    np.testing.assert_array_equal(open_cells(path).whole().toarray(), CELLS.X.toarray())


def in_shards(path):
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    for name in ("X/data", "X/indices"):
        values, attributes = group[name][:], dict(group[name].attrs)
        array = group.create_array(name, data=values, chunks=(50,), shards=(200,), overwrite=True)
        array.attrs.update(attributes)
    return path


@pytest.mark.parametrize("n_cells", [1, 60])
def test_bombs_within_shards(tmp_path, n_cells):
    """Whether a shard is read whole or a piece of it."""
    path = in_shards(as_zarr_3(CELLS, tmp_path))
    piece = Zstd().encode(MANY_ZEROS)
    index = np.array([[0, len(piece)]] + [[2**64 - 1] * 2] * 3, dtype="<u8").tobytes()
    content = piece + index + crc32c.value(index).to_bytes(4, "little")
    (path / "X/data/c/0").write_bytes(content)
    with pytest.raises(InputError, match="larger than its array says"):
        next(open_cells(path).chunks(n_cells))


CSV = {
    "one line": ("cell,gene1,gene2\n", "its second 0"),
    "no columns": ("cell\nc1\n", "no table of cells x genes"),
    "other separators": ("cell gene1 gene2\nc1 1 2\n", "no table of cells x genes"),
    "a longer line": ("cell,gene1,gene2\nc1,1,2\nc2,1,2,3\n", "other than 3 fields"),
    "a shorter line": ("cell,gene1,gene2\nc1,1,2\nc2,1\n", "other than 3 fields"),
    "text among numbers": ("cell,gene1,gene2\nc1,1,2\nc2,1,many\n", "cannot be read"),
    "an empty value": ("cell,gene1,gene2\nc1,1,2\nc2,1,\n", "cannot be read"),
    "NaN": ("cell,gene1,gene2\nc1,1,2\nc2,1,nan\n", "NaN"),
    "no names of genes": ("0,1,2\n3,4,5\n1,2,3\n", "no numbers under names of genes"),
    "no numbers": ("cell,gene1,gene2\nc1,a,b\n", "no numbers under names of genes"),
    "cells twice": ("cell,gene1,gene2\nc1,1,2\nc1,1,2\n", "duplicate cell names"),
    "ids in rows": ("id,s1,s2\nENSG00000000003,1,2\nENSG00000000005,0,1\n", "looks like genes x"),
    "symbols in rows": ("id,s1\nACTB,1\nGAPDH,2\nMALAT1,3\n", "looks like genes x cells"),
    "barcodes in columns": (
        "id,AAACATACAACCAC-1,AAACATTGAGCTAC-1\ng1,1,2\ng2,0,1\n",
        "looks like genes x cells",
    ),
    "not UTF-8": (b"cell,gene1,gene2\nc\xff1,1,2\n", "not UTF-8"),
    "genes not UTF-8": (b"cell,gene\xff,gene2\nc1,1,2\n", "not UTF-8"),
    "NUL": ("cell,gene1,gene2\nc\x001,1,2\n", "NUL"),
    "a line without end": ("cell," + "gene," * (2**22), "over 16 MiB"),
}


@pytest.mark.parametrize(("content", "words"), CSV.values(), ids=CSV)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_tables(tmp_path, content, words, packed):
    content = content.encode() if isinstance(content, str) else content
    path = tmp_path / ("cells.csv.gz" if packed else "cells.csv")
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    message = refusal(path)
    assert any(word in message for word in words.split("|")), message


def test_tables_of_odd_looks_are_read(tmp_path):
    text = '\ufeff"cell" ;"gene 1";"gene;2";note\r\n"a;b";1;2;x\r\n\r\n"c""d";3e0;0;"y;z"\r\n'
    (tmp_path / "cells.csv").write_bytes(text.encode())
    source = open_cells(tmp_path / "cells.csv")
    assert list(source.cell_names) == ["a;b", 'c"d']
    assert list(source.var.index) == ["gene 1", "gene;2"]
    assert source.read_column("note", "").tolist() == ["x", "y;z"]
    np.testing.assert_array_equal(source.whole().toarray(), [[1, 2], [3, 0]])


def test_tables_are_read_in_blocks(tmp_path, monkeypatch):
    """However long its lines are, little text is turned into numbers at a time."""
    monkeypatch.setattr("cellclassifier.data.formats.csv.BLOCK", 100)
    source = open_cells(as_csv(CELLS, tmp_path))
    np.testing.assert_array_equal(source.whole().toarray(), CELLS.X.toarray())
    with source.matrix.rows() as rows:  # forward, and back
        for start, stop in ((10, 20), (40, 41), (0, 60)):
            np.testing.assert_array_equal(
                rows(start, stop).toarray(), CELLS.X[start:stop].toarray()
            )
