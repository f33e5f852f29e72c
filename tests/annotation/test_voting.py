"""Majority voting: each cluster answers in columns of its own, predictions stay as they were."""

from __future__ import annotations

import importlib.util

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from trained_models import TYPES, known_cells, saved_in, trained

import cellclassifier as cc
from cellclassifier.annotation import command, voting
from cellclassifier.annotation.for_scanpy import VOTES
from cellclassifier.annotation.voting import cluster_table, leiden_clusters, votes
from cellclassifier.errors import InputError

METHOD = "logistic_regression"
needs_igraph = pytest.mark.skipif(
    importlib.util.find_spec("igraph") is None, reason="igraph is not installed"
)


def test_a_vote_is_the_most_frequent_answer_of_a_cluster():
    answers = pd.Series(pd.Categorical(list("aabbbac"), list("abcd")))
    clusters = np.array(["1", "1", "1", "2", "2", "2", None], dtype=object)
    found = votes(answers, clusters)
    assert list(found) == list(VOTES)
    assert found["majority_voting"].tolist()[:6] == ["a", "a", "a", "b", "b", "b"]
    np.testing.assert_allclose(found["majority_voting_share"][:6], 2 / 3)
    assert found.iloc[6].isna().all()


def test_votes_against_pandas_modes():
    rng = np.random.default_rng(0)
    answers = pd.Series(rng.choice(list("abc"), 500))
    clusters = rng.integers(0, 40, 500).astype(str).astype(object)
    found = votes(answers, clusters)
    expected = answers.groupby(clusters).agg(lambda own: own.mode()[0])
    assert (found["majority_voting"].to_numpy() == expected[clusters].to_numpy()).all()
    agrees = answers.to_numpy() == found["majority_voting"].to_numpy()
    shares = pd.Series(agrees).groupby(clusters).mean()[clusters]
    np.testing.assert_allclose(found["majority_voting_share"], shares, rtol=1e-6)


def test_a_row_per_cluster():
    kept = pd.DataFrame({"far": [True, False, False, False]})
    answers = pd.Series(list("abbb"))
    table = cluster_table(kept.join(votes(answers, np.array(["x", "y", "y", "y"], dtype=object))))
    assert table["cluster"].tolist() == ["y", "x"] and table["n_cells"].tolist() == [3, 1]
    assert table["majority_voting"].tolist() == ["b", "a"]
    assert table["far_share"].tolist() == [0, 1]


def labelled() -> ad.AnnData:
    cells = known_cells(150, seed=5)
    cells.obs["louvain"] = pd.Categorical(np.where(np.arange(150) % 3 == 0, "=one", "two"))
    return cells


def test_groups_of_a_file_vote(tmp_path_factory, tmp_path):
    """In the tables, the copy and a notebook alike; a cell's own answer stays as it was."""
    cells = labelled()
    cells.obs_names = [f"-{i}" if i % 2 else f"=cell {i}" for i in range(150)]
    cells.write_h5ad(tmp_path / "new.h5ad")
    options = {"cells": (tmp_path / "new.h5ad",), "write_h5ad": True, "jobs": 1, "chunk_cells": 40}
    folder = saved_in(tmp_path_factory, METHOD)
    for name, wanted in (("plain", None), ("voted", "louvain")):
        config = command.Config(
            model=folder, output=tmp_path / name, majority_voting=wanted, **options
        )
        command.main(config)
    plain, voted = (
        pd.read_csv(
            tmp_path / name / "annotations/new/annotations.csv", dtype=str, keep_default_na=False
        )
        for name in ("plain", "voted")
    )
    assert list(voted) == [*plain, *VOTES]
    pd.testing.assert_frame_equal(voted[list(plain)], plain)
    cc.annotate(cells, folder, majority_voting="louvain")
    written = ad.read_h5ad(tmp_path / "voted/annotations/new/annotated.h5ad")
    pd.testing.assert_frame_equal(written.obs, cells.obs)
    expected = votes(cells.obs["predicted_cell_type"], labelled().obs["louvain"].to_numpy(object))
    assert voted["majority_voting"].tolist() == expected["majority_voting"].tolist()
    table = pd.read_csv(tmp_path / "voted/annotations/new/clusters.csv")
    assert table["cluster"].tolist() == ["two", "'=one"] and table["n_cells"].tolist() == [100, 50]
    assert not (tmp_path / "plain/annotations/new/clusters.csv").exists()


@needs_igraph
def test_leiden_clusters_vote_the_same_in_chunks(tmp_path_factory):
    found = []
    for size in (150, 37):
        cells = labelled()
        model = saved_in(tmp_path_factory, METHOD)
        cc.annotate(cells, model, majority_voting="leiden", chunk_cells=size)
        found.append(cells.obs)
    pd.testing.assert_frame_equal(*found)
    assert 3 <= found[0]["cluster"].nunique() < 75
    assert set(found[0]["majority_voting"]) == set(TYPES)
    agrees = (found[0]["majority_voting"] == found[0]["predicted_cell_type"]).mean()
    assert agrees == pytest.approx(found[0]["majority_voting_share"].mean(), abs=1e-6)


@needs_igraph
def test_leiden_finds_groups_that_lie_apart():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 100)
    places = 20 * np.eye(4)[groups] + rng.normal(0, 1, (400, 4))
    clusters = leiden_clusters(places, 1)
    assert pd.Series(groups).groupby(clusters).nunique().max() == 1
    assert (clusters == leiden_clusters(places, 1)).all()


def test_without_igraph_or_cells_it_says_what_to_do(monkeypatch):
    with pytest.raises(InputError, match=r"majority_voting= 'nothing': obs has cell_type, louvain"):
        cc.annotate(labelled(), trained(METHOD), majority_voting="nothing")
    monkeypatch.setattr(voting.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="majority_voting= leiden needs igraph: pip install"):
        cc.annotate(labelled(), trained(METHOD), majority_voting="leiden")
    monkeypatch.setattr(voting, "require_leiden", lambda: None)
    few = labelled()[:60].copy()
    with pytest.raises(InputError, match="leiden needs at least 100 cells"):
        cc.annotate(few, trained(METHOD), majority_voting="leiden")
