"""protein_atlas.py: simulated images by default, a folder, new images, resume, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score

import protein_atlas as script
from cellclassifier.data.images import CHANNELS
from cellclassifier.data.locations import LOCATIONS
from cellclassifier.data.simulated_images import NAMES, simulated
from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas.options import METHODS
from protein_atlas import Config, PredictConfig, main, predict

SMALL = {"n_simulated": 40, "image_size": 48, "folds": 2, "n_trees": 5, "inner_folds": 2}


@pytest.fixture(scope="module")
def on_simulated(tmp_path_factory):
    """(output folder, figures) of all three methods on simulated images; nothing is drawn."""
    folder = tmp_path_factory.mktemp("simulated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "draw", draw_nothing)
        return folder, main(Config(output=folder, methods=METHODS, jobs=1, **SMALL))


def draw_nothing(*arguments) -> None:
    """Figures take most of a small run's time; those of ``on_files`` are drawn."""


def write_folder(folder, n=24, size=48, leave_out=()):
    """Simulated images as PNG of 8 bit; returns the table of labels."""
    made = simulated(n, size, seed=5)
    folder.mkdir()
    rows = ["Id,Target,plate"]
    for i, id_ in enumerate(made.images.ids):
        for name, channel in zip(CHANNELS, made.images.read(i), strict=True):
            if name not in leave_out:
                pixels = np.rint(channel * 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{id_}_{name}.png")
        numbers = [LOCATIONS.index(name) for name in NAMES[made.shown[i]]]
        rows.append(f"{id_},{' '.join(map(str, numbers))},p{i % 6}")
    table = folder.parent / "train.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


@pytest.fixture(scope="module")
def on_files(tmp_path_factory):
    """(folder of images, output folder, figures) of images in files, in groups."""
    folder = tmp_path_factory.mktemp("files")
    table = write_folder(folder / "images")
    options = {"images": folder / "images", "labels": table, "group_key": "plate", "jobs": 1}
    forests = {"n_trees": 5, "inner_folds": 2, "folds": 2}
    return (
        folder / "images",
        folder / "out",
        main(Config(output=folder / "out", **options, **forests)),
    )


def test_figures_are_those_of_the_predictions(on_simulated):
    """Macro-F1 and average precision, by scikit-learn, of all held-out images together."""
    folder, figures = on_simulated
    for method in METHODS:
        paths = sorted((folder / "predictions").glob(f"{method}-split*.parquet"))
        rows = pd.concat([pd.read_parquet(path) for path in paths]).query("part == 'test'")
        assert len(paths) == 2 and sorted(rows["cell"]) == sorted(simulated(40).images.ids)
        shown, given = (
            np.array([[name in text.split(" | ") for name in NAMES] for text in rows[column]])
            for column in ("label", "predicted")
        )
        found = figures.set_index("method").loc[method]
        expected = f1_score(shown, given, average="macro", zero_division=0)
        assert found["macro_f1"] == pytest.approx(expected)
        occur = shown.any(axis=0)
        precision = average_precision_score(shown[:, occur], rows[NAMES[occur]].to_numpy())
        assert found["average_precision"] == pytest.approx(precision)
        assert found["micro_f1"] == pytest.approx(f1_score(shown, given, average="micro"))


def test_per_location_results(on_simulated):
    folder, _ = on_simulated
    table = pd.read_csv(folder / "results/per_location_results.csv")
    assert list(table)[:9] == [
        "method", "location", "number", "n", "n_images", "n_given", "prevalence", "threshold", "f1"
    ]  # fmt: skip
    assert (table.groupby("method").size() == 14).all() and (table["n_images"] == 40).all()
    own = table[table["method"] == "protein_atlas_original"]
    assert (own["threshold"] == 0.5).all()
    n, given, recall = own["n"], own["n_given"], own["recall"]
    alarms = (given - recall * n) / (40 - n)
    np.testing.assert_allclose(own["balanced_f1"], 2 * recall / (recall + alarms + 1), atol=1e-5)


def test_always_present_scores_two_thirds_on_half_positives_and_little_at_natural_prevalence(
    on_simulated,
):
    row = on_simulated[1].set_index("method").loc["always present"]
    assert row["balanced_f1"] == pytest.approx(2 / 3)
    shown = simulated(40, 48, 42).shown
    expected = f1_score(shown, np.ones_like(shown), average="macro", zero_division=0)
    assert row["macro_f1"] == pytest.approx(expected) and row["macro_f1"] < 0.25


def test_simulated_images_say_so(caplog, on_simulated):
    with caplog.at_level("INFO"):
        script.data.read_images(Config(**SMALL), seed=1)
    assert "SIMULATED IMAGES" in caplog.records[0].message
    folder, figures = on_simulated
    record = json.loads((folder / "results/run_protein_atlas.json").read_text(encoding="utf-8"))
    assert record["simulated"] is True and record["data"]["file"] == "simulated images"
    assert not figures["method"].str.contains("biologists").any()


@pytest.mark.slow
def test_a_second_run_gives_the_same(on_simulated, monkeypatch):
    monkeypatch.setattr(script, "draw", draw_nothing)
    folder, figures = on_simulated
    before = (folder / "results/per_location_results.csv").read_bytes()
    again = main(Config(output=folder, methods=METHODS, jobs=2, fresh=True, **SMALL))
    pd.testing.assert_frame_equal(again, figures)
    assert (folder / "results/per_location_results.csv").read_bytes() == before


def test_images_in_files_with_groups(on_files):
    _, out, figures = on_files
    row = figures.set_index("method").loc["protein_atlas"]
    assert row["n_places"] == 28 and row["n_images"] == 24
    assert (figures["method"] == "three biologists").sum() == 2  # people saw images of this kind
    parts = pd.read_csv(out / "results/protein_atlas_splits.csv")
    plate = [f"p{int(name[-5:]) % 6}" for name in parts["cell"]]
    for column in ("part_42", "part_43"):
        assert (parts.groupby(plate)[column].nunique() == 1).all()
    assert {path.name for path in (out / "plots").iterdir()} == {
        f"protein_atlas_{name}.png" for name in ("f1", "average_precision", "confusion", "mistakes")
    }


def test_predict_names_the_places_of_new_images(on_files, tmp_path):
    images, out, _ = on_files
    config = PredictConfig(model=out / "models/protein_atlas", images=images, output=tmp_path)
    table = predict(config)
    written = pd.read_csv(tmp_path / "places/images/places.csv")
    assert written["image"].tolist() == table["image"].tolist() and len(table) == 24
    p = pd.read_parquet(tmp_path / "places/images/probabilities.parquet")
    p = p[sorted(LOCATIONS)].to_numpy()
    np.testing.assert_allclose(table["probability"], p.max(axis=1))
    for row in table.itertuples():
        names = {LOCATIONS[int(number)] for number in row.location_numbers.split()}
        assert names == set(row.places.split(" | ")) and names
        assert row.passed or names == {row.most_probable}
    few = tmp_path / "few"
    few.mkdir()
    for path in images.glob(f"{table['image'][3]}_*.png"):
        (few / path.name).write_bytes(path.read_bytes())
    (alone,) = predict(replaced(config, few)).itertuples()
    assert alone.location_numbers == table["location_numbers"][3]  # whatever its neighbours
    assert alone.probability == table["probability"][3]


def replaced(config: PredictConfig, images) -> PredictConfig:
    return PredictConfig(model=config.model, images=images, output=config.output)


def test_bad_input_is_a_sentence(tmp_path, on_files):
    images, out, _ = on_files
    table = images.parent / "train.csv"
    for options, message in (
        ({"images": images}, "--images needs --labels"),
        ({"labels": table}, "give --images FOLDER"),
        ({"images": tmp_path, "labels": table}, "holds no images"),
        ({"images": images, "labels": table, "folds": 1}, "--folds 1: expected 2 to 24"),
        ({"image_size": 8}, "--image-size 8: expected 32 to 4096"),
        ({"n_trees": 0}, "--n-trees 0: expected at least 1"),
        ({"inner_folds": 1}, "--inner-folds 1: expected at least 2"),
        ({"methods": ()}, "--methods names none"),
        ({"embedding": "efficientnet"}, "needs --weights FOLDER"),
    ):
        with pytest.raises(InputError, match=message):
            main(Config(output=tmp_path / "out", **options))
    assert not (tmp_path / "out/results").exists()
    bad = write_folder(tmp_path / "bad", 4, leave_out=("yellow",)).parent / "bad"
    with pytest.raises(InputError, match=r"lacks channels of 4 of 4 images: simulated_00000 "):
        predict(PredictConfig(model=out / "models/protein_atlas", images=bad, output=tmp_path))


@pytest.mark.slow
def test_green_alone_needs_no_other_channel(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "draw", draw_nothing)
    table = write_folder(tmp_path / "green", 16, leave_out=("red", "blue", "yellow"))
    options = {"images": tmp_path / "green", "labels": table, "green_only": True, "folds": 2}
    main(Config(output=tmp_path, n_trees=4, inner_folds=2, jobs=1, **options))
    model = tmp_path / "models/protein_atlas"
    found = predict(PredictConfig(model=model, images=tmp_path / "green", output=tmp_path))
    assert len(found) == 16


def test_other_weights_than_the_models_are_refused(on_files):
    made = {"embedding": "classical", "green_only": False, "version": 0}
    with pytest.raises(InputError, match="another version of the features"):
        script.atlas.options_of(made, script.EmbeddingOptions())
