"""Reading .npy and .pkl files: all that is honest comes back, nothing crafted does harm."""

import io
import os
import pickle
import struct

import numpy
import pytest
import scipy.sparse
from pickled import COUNTS, LAYOUTS, cells, npy_bytes, refused

from cellclassifier.data.safe_pickle.load import load_npy, load_pickle

# ---- honest files


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_round_trip(read, layout, protocol):
    matrix = getattr(scipy.sparse, layout)(COUNTS)
    loaded = read(npy_bytes(cells(matrix), protocol))
    numpy.testing.assert_array_equal(loaded["UMI"].toarray(), COUNTS)
    assert loaded["UMI"].dtype == matrix.dtype
    assert isinstance(loaded["UMI"], scipy.sparse.sparray) == layout.endswith("array")
    assert loaded["UMI"].format == matrix.format or layout[:3] in ("dia", "lil", "dok")
    assert list(loaded["classes"]) == list("abcabc")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        COUNTS,
        numpy.asfortranarray(COUNTS),
        COUNTS.view(numpy.matrix),
        COUNTS.astype(">f4"),
        numpy.array([True, False]),
        numpy.array([b"a", b"bc"]),
        numpy.array(["a", "\U0001f9ec"], ">U2"),
        numpy.array(["a", None, 2.5, 7], object),
        numpy.empty((0, 3)),
        numpy.float32(1.5),
        numpy.str_("T cell"),
        ["a", "b"],
        (1, -2.5, b"", b"\xff\x00", None, True),
    ],
    ids=str,
)
def test_values_round_trip(tmp_path, value, protocol):
    path = tmp_path / "value.pkl"
    path.write_bytes(pickle.dumps({"value": value}, protocol))
    loaded = load_pickle(path)["value"]
    numpy.testing.assert_array_equal(loaded, value)
    assert numpy.asarray(loaded).dtype == numpy.asarray(value).dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "matrix", [scipy.sparse.csc_matrix(COUNTS), scipy.sparse.csr_array(COUNTS)]
)
def test_names_of_numpy_1_and_of_old_scipy(read, matrix):
    new = npy_bytes(cells(matrix), protocol=2)  # its names are not preceded by a length
    old = new.replace(b"numpy._core.", b"numpy.core.").replace(
        b"scipy.sparse._cs", b"scipy.sparse.cs"
    )
    assert old != new and b"_core" not in old
    numpy.testing.assert_array_equal(read(old)["UMI"].toarray(), COUNTS)


@pytest.mark.parametrize("array", [COUNTS, numpy.asfortranarray(COUNTS), numpy.array(["a", "bc"])])
def test_npy_without_pickle(tmp_path, array):
    numpy.save(tmp_path / "a.npy", array)
    numpy.testing.assert_array_equal(load_npy(tmp_path / "a.npy"), array)


def test_npy_saved_by_numpy(tmp_path):
    numpy.save(tmp_path / "cells.npy", cells())
    assert (load_npy(tmp_path / "cells.npy")["UMI"] != cells()["UMI"]).nnz == 0


def test_sparse_matrix_owns_its_arrays_and_dense_ones_are_read_only(read):
    loaded = read(npy_bytes(cells()))
    loaded["UMI"].data[:] = 1
    assert not loaded["classes"].flags.writeable


def test_shared_cells(shared):
    path = shared / "data" / "cells.npy"
    expected = numpy.load(path, allow_pickle=True).item()
    loaded = load_npy(path)
    assert loaded["UMI"].format == "csc" and (loaded["UMI"] != expected["UMI"]).nnz == 0
    numpy.testing.assert_array_equal(loaded["classes"], expected["classes"])
    numpy.testing.assert_array_equal(loaded["gene_ids"], expected["gene_ids"])


def test_shared_dictionaries(shared):
    paths = sorted((shared / "geneformer_files").glob("*.pkl"))
    assert len(paths) == 4
    for path in paths:
        loaded, expected = load_pickle(path), pickle.loads(path.read_bytes())
        assert loaded == expected
        assert {type(v) for v in loaded.values()} == {type(v) for v in expected.values()}


# ---- crafted files: refused with the name they asked for, and nothing runs

