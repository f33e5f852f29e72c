"""Damaged .npy files: wrong indices, cut, flipped and random bytes all end in a sentence."""

import tracemalloc
from functools import partial

import numpy
import pytest
import scipy.sparse
from conftest import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pickled import COUNTS, LAYOUTS, cells, npy_bytes, refused

from cellclassifier.data.safe_pickle.load import load_npy, load_pickle
from cellclassifier.errors import InputError

# ---- matrices whose index arrays would lead compiled code outside them


def damage(layout, **parts):
    matrix = getattr(scipy.sparse, layout)(COUNTS)
    for name, part in parts.items():
        matrix.__dict__[name] = part
    return npy_bytes(cells(matrix))


def int32(*values):
    return numpy.array(values, "int64").astype("int32")


NNZ = scipy.sparse.csr_matrix(COUNTS).nnz


@pytest.mark.parametrize(
    "content",
    [
        damage("csr_matrix", indices=int32(*[99] * NNZ)),
        damage("csr_matrix", indices=int32(*[-1] * NNZ)),
        damage("csr_matrix", indices=numpy.full(NNZ, 2**63 + 1, "uint64")),
        damage("csr_matrix", indices=numpy.zeros(NNZ)),
        damage("csr_matrix", indices=int32(*[0] * (NNZ - 1))),
        damage("csr_matrix", indices=int32(*[0] * NNZ).reshape(1, -1)),
        damage("csr_matrix", indices=None),
        damage("csr_matrix", indptr=int32(0, 9, 3, NNZ, NNZ, NNZ, NNZ)),
        damage("csr_matrix", indptr=int32(0, 1, 2, 3, 4, 5, NNZ + 1)),
        damage("csr_matrix", indptr=int32(1, 1, 2, 3, 4, 5, NNZ)),
        damage("csr_matrix", indptr=int32(0, NNZ)),
        damage("csr_matrix", indptr=int32()),
        # Two that scipy's own full check lets pass:
        damage("csr_matrix", indptr=int32(0, 10**6, 10**6, 0, 0, 0, 0)),
        damage("csr_matrix", indptr=int32(0, 2**31 - 1, -(2**31), -1, 5, 5, 5)),
        damage("csr_matrix", data=numpy.array(["a"] * NNZ)),
        damage("csr_matrix", data=numpy.ones(NNZ, "float16")),
        damage("csr_matrix", data=numpy.ones(NNZ, object)),
        damage("csr_matrix", _shape=(6, 10**12)),
        damage("csc_matrix", _shape=(10**12, 5)),
        damage("csr_matrix", _shape=(6,)),
        damage("csr_matrix", _shape="65"),
        damage("csr_matrix", _shape=(-6, -5)),
        damage("csc_matrix", indices=int32(*[6] * NNZ)),
        damage("bsr_matrix", indices=int32(*[5] * NNZ)),
        damage("bsr_matrix", data=numpy.ones((NNZ, 0, 1))),
        damage("bsr_matrix", data=numpy.ones((NNZ, 4, 1))),
        damage("coo_matrix", coords=(int32(*[6] * NNZ), int32(*[0] * NNZ))),
        damage("coo_array", coords=(int32(*[0] * NNZ),) * 3),
        damage("coo_array", coords=(int32(*[0] * NNZ), int32(0))),
        damage("dia_matrix", offsets=int32(0)),
        damage("dia_matrix", data=numpy.ones(3)),
        damage("lil_matrix", rows=numpy.array([[9], [], [], [], [], []], object)),
        damage("lil_matrix", dtype=numpy.dtype("U100000000")),
        damage("dok_matrix", dtype=numpy.dtype("O")),
    ],
)
def test_indices_are_checked(read, content):
    refused(read, content, "damaged")


