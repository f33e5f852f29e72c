"""Finished parts come back to the last digit, and are known by what they depend on alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from conftest import files_of, make_cells
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.options import RunOptions
from cellclassifier.protocol import finished
from cellclassifier.protocol.finished import (
    FinishedParts,
    digest_of_cells,
    key_of,
    options_in_key,
)

TABLE = pd.DataFrame({"method": ["a", "b"], "f1": [0.1 + 0.2, 1 / 3], "n": [3, 4]})
NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))
# Names of types as people give them, which no two parts may share a folder for.
NAMES = (
    "0",
    "NA",
    "A/B",
    "A_B",
    "A B",
    "A|B",
    "a, b",
    'say "a"',
    "two\nlines",
    "..",
    ".",
    "ä",
    "é",
)


@settings(deadline=None)
@given(st.lists(NUMBERS.map(float), min_size=1, max_size=5))
def test_floats_keep_every_digit(tmp_path_factory, values):
    parts = FinishedParts(tmp_path_factory.mktemp("out"), "script")
    parts.save("key", "a", {"combined": pd.DataFrame({"x": values})})
    assert parts.load("key", "a")["combined"]["x"].tolist() == values


def test_tables_are_what_was_saved(tmp_path):
    table = TABLE.assign(
        selected=[True, False],
        test=[0.1, None],
        class_weight=[None, "balanced"],
        nothing=[None, None],
        support=np.array([3, 4]),
    )
    parts = FinishedParts(tmp_path, "script")
    assert parts.load("key", "a/b") is None
    parts.save("key", "a/b", {"trials": table, "other": TABLE})
    found = parts.load("key", "a/b")
    assert list(found) == ["trials", "other"]
    for name, original in (("trials", table), ("other", TABLE)):
        assert found[name].to_csv(float_format="%.6f") == original.to_csv(float_format="%.6f")
    assert found["trials"]["selected"].tolist() == [True, False]
    assert found["trials"].query("selected")["method"].tolist() == ["a"]
    pd.testing.assert_frame_equal(found["other"], TABLE)


def test_parts_of_other_keys_and_scripts_are_kept_and_apart(tmp_path):
    parts = FinishedParts(tmp_path, "one")
    parts.save("key", "a", {"t": TABLE})
    FinishedParts(tmp_path, "two").save("key", "a", {"t": TABLE + TABLE})
    before = {name: (tmp_path / name).read_bytes() for name in files_of(tmp_path)}
    assert parts.load("other", "a") is None and parts.load("key", "b") is None
    parts.save("other", "a", {"t": TABLE})
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
    pd.testing.assert_frame_equal(parts.load("key", "a")["t"], TABLE)
    assert FinishedParts(tmp_path, "two").load("key", "a")["t"]["n"].tolist() == [6, 8]


def test_names_do_not_mix(tmp_path):
    parts = FinishedParts(tmp_path, "script")
    for i, name in enumerate(NAMES):
        parts.save("key", name, {"t": TABLE.assign(n=i)})
    assert [parts.load("key", name)["t"]["n"].iloc[0] for name in NAMES] == [*range(len(NAMES))]
    folders = {path.name for path in (tmp_path / ".finished/script/key").iterdir()}
    assert len(folders) == len(NAMES)
    assert all(re.fullmatch(r"[\w.-]+", name, re.ASCII) for name in folders)


def test_fresh_takes_nothing_up_and_deletes_nothing(tmp_path):
    FinishedParts(tmp_path, "one").save("key", "a", {"t": TABLE})
    before = files_of(tmp_path)
    assert FinishedParts(tmp_path, "one", fresh=True).load("key", "a") is None
    assert files_of(tmp_path) == before
    FinishedParts(tmp_path, "one", fresh=True).save("key", "a", {"t": TABLE.assign(n=9)})
    assert FinishedParts(tmp_path, "one").load("key", "a")["t"]["n"].tolist() == [9, 9]


@pytest.mark.parametrize("content", ["", "{", '{"t": ', "[]", "3", '{"t": 3}', '{"t": {"x": []}}'])
def test_a_damaged_part_is_not_finished(tmp_path, content):
    parts = FinishedParts(tmp_path, "one")
    (parts.save("key", "a", {"t": TABLE}) / "tables.json").write_text(content)
    assert parts.load("key", "a") is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_part_that_is_not_written_whole_is_not_finished(tmp_path, error):
    def stopped(folder: Path) -> None:
        (folder / "model").write_text("half")
        raise error

    parts = FinishedParts(tmp_path, "one")
    with pytest.raises(error):
        parts.save("key", "a", {"t": TABLE}, stopped)
    assert parts.load("key", "a") is None and files_of(tmp_path) == set()


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    FinishedParts(tmp_path, "one").save("key", "a", {"t": TABLE}, lambda folder: 1 / 0)
    assert files_of(tmp_path) == set()


def test_a_key_is_of_values_alone():
    key = key_of("data", {"b": (1, 2), "a": Path("x")}, 1, None)
    assert key == key_of("data", {"a": Path("x"), "b": [1, 2]}, 1, None)
    assert re.fullmatch("[0-9a-f]{16}", key)
    others = [
        key_of("data", {"b": (2, 1), "a": Path("x")}, 1, None),
        key_of("atad", {"b": (1, 2), "a": Path("x")}, 1, None),
        key_of("data", {"b": (1, 2), "a": Path("x")}, 2, None),
        key_of("data", {"b": (1, 2), "a": Path("x")}, 1, ["torch"]),
    ]
    assert len({key, *others}) == 5


def changed_cells() -> dict[str, ad.AnnData]:
    """Cells that differ from ``make_cells()`` in one thing each."""
    changed = {}
    for name in ("count", "place", "label", "cell", "gene", "order", "fewer", "group"):
        changed[name] = cells = make_cells()
        if name == "count":
            cells.X.data[7] += 1
        elif name == "place":
            dense = cells.X.toarray()
            row = next(row for row in dense if row[0] != row[1])
            row[:2] = row[1::-1]
            cells.X = type(cells.X)(dense)
        elif name == "label":
            cells.obs["cell_type"] = [*cells.obs["cell_type"][1:], "B"]
        elif name in ("cell", "gene"):
            names = cells.obs_names if name == "cell" else cells.var_names
            new = pd.Index([*names[:-1], "other"])
            setattr(cells, "obs_names" if name == "cell" else "var_names", new)
        elif name == "order":
            changed[name] = cells[::-1].copy()
        elif name == "fewer":
            changed[name] = cells[:-1].copy()
        elif name == "group":
            cells.obs["group"] = "one"
    return changed


def test_any_change_of_the_cells_is_another_digest(monkeypatch):
    digests = [digest_of_cells(cells) for cells in changed_cells().values()]
    digests.append(digest_of_cells(make_cells()))
    monkeypatch.setattr(finished, "PROTOCOL_VERSION", finished.PROTOCOL_VERSION + 1)
    digests.append(digest_of_cells(make_cells()))
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((["a", "bc"], ["d", "e"]), (["a", "b"], ["cd", "e"])),
        ((["a\0b", "c"], ["d", "e"]), (["a", "b\0c"], ["d", "e"])),
    ],
)
def test_names_that_run_together_are_told_apart(one, other):
    """Of cells and genes, side by side."""

    def digest(names):
        cells = make_cells(2, 30)[:, :2].copy()
        cells.obs_names, cells.var_names = names
        return digest_of_cells(cells)

    assert digest(one) != digest(other)


def test_alike_cells_have_one_digest():
    """Whatever else is noted of them, and in whatever form their numbers are stored."""
    cells = make_cells()
    expected = digest_of_cells(cells)
    cells.uns["source"] = {"file": "other.npy"}
    cells.obs["note"] = 3
    cells.obs["cell_type"] = cells.obs["cell_type"].astype(str)
    cells.X = cells.X.astype(np.float64)
    cells.X.indices = cells.X.indices.astype(np.int64)
    cells.X.indptr = cells.X.indptr.astype(np.int64)
    assert digest_of_cells(cells) == expected


@dataclass(frozen=True)
class Options(RunOptions):
    methods: tuple[str, ...] = field(default=("a", "b"), metadata={"changes_results": False})
    n_genes: int | None = None
    quick: bool = False


def test_options_that_change_no_result_are_left_out():
    options = Options(output=Path("x"), jobs=3, fresh=True, methods=("c",), n_genes=7)
    assert options_in_key(options, RunOptions) == {"n_genes": 7, "quick": False}
