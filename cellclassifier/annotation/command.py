"""Name the cells of new files with a trained model, and say which are of no type it knows.

Any model that the scripts saved will do; the files need raw counts and gene names, no labels. What
is stored by rows is read a chunk at a time, whatever its size. Outputs, for every file, under
model_output/annotations/<file's name>/ (of two files of one name, <folder>/<file's name>/):

    annotations.csv           cell, predicted, probability, second, second_probability,
                              confidence (high, medium, low), known, broad (the finest name
                              that is certain enough), broad_probability, far (like no known
                              type), between (near known ones, but in doubt)
    probabilities.parquet     the calibrated probability of every type for every cell
    summary.csv               cells per predicted type, and the share of unknown, far ones
    totals.csv                the same of all cells together, and the share of genes found
    clusters.csv              what each cluster voted for (--majority-voting)
    annotated.h5ad            a copy of the .h5ad with all of it in obs, obsm, uns (--write-h5ad)
    umap.png                  the cells by predicted type and by probability (--umap)
    about.json                which model this was, trained on what, and the share of genes found

and model_output/results/run_annotate.json of the last run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from cellclassifier import annotation, data, output, plots
from cellclassifier.errors import InputError
from cellclassifier.options import CommonOptions, available_cores, require_positive

if TYPE_CHECKING:
    import pandas as pd

    from cellclassifier.annotation.naming import Naming
    from cellclassifier.annotation.voting import Clusters
    from cellclassifier.annotation.write import AnnotationFiles
    from cellclassifier.data.open import CellSource
    from cellclassifier.interface import GeneClassifier

LATER_FILES = ("annotated.h5ad", "umap.png", "clusters.csv")
WHEN_STOPPED = "Files that were finished are kept."
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Config(CommonOptions):
    """Options of annotation."""

    model: Path | None = None
    """folder of a saved model, for instance model_output/models/soft_vote; default: the ready model
    of blood (PBMC), which says what it knows"""

    cells: tuple[Path, ...] = ()
    """files with raw counts: .npy, .h5ad, .zarr, .loom, .csv, .tsv, 10x .h5 or matrix folder, or a
    folder of samples; default: ./cells.npy or data/cells.npy, else the embedded sample"""

    layer: str | None = None
    """layer that holds the raw counts; default: X, or where counts are found; "raw" for .raw"""

    min_genes_found: float = 0.5
    """stop where less than this share of the model's genes, by importance, is in the file"""

    certainty: float = 0.8
    """probability that a broader name must reach: "T cell" where CD4 and CD8 share it"""

    cell_types: Path | None = None
    """CSV of labels and their Cell Ontology terms (label, term), beside the known ones"""

    smooth: Literal["nothing", "broad", "all"] | None = None
    """average probabilities over a cell's 15 neighbours in the file: for broader names, which are
    then oftener right, or for all, which blurs fine types; default: all with the ready model, else
    nothing"""

    majority_voting: str | None = None
    """also let clusters vote: a column of obs, or "leiden" (needs igraph); predictions stay"""

    chunk_cells: int = 10_000
    """cells that are in memory at a time"""

    write_h5ad: bool = False
    """also write a copy of the .h5ad with the annotations in obs, obsm and uns"""

    umap: bool = False
    """also draw a UMAP of (at most 20,000 of) the cells"""


def main(config: Config) -> dict[str, pd.DataFrame]:
    """Annotate every file; returns its summary by the name of its folder."""
    _check(config)
    folder = config.output / "annotations"
    record = output.RunRecord("annotate", config, output.Output(config.output))

    with record.step("model"):
        model = annotation.load_annotator(config.model) if config.model else annotation.load_ready()
        model.use_jobs(config.jobs or available_cores())
        known = data.known_cell_types(config.cell_types)
        naming = annotation.Naming.of(model.classes_, config.certainty, known)
    summaries, facts = {}, {}
    for path, name in zip(*_files(config), strict=True):
        log.info("Opening %s ...", data.printable(data.name_of(path)))
        with record.step("open"):
            source = _open(path, config, model)
        with record.step("annotate"):
            files, facts[name] = _annotate(config, model, naming, source, folder / name)
        with record.step("outputs"):
            totals = annotation.write_totals(folder / name / "totals.csv", facts[name])
            layer = config.layer or source.counts_from
            known = facts[name] | {"layer": layer}
            summaries[name] = _write_others(config, model, source, files, known, folder / name)
            about = facts[name] | {"counts_from": layer, "model": annotation.about(model)}
            output.write_json(folder / name / "about.json", about)
        tables = [table.round(3).to_string(index=False) for table in (summaries[name], totals)]
        log.log(output.RESULT, "== %s\n%s", source.path, "\n\n".join(tables))
    record.write(model=annotation.about(model), files=facts)
    log.log(output.RESULT, "Outputs: %s", folder.resolve())
    return summaries


def _check(config: Config) -> None:
    require_positive(config, "chunk_cells", "jobs")
    if not 0 <= config.min_genes_found <= 1:
        raise InputError(f"--min-genes-found {config.min_genes_found}: expected 0 to 1")
    if not 0 <= config.seed < 2**32:
        raise InputError(f"--seed {config.seed}: expected 0 to 2**32 - 1")
    for path, name in zip(*_files(config), strict=True):  # all before the first is annotated
        if path is not None:
            _check_file(path, name, config)


