"""The loop that every experiment shares: plan, resume, keep, finish."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.data.features import types_by_similarity
from cellclassifier.data.options import CellsOptions
from cellclassifier.options import RunOptions
from cellclassifier.output.files import file_name, publish, write_parquet
from cellclassifier.output.folder import Output, predictions_of
from cellclassifier.output.processes import is_first
from cellclassifier.output.progress import Progress
from cellclassifier.output.record import RunRecord
from cellclassifier.protocol import paired, scores
from cellclassifier.protocol.answers import read_answers
from cellclassifier.protocol.evaluation import Evaluation, pooled_reliability
from cellclassifier.protocol.finished import (
    FinishedParts,
    digest_of_cells,
    key_of,
    options_in_key,
)
from cellclassifier.protocol.options import SplitOptions, SubsetOptions
from cellclassifier.protocol.scores import ScoreTables
from cellclassifier.protocol.splits import require_differences, require_usable

log = logging.getLogger(__name__)
Figures = Iterable[tuple[str, Figure]]
PREDICTIONS, MODEL = "predictions.parquet", "model"


class Run:
    """One run of a script: its output folder, its record, its finished parts.

        run = Run("cellular", config)
        cells, parts = ...
        for method, split in run.plan({"cellular": 1}, cells, parts):
            run.keep(evaluate(CellularClassifier(...), cells, parts[split], split))
        run.finish(draw)

    What an earlier run with the same cells and options has finished is taken up; with --fresh it is
    computed again, in its place. Of several processes the first one writes.
    """

    def __init__(self, script: str, config: RunOptions, depends_on: object = None):
        """depends_on: JSON values beside the options on which results depend.

        Raises InputError for options that no cells could be used with, before any are read.
        """
        if isinstance(config, SubsetOptions):
            require_usable(config)
        self.script, self.config = script, config
        self.output = Output(config.output)
        self.record = RunRecord(script, config, self.output)
        self.finished = FinishedParts(config.output, script, config.fresh)
        self.options = options_in_key(config, RunOptions, CellsOptions, SplitOptions)
        self.depends_on = depends_on
        self.tables: dict[tuple[str, int], dict[str, pd.DataFrame]] = {}

    def step(self, name: str) -> AbstractContextManager[None]:
        """Time a step of the run for its record."""
        return self.record.step(name)

    def about(self, cells: ad.AnnData, parts: pd.DataFrame, name: str = "splits") -> None:
        """Say which cells and splits this run is about; writes results/<name>.csv.

        parts: part of every cell (rows) in every split (columns, which become "part_<seed>").
        Raises InputError where all cells are alike.
        """
        require_differences(cells)
        self.source, self.splits = cells.uns["source"], [int(split) for split in parts.columns]
        self.data = digest_of_cells(cells)
        self.output.csv(name, parts.add_prefix("part_").rename_axis("cell").reset_index())

    def key(self, version: int) -> str:
        """What the parts of a method of this version depend on."""
        return key_of(self.data, self.options, version, self.depends_on)

    def plan(
        self,
        versions: Mapping[str, int],
        cells: ad.AnnData,
        parts: pd.DataFrame,
        name: str = "splits",
    ) -> Iterator[tuple[str, int]]:
        """Every method and split that is not finished, split by split, with a bar and a clock.

        versions: of every method, its version number; the others as ``about`` takes them.
        """
        self.about(cells, parts, name)
        self._train = cells[(parts.iloc[:, 0] == "train").to_numpy()]
        self.keys = {method: self.key(version) for method, version in versions.items()}
        wanted = [(method, split) for split in self.splits for method in versions]
        if self.config.fresh:
            self._remove_checkpoints(wanted)
        found = {part: self._finished(*part) for part in wanted}
        done = sum(tables is not None for tables in found.values())
        with Progress(len(wanted), "fit", done) as progress:
            for part in wanted:
                if found[part] is not None:
                    self._show(*part, found[part])
                    log.debug("%s, split %s: taken up from an earlier run", *part)
                    continue
                progress.starting(f"{part[0]}, split {part[1]}")
                with self.step(part[0]):
                    yield part
                progress.add()

    def _finished(self, method: str, split: int) -> dict[str, pd.DataFrame] | None:
        """The tables of a part, if it has all that this run needs of it.

        A model is kept of the first split alone, which was another split under another seed.
        """
        key, name = self.keys[method], _name(method, split)
        needed = (PREDICTIONS, MODEL) if split == self.splits[0] else (PREDICTIONS,)
        if not all((self.finished.path(key, name) / file).exists() for file in needed):
            return None
        return self.finished.load(key, name)

    def checkpoints(self, method: str, split: int) -> Path:
        """The folder for the checkpoints of a part, until it is finished."""
        base = Path(self.config.output).resolve() / ".checkpoints"
        return base / self.keys[method] / file_name(_name(method, split))

    def keep(self, result: Evaluation, **tables: pd.DataFrame) -> None:
        """Keep a finished part: scores, predictions, further tables; of the first split the model.

        From then on a run with the same cells and options takes it up.
        """
        method, split = result.classifier.method, result.split

        def write(folder: Path) -> None:
            write_parquet(folder / PREDICTIONS, result.predictions)
            if split == self.splits[0]:
                known = {"data": self.source, "split": split, **self._groups()}
                result.classifier.save(folder / MODEL, **known, **result.facts())

        tables = {"scores": result.scores, "per_type": result.per_type, **tables}
        self.finished.save(self.keys[method], _name(method, split), tables, write)
        self._show(method, split, tables)
        self._remove_checkpoints([(method, split)])

    def _groups(self) -> dict[str, str]:
        key = getattr(self.config, "group_key", None)
        return {"group_key": key} if key else {}

    def _remove_checkpoints(self, parts: list[tuple[str, int]]) -> None:
        if is_first():
            for part in parts:
                shutil.rmtree(self.checkpoints(*part), ignore_errors=True)

    def _show(self, method: str, split: int, tables: dict[str, pd.DataFrame]) -> None:
        """Put a finished part where people look for it."""
        self.tables[method, split] = tables
        if not is_first():
            return
        kept = self.finished.path(self.keys[method], _name(method, split))
        predictions = predictions_of(_name(method, split))
        publish(kept / PREDICTIONS, self.output.folder / predictions)
        self.output.written.append(predictions)
        if split == self.splits[0]:
            publish(kept / MODEL, self.output.model_folder(method))
        self.write_scores(self.keys[method], tables["scores"], tables["per_type"])

    def write_scores(self, key: str, scores: pd.DataFrame, per_type: pd.DataFrame) -> None:
        """Put rows of one method into its tidy tables; key: see ``key``."""
        (method,) = scores["method"].unique()
        for kind, table in (("scores", scores), ("per_type", per_type)):
            ScoreTables(self.config.output, kind).update(table, self.data, key)
            self.output.written.append(f"results/{kind}/{file_name(method)}.csv")

    def collect(
        self, parts: list, compute: Callable[[list], Iterable[tuple]], version: int
    ) -> dict:
        """Tables of many small parts, each kept as soon as it is done, in the order of ``parts``.

        parts: hashable, with a ``name``; compute: given those that are not finished, yields (part,
        tables) in any order; version: of the method.
        """
        key = self.key(version)
        finished = {part: self.finished.load(key, part.name) for part in parts}
        to_do = [part for part in parts if finished[part] is None]
        with Progress(len(parts), "fit", done=len(parts) - len(to_do)) as progress:
            for part, tables in compute(to_do):
                self.finished.save(key, part.name, tables)
                finished[part] = tables
                progress.doing(part.name)
                progress.add()
        return finished

    def table(self, name: str, method: str) -> pd.DataFrame:
        """A table that ``keep`` was given of a method's splits, one below the other."""
        kept = [self.tables[method, split][name] for split in self.splits]
        return pd.concat(kept, ignore_index=True)

    def scores(self) -> pd.DataFrame:
        """Rows of all methods that were scored on these cells and splits, also by other scripts."""
        rows = ScoreTables(self.config.output, "scores").of(self.data)
        return rows[rows["split"].isin(self.splits)]

    def predictions(self, method: str, part: str = "test") -> pd.DataFrame:
        """A method's predictions of one part of the cells, of all its splits of this run."""
        table = self.scores()
        splits = table.loc[table["method"] == method, "split"].unique()
        rows = self.output.read_predictions(method, splits)
        return rows[rows["part"] == part]

    def write_record(self, **facts) -> None:
        """Write results/run_<script>.json, last of all outputs; JSON ``facts`` are added."""
        if is_first():
            known = {"data": self.source, "seeds": self.splits, "data_digest": self.data}
            self.record.write(**known, **facts)

    def types(self) -> np.ndarray:
        """The types, those of alike mean profile in the first split's training cells together."""
        if self._train.X is None:  # tokens have no counts to compare types by
            return np.unique(self._train.obs["cell_type"].astype(str))
        return types_by_similarity(self._train)

    def reliability(self, method: str) -> pd.DataFrame:
        """Points of the reliability curve of a method's test cells, of all splits together."""
        return pooled_reliability(self.predictions(method))

    def finish(
        self, draw: Callable[[Run, pd.DataFrame], Figures] | None = None, **facts
    ) -> pd.DataFrame:
        """Write the tables of all methods, draw, and write the record, last of all.

        draw: given this run and the summary, yields names and figures; facts: JSON values for the
        record. Returns the summary: mean and standard deviation of each metric over splits, per
        method and part, and 95 % intervals of the test parts.
        """
        with self.step("outputs"):
            if is_first():
                log.info("All fits are done: comparing methods ...")
                table = self.scores()
                self.compared = paired.compare(read_answers(self.output, scores.combined(table)))
                summary = scores.summarize(table)
                summary = scores.with_intervals(summary, self.compared.scores)
                self._write_views(summary)
                log.info("Drawing ...")
                for name, figure in draw(self, summary) if draw else ():
                    self.output.figure(name, figure)
            else:
                summary = scores.summarize(self._own_scores())
        self.write_record(**facts)
        return summary

    def _own_scores(self) -> pd.DataFrame:
        return pd.concat([tables["scores"] for tables in self.tables.values()])

    def _write_views(self, summary: pd.DataFrame) -> None:
        """Rows of every split that these cells ever had; means and pairs of those of this run."""
        for name, kind, view in (
            ("combined_results", "scores", scores.combined),
            ("per_type_results", "per_type", scores.per_type),
        ):
            self.output.csv(name, view(ScoreTables(self.config.output, kind).of(self.data)))
        self.output.csv("summary", scores.flat(summary))
        self.output.csv("paired_comparison", self.compared.pairs)
        self.output.csv("groups_not_told_apart", self.compared.groups())


def _name(method: str, split: int) -> str:
    return f"{method}-split{split}"