NAMES = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "builtins.getattr",
    "builtins.bytearray",
    "builtins.list",
    "operator.attrgetter",
    "functools.partial",
    "copyreg.__newobj__",
    "numpy.load",
    "numpy.lib.npyio.load",
    "numpy.lib._npyio_impl.load",
    "numpy.fromfile",
    "numpy.memmap",
    "numpy._core.multiarray.fromfile",
    "scipy.sparse.load_npz",
    "scipy.sparse._csc.csc_tocsr",
    "pandas.core.series.Series",
]
DOTTED = [
    ("numpy", "core.os.system"),
    ("os", "path.os.system"),
    ("numpy", "ndarray.tofile"),
    ("numpy", "_core.multiarray._reconstruct"),
    ("scipy.sparse._csc", "csc_matrix.__init__"),
    ("numpy.ndarray", "__class__"),
]


def by_global(module, name, text):
    return f"c{module}\n{name}\n(V{text}\ntR.".encode()


def by_stack_global(module, name, text):
    texts = [t.encode() for t in (module, name)]
    texts = [b"\x8c" + bytes([len(t)]) + t for t in texts]
    return b"\x80\x04" + b"".join(texts) + b"\x93(V" + text.encode() + b"\ntR."


def by_inst(module, name, text):
    return f"(V{text}\ni{module}\n{name}\n.".encode()