def _files(config: Config) -> tuple[list[Path | None], list[str]]:
    """What is to be annotated, and the names of its folders; None for the embedded sample."""
    paths = [data.find_cells(path) for path in config.cells or (None,)]
    if paths == [None]:
        return paths, [data.name_of(None)]
    return paths, data.distinct_names(paths)


def _check_file(path: Path, name: str, config: Config) -> None:
    if config.write_h5ad and path.suffix != ".h5ad":
        raise InputError(f"--write-h5ad is for .h5ad files, and {path} is none: leave it out")
    data.check_layer(path, config.layer)
    folder = config.output / "annotations" / name
    if path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} lies where its own annotations are to be written: choose another --output"
        )


def _open(path: Path | None, config: Config, model: GeneClassifier) -> CellSource:
    source = data.open_cells(path, config.layer)
    if not config.umap:
        return source
    if model.novelty_ is None:
        raise InputError("--umap needs a model that learned from validation cells: leave it out")
    fewest = plots.annotated_map.FEWEST_CELLS
    if source.n_cells < fewest:
        raise InputError(
            f"--umap needs at least {fewest} cells, and {source.path} has {source.n_cells}: leave "
            "the option out"
        )
    return source


def _annotate(
    config: Config, model: GeneClassifier, naming: Naming, source: CellSource, folder: Path
) -> tuple[AnnotationFiles, dict]:
    """Write the annotations of one file, chunk by chunk."""
    match, share = annotation.find_genes(model, source.var, config.min_genes_found)
    clusters = _clusters(config, source)
    first = annotation.FirstPass.over(
        model,
        source.chunks(config.chunk_cells),
        match.align,
        source.n_cells,
        config.smooth or annotation.smoothing_by_default(config.model),
    )
    first = clusters.ready(first) if clusters else first
    known = model.classes_, source.n_cells, config.seed, config.write_h5ad
    with (
        annotation.annotation_files(folder, *known) as files,
        output.Progress(source.n_cells, "cell", name=source.path.name) as progress,
    ):
        for annotated in annotation.annotate_chunks(
            model, source.chunks, config.chunk_cells, match.align, source.cell_names, naming, first
        ):
            files.add(annotated)
            progress.add(len(annotated.table))
        if clusters:
            files.add_votes(clusters.votes(files.kept["predicted"], files.own_places, config.seed))
    facts = {"file": str(source.path), "genes_found_share": share}
    facts |= {"model_learned_from_it": annotation.learned_from(model, source)}
    if facts["model_learned_from_it"]:
        log.warning(annotation.remark_on_training(data.printable(source.path.name)))
    facts |= annotation.totals(files.kept) | first.facts()
    annotation.say_if_many_are_far(files.kept)
    return files, facts


def _clusters(config: Config, source: CellSource) -> Clusters | None:
    """What is to vote together; InputError where it is not there."""
    if config.majority_voting is None:
        return None
    return annotation.Clusters.wanted(config.majority_voting, source.read_column)


def _write_others(
    config: Config,
    model: GeneClassifier,
    source: CellSource,
    files: AnnotationFiles,
    facts: dict,
    folder: Path,
) -> pd.DataFrame:
    """summary.csv and what was asked for beside it; returns the summary."""
    for name in LATER_FILES:  # of an earlier run, they would not fit the table
        (folder / name).unlink(missing_ok=True)
    kept, places = files.kept, None
    summary = annotation.summarize(kept)
    output.write_csv(folder / "summary.csv", summary)
    if config.majority_voting:
        clusters = annotation.cluster_table(kept)
        annotation.say_of_clusters(clusters)
        output.write_csv(folder / "clusters.csv", clusters)
    if config.umap:
        log.info("UMAP of %s cells (a minute or more) ...", f"{len(files.shown):,}")
        places = plots.annotated_map.umap_of(files.space, config.seed)
        figure = plots.annotated_map.annotated_map(places, kept, files.shown)
        output.write_figure(folder / "umap.png", figure)
    if config.write_h5ad:
        _write_h5ad(model, source, files, facts, places, folder / "annotated.h5ad")
    return summary


def _write_h5ad(
    model: GeneClassifier,
    source: CellSource,
    files: AnnotationFiles,
    facts: dict,
    places: np.ndarray | None,
    target: Path,
) -> None:
    """A copy of the file with what ``cc.annotate`` writes, and the UMAP where there is one.

    places: of the cells ``shown``, (n_shown, 2); the other cells have none (NaN).
    """
    names = source.cell_names
    obsm = annotation.obsm_columns(files.probabilities, files.whole_space, model.classes_, names)
    if places is not None:
        obsm["X_umap"] = np.full((source.n_cells, 2), np.nan, dtype=np.float32)
        obsm["X_umap"][files.shown] = places
    columns = annotation.obs_columns(files.kept, names)
    with output.atomic_path(target) as path:
        data.write_annotated(source, columns, path, annotation.uns_of(model, facts), obsm)
