"""What the tests of unpickling share: honest contents, and files made of any bytes."""

import io
import pickle

import numpy
import pytest
import scipy.sparse

from cellclassifier.errors import InputError

COUNTS = numpy.random.default_rng(0).poisson(0.6, (6, 5)).astype("int32")
LAYOUTS = [
    f"{f}_{k}"
    for f in ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
    for k in ("matrix", "array")
]


def cells(matrix=None):
    return {
        "UMI": scipy.sparse.csc_matrix(COUNTS) if matrix is None else matrix,
        "classes": numpy.array(list("abcabc")),
        "gene_ids": numpy.array([f"ENSG{i:011d}" for i in range(5)]),
    }


def npy_bytes(content, protocol=4):
    """Write what numpy.save writes, with any pickle protocol or a pickle made by hand."""
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    numpy.lib.format.write_array_header_1_0(file, header)
    if not isinstance(content, bytes):
        array = numpy.empty((), object)
        array[()] = content
        content = pickle.dumps(array, protocol)
    return file.getvalue() + content


def refused(read, content, *words):
    with pytest.raises(InputError) as caught:
        read(content if content.startswith(b"\x93NUMPY") else npy_bytes(content))
    message = str(caught.value)
    assert "cells.npy" in message and message.endswith(".") and len(message) < 1000
    for word in words:
        assert word in message