class Attack:
    """Pickles as a call of `function` with `args`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("write", [by_global, by_stack_global, by_inst])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_refused(read, tmp_path, name, write):
    marker = tmp_path / "marker"
    text = f"open({str(marker)!r}, 'w')" if name.startswith("builtins") else f"touch {marker}"
    refused(read, write(*name.rsplit(".", 1), text), f"'{name}'", "Nothing was run")
    assert not marker.exists()


@pytest.mark.parametrize("write", [by_global, by_stack_global])
@pytest.mark.parametrize(("module", "name"), DOTTED)
def test_dotted_names_are_refused(read, module, name, write):
    refused(read, write(module, name, "true"), f"'{module}.{name}'")


@pytest.mark.parametrize("place", ["top", "value", "key", "object array", "matrix", "state"])
def test_a_call_is_refused_wherever_it_hides(read, tmp_path, place):
    marker = tmp_path / "marker"
    attack = Attack(os.system, f"touch {marker}")
    pickle.loads(pickle.dumps(attack))
    assert marker.exists()  # it would work
    marker.unlink()
    matrix = scipy.sparse.csr_matrix(COUNTS)
    matrix.data, matrix.extra = (attack, 0) if place == "matrix" else (matrix.data, attack)
    content = {
        "top": attack,
        "value": {**cells(), "classes": attack},
        "key": {attack: 1},
        "object array": {**cells(), "classes": numpy.array(["a", attack], object)},
        "matrix": cells(matrix),
        "state": cells(matrix),
    }[place]
    refused(read, npy_bytes(content), f"{os.system.__module__}.system", "Nothing was run")
    assert not marker.exists()


def test_terminal_codes_in_names_are_shown_not_sent(read):
    refused(read, by_stack_global("os", "\x1b[2J\u202ex", "-"), r"os.\x1b[2J\u202ex")


@pytest.mark.parametrize(
    "content",
    [b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00.", b"P1\n.", b"K\x01Q.", b"\x97."],
    ids=["ext1", "ext2", "ext4", "persid", "binpersid", "buffer"],
)
def test_objects_outside_the_file_are_refused(read, content):
    refused(read, content)


def test_extension_codes_are_refused_even_when_cached(read, monkeypatch):
    monkeypatch.setitem(pickle._extension_cache, 7, os.system)
    refused(read, b"\x82\x07(Vtrue\ntR.", "extension code 7")


NAME = b"cnumpy\nndarray\n"
ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(" + NAME + b"(K\x00tC\x01btR"
DTYPE = b"cnumpy\ndtype\n(V%s\n\x89\x88tR"
SLOW_TO_HASH = b")q\x00" + b"h\x00h\x00\x86q\x00" * 60  # 2**60 tuples, or steps


def array_bytes(shape, dtype, raw):
    """Pickle an array by hand; `shape`, `raw` are pickled bytes."""
    return ARRAY + b"(K\x01" + shape + DTYPE % dtype + b"\x89" + raw + b"tb."


@pytest.mark.parametrize(
    "content",
    [
        array_bytes(b"(I1000000000000\nt", b"f8", b"C\x08" + bytes(8)),
        array_bytes(b"(I1000000000000\nt", b"O8", b"(lp0\nNa"),
        array_bytes(b"(I1000000000000\nt", b"U0", b"C\x00"),
        array_bytes(b"(I0\nI1000000000000\nt", b"f8", b"C\x00"),
        array_bytes(b"(I-1\nt", b"f8", b"C\x08" + bytes(8)),
        array_bytes(b"(K\x01t", b"O8", b"C\x08" + bytes(8)),  # a pointer to anywhere
        array_bytes(b"(K\x01t", b"f8", b"(lp0\nNa"),
        array_bytes(b"(K\x02t", b"f8", b"C\x08" + bytes(8)),
        array_bytes(b"(K\x01t", b"f8,O", b"C\x10" + bytes(16)),
        array_bytes(b"(K\x01t", b"V8", b"C\x08" + bytes(8)),
        array_bytes(b"(K\x01t", b"U999999999", b"C\x08" + bytes(8)),
        array_bytes(b"(K\x01t", b"U1", b"C\x04\xff\xff\xff\xff"),
        array_bytes(b"(K\x01t", b"U1", b"C\x04\x00\xd8\x00\x00"),
        b"cnumpy._core.multiarray\n_reconstruct\n(" + NAME + b"(I1000000000000\ntC\x01btR.",
        NAME + b"((I1000000000000\nttR.",
        NAME + b")\x81(dp0\nb.",
        NAME + b".",
        b"cnumpy._core.multiarray\nscalar\n(" + DTYPE % b"O8" + b"C\x08" + bytes(8) + b"tR.",
        b"cnumpy._core.numeric\n_frombuffer\n(C\x08" + bytes(8) + DTYPE % b"O8" + b"(K\x01tVC\ntR.",
        b"\x8e" + struct.pack("<Q", 10**12) + b".",
        b"\x8d" + struct.pack("<Q", 10**12) + b".",
        b"\x96" + struct.pack("<Q", 10**12) + b".",
        b"\x95" + struct.pack("<Q", 10**12) + b".",
        b"B\xff\xff\xff\xff.",
        b"Nr\xff\xff\xff\xff0j\xff\xff\xff\x7f.",  # the C unpickler takes 34 GB for this
        b"I" + b"9" * 10_000 + b"\n.",
        b"\x8b" + struct.pack("<i", 1000) + b"\x7f" * 1000 + b".",
        b"c_codecs\nencode\n(VYQ==\nVbase64\ntR.",
        b"c_codecs\nencode\n(Va\nVzlib\ntR.",
        b"\x8c\x03\xed\xa0\x80.",  # half a surrogate pair
        b"(" * 100_000,
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b"N" + b"\x85" * 100_000 + b".",
        (ARRAY + b"(K\x01(t" + DTYPE % b"O8" + b"\x89]") * 2_000 + b"N" + b"atb" * 2_000 + b".",
        b"]q\x00h\x00a.",  # a list in itself
        b"]q\x00" + b"]q\x01(h\x00h\x00h\x00h\x00eq\x00" * 60 + b".",  # 4**60 empty lists
        b"(N" + b"\x85" * 5 + b"2" * 6 + b"d.",
        SLOW_TO_HASH + b"(h\x00Nd.",
        SLOW_TO_HASH + b"}h\x00Ns.",
        SLOW_TO_HASH + b"}(h\x00Nu.",
        SLOW_TO_HASH + b"}(K\x01h\x00\x86Nu.",
        SLOW_TO_HASH + b"\x8f(h\x00\x90.",
        SLOW_TO_HASH + b"(h\x00\x91.",
        b"}}Nb.",
        b"Va\n(dVx\nVy\nsb.",
        NAME + b"(dV__call__\nNsb.",
        b"NNb.",
        b".",
        b"",
    ],
    ids=lambda content: content[:60].decode("latin-1").encode("unicode_escape").decode(),
)
def test_traps_end_in_a_sentence(read, content):
    refused(read, npy_bytes(content))


@pytest.mark.parametrize("descr", ["|O", "<f8", "<U4", "|V8", [("a", "<f8")], [("a", "|O")]])
@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (2**62, 8), (3,)])
def test_headers_that_claim_too_much(read, descr, shape):
    file = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    refused(read, file.getvalue() + bytes(8))
