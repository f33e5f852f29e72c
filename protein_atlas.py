"""Where in the cell is a protein? From its fluorescence image, with a forest per place.

    python protein_atlas.py                                # simulated images, which say so
    python protein_atlas.py --images FOLDER --labels train.csv --group-key antibody
    python protein_atlas.py --download                     # fetch EfficientNetB0, once
    python protein_atlas.py --images ... --embedding efficientnet --weights efficientnet_files
    python protein_atlas.py predict --model model_output/models/protein_atlas --images NEW

A folder holds <Id>_red.png, _green.png, _blue.png and _yellow.png of every image (8 or 16 bit, of
any size up to 67 million pixels), the table Id,Target the numbers of its places. Every image is
held out once. Outputs, under model_output/:

    results/protein_atlas_results.csv    per method: macro-F1, micro-F1, AP, AUROC; what to hold
                                         them against
    results/per_location_results.csv     the same per place, thresholds, prevalence
    results/scores/<method>.csv, results/protein_atlas_splits.csv
    predictions/<method>-split<seed>.parquet, models/<method>/
    plots/protein_atlas_*.png
    results/run_protein_atlas.json
    places/<folder>/                     predict: places.csv, probabilities.parquet
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cellclassifier import cli, data, output, plots, protocol
from cellclassifier.data.image_options import ImageOptions
from cellclassifier.models import protein_atlas as atlas
from cellclassifier.models.protein_atlas.options import (
    METHODS,
    ORIGINAL,
    WEIGHTED,
    AtlasOptions,
    EmbeddingOptions,
    FoldOptions,
)
from cellclassifier.options import (
    CommonOptions,
    RunOptions,
    available_cores,
    decided,
    require_positive,
)

if TYPE_CHECKING:
    import pandas as pd

SHOWN_MISTAKES = 8
QUICK = {"n_simulated": 80, "image_size": 128, "folds": 2, "n_trees": 20, "inner_folds": 3}
NOT_IN_KEY = {"changes_results": False}


@dataclass(frozen=True)
class Config(RunOptions, AtlasOptions, FoldOptions, EmbeddingOptions, ImageOptions):
    """Options of training."""

    folds: int | None = None
    """how many, of which every one is held out once; default 5 (--quick: 2)"""

    n_trees: int | None = None
    """trees per place; default 100 (--quick: 20)"""

    inner_folds: int | None = None
    """folds of the training images from which calibration and thresholds are learned; default 5
    (--quick: 3)"""

    n_simulated: int | None = field(default=None, metadata=NOT_IN_KEY)
    """how many images to simulate; default 320 (--quick: 80)"""

    image_size: int | None = field(default=None, metadata=NOT_IN_KEY)
    """pixels along an edge of a simulated image; default 256 (--quick: 128)"""

    methods: tuple[Literal[METHODS], ...] = field(default=(WEIGHTED, ORIGINAL), metadata=NOT_IN_KEY)
    """how rare places are dealt with; figures are of the first"""

    download: bool = field(default=False, metadata=NOT_IN_KEY)
    """fetch EfficientNetB0 into efficientnet_files/, and stop"""

    quick: bool = field(default=False, metadata=NOT_IN_KEY)
    """a first look: 80 simulated images of 128 pixels, 2 folds, 20 trees, unless given"""


@dataclass(frozen=True, kw_only=True)
class PredictConfig(CommonOptions):
    """Options of predict."""

    model: Path
    """folder of a saved model, for instance model_output/models/protein_atlas"""

    images: Path
    """folder of <Id>_<channel>.png"""

    weights: Path | None = None
    """folder of the EfficientNetB0 that the model was trained with, if it was"""

    device: str = "auto"
    """of EfficientNet: auto, cuda, mps or cpu"""


def main(config: Config) -> pd.DataFrame | None:
    """Hold out every fold once; returns the figures of every method."""
    if config.download:
        return atlas.download()
    config = decided(config, QUICK)
    atlas.check(config)
    made_by, jobs = atlas.made_by(config), config.jobs or available_cores()
    run = protocol.Run("protein_atlas", config, depends_on=made_by)

    with run.step("read"):
        located = data.read_images(config, config.seed, config.green_only)
    with run.step("embed"):
        embedded = atlas.embed(located.images, config, config.output / ".embeddings", jobs)
    cells = atlas.as_cells(located, embedded.digests)
    parts = atlas.folds_of(located, config.folds, config.seed)

    versions = dict.fromkeys(config.methods, atlas.AtlasClassifier.version)
    for method, fold in run.plan(versions, cells, parts, "protein_atlas_splits"):
        model = atlas.AtlasClassifier(method, atlas.options_in(config), fold, jobs, made_by)
        result = atlas.evaluate_fold(model, embedded.values, located, parts[fold].to_numpy(), fold)
        run.keep(result, thresholds=atlas.threshold_table(model, fold))

    with run.step("outputs"):
        judged = {method: atlas.judged_by(run, method) for method in config.methods}
        thresholds = {method: run.table("thresholds", method) for method in config.methods}
        places, figures = atlas.all_tables(judged, thresholds, config.images is not None)
        run.output.csv("per_location_results", places)
        run.output.csv("protein_atlas_results", figures)
        draw(run, located.images, judged[config.methods[0]], places, figures)
    run.write_record(simulated=config.images is None)
    print(figures.round(3).to_string(index=False, na_rep=""))
    cli.say_where(config.output)
    return figures


def draw(run: protocol.Run, images, judged, places: pd.DataFrame, figures: pd.DataFrame) -> None:
    """Every figure of the first method, each of which says what images these are."""
    kind = "Real images" if run.config.images else "SIMULATED images"
    own, row = places[places["method"] == figures["method"][0]], figures.iloc[0].to_dict()
    human = atlas.HUMAN_MACRO_F1 if run.config.images else None
    worst = atlas.worst_mistakes(judged, SHOWN_MISTAKES)
    sheet = atlas.with_captions(images, judged, worst)
    drawn = {
        "f1": plots.f1_against_prevalence(own, row, kind, human),
        "average_precision": plots.average_precision_bars(own, row, kind),
        "confusion": plots.places_together(
            judged.places,
            judged.shown.sum(axis=0),
            atlas.co_occurrence(judged),
            atlas.confusion(judged),
            kind,
        ),
        "mistakes": plots.sheet_of_images(*sheet, f"{kind}: the {len(worst)} least likely answers"),
    }
    for name, figure in drawn.items():
        run.output.figure(f"protein_atlas_{name}", figure)


def predict(config: PredictConfig) -> pd.DataFrame:
    """Write the places of new images; returns the table."""
    require_positive(config, "jobs")
    model = atlas.AtlasClassifier.load(config.model)
    given = atlas.EmbeddingOptions(weights=config.weights, device=config.device)
    options = atlas.options_of(model.made_by, given)
    images = data.ImageFolder.find(config.images, data.channels_needed(options.green_only))
    jobs = config.jobs or available_cores()
    embedded = atlas.embed(images, options, config.output / ".embeddings", jobs)
    answers, probabilities = atlas.named_places(model, images.ids, embedded.values)
    folder = config.output / "places" / output.file_name(config.images.resolve().name)
    output.write_csv(folder / "places.csv", answers)
    output.write_parquet(folder / "probabilities.parquet", probabilities)
    print(answers.head(10).round(3).to_string(index=False))
    cli.say_where(folder)
    return answers


if __name__ == "__main__":
    commands = {"predict": cli.Subcommand(predict, PredictConfig, predict.__doc__)}
    cli.run(main, Config, __doc__, subcommands=commands)