def test_copies_of_copies_stop_at_the_size_of_the_file(read):
    big = numpy.zeros(10**6, "int8")
    matrices = []
    for _ in range(200):  # a file of 5 MB, 1 GB of memory if each matrix had its own arrays
        matrix = scipy.sparse.csr_matrix((1, 1))
        matrix.data = big
        matrix.indices, matrix.indptr = numpy.zeros(0, "int32"), numpy.zeros(2, "int32")
        matrices.append(matrix)
    refused(read, npy_bytes(matrices))


CLAIMED = 2**31 + 2**30  # bytes that a few bytes of a file say they are followed by
CLAIMS = {
    "frame": npy_bytes(b"\x80\x04\x95" + CLAIMED.to_bytes(8, "little") + b"."),
    "bytes": npy_bytes(b"\x80\x04\x8e" + CLAIMED.to_bytes(8, "little") + b"."),
    "text": npy_bytes(b"\x80\x04\x8d" + CLAIMED.to_bytes(8, "little") + b"."),
    "header": b"\x93NUMPY\x02\x00" + CLAIMED.to_bytes(4, "little") + b"{}",
}


@pytest.mark.parametrize("content", CLAIMS.values(), ids=CLAIMS)
def test_claimed_lengths_take_no_memory(read, content):
    tracemalloc.start()
    try:
        refused(read, content)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# ---- damage of any kind


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x89HDF\r\n", b"gene,count\n", b"\x93NUMPY"]
)
def test_other_files(read, content):
    with pytest.raises(InputError, match=r"cells\.npy"):
        read(content)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_npy(tmp_path / "missing.npy")
    with pytest.raises(InputError, match="directory"):
        load_pickle(tmp_path)


def use(loaded):
    """Do with loaded data what cells.py does, as far as what is there allows."""
    if isinstance(loaded, dict) and scipy.sparse.issparse(loaded.get("UMI")):
        counts = loaded["UMI"].tocsr()
        counts.sum(axis=0)
        counts.sum_duplicates()
        counts @ numpy.ones(counts.shape[1])
    if isinstance(loaded, dict):
        for names in loaded.values():
            if isinstance(names, numpy.ndarray):
                [str(name).encode() for name in names.ravel()]


def survives(read, content):
    try:
        loaded = read(content)
    except InputError:
        return
    use(loaded)


WHOLE = [
    npy_bytes({**cells(), "donor": numpy.array(["d", None, 1.5], object)}, protocol)
    for protocol in (0, 2, 4, 5)
] + [npy_bytes(cells(getattr(scipy.sparse, layout)(COUNTS))) for layout in LAYOUTS[::2]]
START = len(npy_bytes(b""))
fuzz = partial(
    settings,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("content", WHOLE[:4], ids=["0", "2", "4", "5"])
def test_cut_anywhere(read, content):
    for length in range(0, len(content), 3):
        with pytest.raises(InputError):
            read(content[:length])


@fuzz(max_examples=examples(1500))
@given(
    whole=st.sampled_from(WHOLE),
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 7)), min_size=1, max_size=3),
)
def test_bits_flipped(read, whole, flips):
    content = bytearray(whole)
    for where, bit in flips:
        content[int(where * len(content))] ^= 1 << bit
    survives(read, bytes(content))


@fuzz(max_examples=examples(1500))
@given(
    whole=st.sampled_from(WHOLE),
    where=st.floats(0, 0.9999),
    new=st.binary(min_size=1, max_size=9) | st.sampled_from([b"\xff" * 8, b"\xff\xff\xff\x7f"]),
    gone=st.integers(0, 9),
)
def test_bytes_overwritten(read, whole, where, new, gone):
    at = START + int(where * (len(whole) - START))
    survives(read, whole[:at] + new + whole[at + gone :])


@fuzz(max_examples=examples(1000))
@given(st.binary(max_size=300))
def test_random_bytes_behind_a_header(read, content):
    survives(read, WHOLE[0][:START] + content)


@fuzz(max_examples=examples(1000))
@given(st.binary(max_size=300))
def test_random_bytes_behind_a_good_beginning(read, content):
    survives(read, WHOLE[2][: START + 400] + content)
