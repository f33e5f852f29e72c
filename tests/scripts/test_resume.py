"""Runs that were stopped go on where they stopped, and only what changed is computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import files_of, make_cells
from test_scripts import bytes_without_times, small

import multiclass_baselines as script
from cellclassifier import plots, protocol
from cellclassifier.errors import InputError


@pytest.fixture
def fits(monkeypatch):
    """The (method, split) that were computed; ``fits.stop_at`` interrupts the n-th."""

    class Fits(list):
        stop_at = None

    computed, original = Fits(), protocol.evaluate

    def counting(classifier, cells, parts, split):
        if len(computed) == computed.stop_at:
            raise KeyboardInterrupt
        computed.append((classifier.method, split))
        return original(classifier, cells, parts, split)

    monkeypatch.setattr(protocol, "evaluate", counting)
    monkeypatch.setattr(plots, "comparison_figures", lambda *args: ())
    return computed


def test_an_interrupted_run_goes_on(cells_npy, tmp_path, fits):
    config = small(cells_npy, tmp_path / "stopped")
    fits.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        script.main(config)
    assert not (config.output / "results/combined_results.csv").exists()
    kept, fits.stop_at = list(fits), None
    script.main(config)
    assert len(kept) == 3 and len(fits) == 4 and len(set(fits)) == 4
    whole = replace(config, output=tmp_path / "whole")
    script.main(whole)
    assert bytes_without_times(config.output) == bytes_without_times(whole.output)
    script.main(config)
    assert len(fits) == 8  # all four were finished


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 0),
        ({"fresh": True}, 4),
        ({"n_genes": 9}, 4),
        ({"seed": 43}, 4),
        ({"max_cells": 60}, 4),
        ({"n_splits": 3}, 2),
        ({"methods": ("majority",)}, 0),
        ({"jobs": 2}, 0),
    ],
    ids=str,
)
def test_only_what_the_options_determine_is_computed_again(
    cells_npy, tmp_path, fits, changed, expected
):
    config = small(cells_npy, tmp_path)
    script.main(config)
    fits.clear()
    script.main(replace(config, **changed))
    assert len(fits) == expected


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["predictions/majority-split42.parquet", "models/majority"])
def test_lost_outputs_are_made_again(cells_npy, tmp_path, fits, lost):
    config = small(cells_npy, tmp_path)
    script.main(config)
    path = tmp_path / lost
    path.unlink() if path.is_file() else path.rename(tmp_path / "elsewhere")
    script.main(config)
    assert path.exists()


@pytest.mark.slow
def test_other_data_is_computed_anew(cells_npy, tmp_path, fits):
    config = small(cells_npy, tmp_path, n_splits=1)
    script.main(config)
    content = np.load(cells_npy, allow_pickle=True).item()
    content["UMI"] = content["UMI"] * 2
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    script.main(replace(config, cells=tmp_path / "cells.npy"))
    assert len(fits) == 4


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_splits", 0),
        ("n_genes", 0),
        ("n_genes", -3),
        ("jobs", -1),
        ("max_cells", -1),
        ("min_cells_per_type", 1000),
        ("methods", ("majority", "svm")),
        ("methods", ()),
        ("label_key", "louvain"),
    ],
)
def test_bad_options_are_refused_before_anything_is_done(cells_npy, tmp_path, fits, option, value):
    """Whatever is wrong with the options is told at once, in a sentence that names the option."""
    if option == "label_key":
        cells_npy = tmp_path.parent / "my.h5ad"
        make_cells(30).write_h5ad(cells_npy)
    config = replace(small(cells_npy, tmp_path), **{option: value})
    name = "method" if option == "methods" else f"--{option.replace('_', '-')}"
    with pytest.raises(InputError, match=name):
        script.main(config)
    assert fits == [] and files_of(tmp_path) == set()
