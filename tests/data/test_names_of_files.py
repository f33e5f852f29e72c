"""Names of files: short where names differ, and never the same one twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.data.names_of_files import distinct_names
from cellclassifier.errors import InputError


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/d/x.h5ad", "/d/y.csv.gz"], ["x", "y"]),
        (["/d/a/filtered.h5", "/d/b/filtered.h5"], ["a/filtered", "b/filtered"]),
        (["/p/a/f.h5", "/q/a/f.h5", "/q/g.h5"], ["p/a/f", "q/a/f", "g"]),
        (["/d/x.h5ad", "/d/x.npy"], ["x.h5ad", "x.npy"]),
        (["/d/a/X.h5", "/d/b/x.h5"], ["a/X", "b/x"]),
        (["/d/GSM1_matrix.mtx.gz", "/d/GSM2_matrix.mtx.gz"], ["GSM1", "GSM2"]),
    ],
)
def test_names_are_the_shortest_that_tell_apart(paths, names):
    assert distinct_names([Path(path) for path in paths]) == names


PARTS = st.sampled_from(["a", "b", "a.b"])
PATHS = st.builds(
    lambda folders, name, end: Path("/", *folders, name + end),
    st.lists(PARTS, max_size=3),
    PARTS,
    st.sampled_from([".h5ad", ".npy", ".csv", ".csv.gz"]),
)


@given(st.lists(PATHS, min_size=1, max_size=8, unique=True))
def test_no_two_files_share_a_folder(paths):
    names = distinct_names(paths)
    assert len(set(names)) == len(paths)
    assert all(".." not in name and not name.startswith("/") for name in names)


def test_a_file_twice_is_refused():
    with pytest.raises(InputError, match="given twice"):
        distinct_names([Path("/d/x.npy"), Path("/d/../d/x.npy")])
