"""cellama.py: training, sentences, embedding, and bad input in a sentence."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from trained_models import known_cells

import cellama
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier


@pytest.fixture(scope="module")
def tissue(tmp_path_factory) -> Path:
    """Cells of three types in a plane, two of them on their own sides."""
    cells = known_cells(240, 0)
    rng = np.random.default_rng(0)
    types = cells.obs["cell_type"].astype(str)
    side = types.map({name: 10.0 * i for i, name in enumerate(sorted(types.unique()))})
    cells.obsm["spatial"] = np.column_stack([side + rng.normal(size=240), rng.uniform(size=240)])
    cells.var_names = [f"GENE{i}" for i in range(cells.n_vars)]
    cells.obs["sex"] = rng.choice(["f", "m"], 240)
    cells.obs["barcode"] = [f"AC{i}" for i in range(240)]
    path = tmp_path_factory.mktemp("tissue") / "tissue.h5ad"
    cells.write_h5ad(path)
    return path


def small(cells: Path, output: Path, **more) -> cellama.Config:
    quick = {"n_splits": 1, "epochs": 3, "n_top": 12, "width": 16, "seed": 42}
    return cellama.Config(cells=cells, output=output, quiet=True, **quick | more)


def test_training_with_metadata_and_niche(tissue, tmp_path):
    config = small(tissue, tmp_path, metadata=("sex",), niche="predicted", section_key="sex")
    summary = cellama.main(config)
    assert "cellama" in summary.index.get_level_values("method")
    shares = pd.read_csv(tmp_path / "results" / "cellama" / "niches.csv")
    of_each = shares.groupby("cell_type")["neighbour_share"].sum()
    np.testing.assert_allclose(of_each, 1, atol=1e-5)
    assert (tmp_path / "plots" / "cellama_niches.png").exists()
    told = pd.read_csv(tmp_path / "results" / "cellama" / "shortcuts.csv")
    assert told["column"].tolist() == ["sex"]
    model = Classifier.load(tmp_path / "models" / "cellama")
    assert model.decided_.metadata == ("sex", "nearest_cells")
    with pytest.raises(InputError, match="was given counts alone"):
        model.outputs(model.align(ad.read_h5ad(tissue)[:9].copy()))


def test_scores_by_given_labels_of_neighbours_go_by_another_name(tissue, tmp_path, caplog):
    summary = cellama.main(small(tissue, tmp_path, niche="given", epochs=1))
    assert set(summary.index.get_level_values("method")) == {"cellama_niche_given"}
    results = tmp_path / "results"
    assert [path.name for path in (results / "scores").iterdir()] == ["cellama_niche_given.csv"]
    assert set(pd.read_csv(results / "per_type" / "cellama_niche_given.csv")["method"]) == {
        "cellama_niche_given"
    }
    model = Classifier.load(tmp_path / "models" / "cellama_niche_given")
    assert model.method == "cellama_niche_given"
    assert "stand in the tables as cellama_niche_given" in caplog.text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"metadata": ("tissue",)}, "no obs column 'tissue'"),
        ({"niche": "given", "section_key": "slide"}, "no obs column 'slide'.*--section-key"),
        ({"metadata": ("barcode",)}, "barcode: 240 different values in 240 cells"),
        ({"encoder": "gene-bert", "fine_tune": "none"}, "gene-bert starts from random weights"),
        ({"gene_dropout": 1.0}, "--gene-dropout 1.0"),
    ],
)
def test_bad_options(tissue, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        cellama.main(small(tissue, tmp_path, **more))


def test_no_places_no_niche(tissue, tmp_path):
    cells = ad.read_h5ad(tissue)
    del cells.obsm["spatial"]
    cells.write_h5ad(tmp_path / "nowhere.h5ad")
    with pytest.raises(InputError, match=r"has no obsm\['spatial'\] \(it has none\)"):
        cellama.main(small(tmp_path / "nowhere.h5ad", tmp_path, niche="given"))


def test_sentences_of_a_file(tissue, tmp_path):
    config = cellama.Sentences(cells=(tissue,), output=tmp_path, n_top=3, metadata=("sex",))
    (table,) = cellama.write_sentences(config)
    assert table["cell"].tolist() == ad.read_h5ad(tissue).obs_names.tolist()
    text = (tmp_path / "sentences" / "tissue.txt").read_text().splitlines()
    assert text == table["sentence"].tolist()
    assert text[0].startswith("Top genes are ")
    assert text[0].endswith(" of this cell is f.") or text[0].endswith(" of this cell is m.")
    assert (table["n_genes"] <= 3).all()
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "sentences" / "tissue.parquet"), table, check_dtype=False
    )


def test_vectors_of_one_cell(tissue, tmp_path, caplog):
    cellama.main(small(tissue, tmp_path, epochs=1))
    ad.read_h5ad(tissue)[:1].copy().write_h5ad(tmp_path / "one.h5ad")
    model = tmp_path / "models" / "cellama"
    config = cellama.Embed(cells=(tmp_path / "one.h5ad",), output=tmp_path, model=model, quiet=True)
    found = cellama.embed(config)
    assert np.isfinite(found.obsm["X_cellama"]).all() and "too few for a UMAP" in caplog.text
    assert not (tmp_path / "plots" / "cellama_embedding.png").exists()


@pytest.mark.slow
def test_files_in_one_space(tissue, tmp_path):
    other = tmp_path / "other.h5ad"
    ad.read_h5ad(tissue)[:60].copy().write_h5ad(other)
    config = cellama.Embed(cells=(tissue, other), output=tmp_path, quiet=True, n_top=12)
    found = cellama.embed(config)
    written = ad.read_h5ad(tmp_path / "embedding" / "embedding.h5ad")
    np.testing.assert_array_equal(written.obsm["X_cellama"], found.obsm["X_cellama"])
    assert written.obs["file"].value_counts().tolist() == [240, 60]
    scores = pd.read_csv(tmp_path / "results" / "cellama" / "embedding_scores.csv")
    assert scores.set_index("statistic")["value"]["same_type"] > 0.8
    assert (tmp_path / "plots" / "cellama_embedding.png").exists()
