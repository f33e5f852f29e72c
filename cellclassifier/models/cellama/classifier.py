"""A cell is named by the vector of its sentence."""

from __future__ import annotations

import logging
from dataclasses import asdict, fields
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.cellama.components import principal_components
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.encoders import encoder_class, head_class
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.ranking import learn_scale, top_genes
from cellclassifier.models.cellama.sentences import (
    CellSentences,
    clauses_of,
    require_shared_values,
    symbols_for,
)
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.arrays import read_arrays

SCALE = "ranking.npz"
FEWEST_CELLS = 3  # in which a gene that stands in sentences is expressed

log = logging.getLogger(__name__)


class CellamaClassifier(GeneClassifier):
    """The leading genes of a cell as a sentence, its vector, and what names cells by vectors.

    After ``fit``: ``encoder_``, ``head_``, ``scale_`` (what a gene's counts are ranked by),
    ``history_`` (a row per epoch, if the encoder has learned any).

    seed: of everything random; checkpoints: folder for checkpoints, from which an interrupted fit
    goes on, temporary if None; method: the name in tables, another one for cells whose niches were
    written by their labels (``cells.method_of``).
    """

    method = "cellama"
    version = 2

    def __init__(
        self,
        options: CellamaOptions | None = None,
        seed: int = 42,
        checkpoints: Path | None = None,
        jobs: int = 1,
        method: str = "cellama",
    ):
        self.options, self.seed = options, seed
        self.checkpoints, self.jobs, self.method = checkpoints, jobs, method

    @property
    def packages(self) -> tuple[str, ...]:
        """Libraries that a saved model depends on."""
        used = {"gene-bert": ("torch", "transformers"), "bag": ()}
        of_encoder = used.get(self.decided_.encoder, used["gene-bert"])
        of_head = {"xgboost": ("xgboost",), "network": ("torch",)}.get(self.decided_.head, ())
        return tuple(dict.fromkeys(("numpy", *of_encoder, *of_head)))

    def fit_with_outputs(self, x, targets, validation=None) -> dict[str, Outputs]:
        """As every classifier; vectors of a cell are computed once on the way."""
        self._embedded: dict[str, np.ndarray] | None = {}
        try:
            return super().fit_with_outputs(x, targets, validation)
        finally:
            self._embedded = None

    def _vectors(self, sentences: CellSentences) -> np.ndarray:
        """Of the encoder; during ``fit`` those of training and validation cells are kept."""
        if getattr(self, "_embedded", None) is None:
            return self.encoder_.vectors(sentences)
        digest = sentences.digest()
        if digest not in self._embedded:
            self._embedded[digest] = self.encoder_.vectors(sentences)
        return self._embedded[digest]

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Learn the ranking, the encoder and the head; validation cells choose."""
        if not isinstance(targets, SingleLabel):
            raise ValueError(f"{self.method} is for one label per cell, not {targets.kind}")
        self.decided_ = options = (self.options or CellamaOptions()).decided()
        self.genes_, self.words_ = genes_by_symbol(cells)
        known = GeneCounts.of(cells, self.genes_)
        self.scale_ = learn_scale(options.order, known.counts, known.totals)
        sentences = self._sentences_of(known, cells)
        require_shared_values(sentences.clauses)
        held_out = None
        if validation:
            others = GeneCounts.of(validation[0], self.genes_)
            held_out = self._sentences_of(others, validation[0]), validation[1].codes
        lesson = self._lesson(sentences, known, targets, held_out)
        self.encoder_ = encoder_class(options.encoder)(options, self.seed, self.checkpoints)
        self.encoder_.learn(lesson)
        self.history_ = pd.DataFrame(self.encoder_.history_ or {"epoch": []})
        self._fit_head(sentences, targets, held_out)

    def _lesson(self, sentences, known: GeneCounts, targets, held_out) -> Lesson:
        """All that the encoder may learn from; components only where it learns their cosines."""
        coordinates = groups = None
        if self.decided_.fine_tune == "pca":
            coordinates = principal_components(known, self.seed)
            if len(sentences.clauses.columns):
                groups = sentences.clauses.agg("|".join, axis=1).to_numpy()
        return Lesson(sentences, targets.codes, coordinates, groups, held_out)

    def _fit_head(self, sentences: CellSentences, targets, held_out) -> None:
        vectors = self._vectors(sentences)
        chosen_by = held_out and (self._vectors(held_out[0]), held_out[1])
        self.head_ = head_class(self.decided_.head)(self.decided_, self.seed, self.jobs)
        if self.decided_.head == "regression" and self.encoder_.softmax_ is not None:
            self.head_.take(*self.encoder_.softmax_)
        else:
            self.head_.fit(vectors, targets.codes, len(targets.names), chosen_by)
        stands_in = sentences.ranked[sentences.ranked >= 0]
        self.importance_ = np.bincount(stands_in, minlength=len(self.genes_)).astype(float)

    def sentences(self, cells: ad.AnnData | GeneCounts) -> CellSentences:
        """Sentences of any cells, (n_cells,), with the clauses that the training cells' have.

        Raises InputError for counts alone where sentences have clauses.
        """
        return self._sentences_of(self.align(cells), cells)

    def _sentences_of(self, counts: GeneCounts, cells: ad.AnnData | GeneCounts) -> CellSentences:
        clauses = pd.DataFrame(index=range(len(counts)))
        if self.decided_.metadata:
            if isinstance(cells, GeneCounts):
                keys = ", ".join(self.decided_.metadata)
                raise InputError(
                    f"this model reads {keys} of every cell beside its counts, and was given "
                    "counts alone: name cells with cellama.py, or train without --metadata"
                )
            clauses = clauses_of(cells.obs, self.decided_.metadata)
        ranked = top_genes(counts.counts, self.scale_, self.decided_.n_top)
        return CellSentences(ranked, self.words_, clauses)

    def outputs(self, cells: ad.AnnData | GeneCounts) -> Outputs:
        """Probabilities before calibration, and features; genes are found by name."""
        return self._outputs_of(self.sentences(cells))

    def _outputs(self, cells: GeneCounts) -> Outputs:
        return self._outputs_of(self.sentences(cells))

    def _outputs_of(self, sentences: CellSentences) -> Outputs:
        return Outputs(*self.head_.outputs(self._vectors(sentences)))

    def embed(self, cells: ad.AnnData | GeneCounts) -> np.ndarray:
        """Vectors of any cells, (n_cells, width) float32."""
        return self.encoder_.vectors(self.sentences(cells))

    def embed_by_own_means(self, cells: ad.AnnData) -> np.ndarray:
        """Vectors of cells whose genes are ranked by what these cells tell of them, all alike."""
        known = self.align(cells)
        scale = learn_scale(self.decided_.order, known.counts, known.totals)
        ranked = top_genes(known.counts, scale, self.decided_.n_top)
        sentences = CellSentences(ranked, self.words_, pd.DataFrame(index=cells.obs_names))
        return self.encoder_.vectors(sentences)

    def n_features(self) -> int:
        """Numbers in a vector, and what the head adds to them."""
        return self.head_.n_features(self.encoder_.width)

    def gene_importance(self) -> np.ndarray:
        """In how many sentences of training cells each gene stands, (n_genes,)."""
        return self.importance_

    def _about(self) -> list[str]:
        options = self.decided_
        read = f"{options.n_top} leading genes ({options.order} order), encoder {options.encoder}"
        return [*super()._about(), f"It reads the {read}, named by {options.head}."]

    def _save_parts(self, folder: Path) -> dict:
        np.savez(folder / SCALE, scale=self.scale_, importance=self.importance_)
        self.head_.save(folder)
        known = self.encoder_.save(folder)
        return {"options": asdict(self.decided_), "words": self.words_.tolist(), "encoder": known}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> CellamaClassifier:
        try:
            return cls._read(folder, description)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{folder} is damaged ({error}): train and save it again") from error

    @classmethod
    def _read(cls, folder: Path, description: dict) -> CellamaClassifier:
        options = _options_of(description["options"])
        n_genes, n_types = len(description["genes"]), len(description["types"])
        model = cls(options, method=str(description["method"]))
        model.decided_, model.words_ = options, np.array(description["words"], dtype=str)
        arrays = read_arrays(folder / SCALE, ["scale", "importance"])
        model.scale_, model.importance_ = arrays["scale"], arrays["importance"]
        if model.scale_.shape != (n_genes,) or model.words_.shape != (n_genes,):
            raise ValueError("what genes are ranked by fits other genes")
        if model.scale_.dtype.kind != "f" or not (model.scale_ > 0).all():
            raise ValueError("genes are ranked by numbers above 0")
        kind = encoder_class(options.encoder)
        model.encoder_ = kind.load(folder, options, description["encoder"], n_genes)
        width = model.encoder_.width
        model.head_ = head_class(options.head).load(folder, options, width, n_types)
        return model


def genes_by_symbol(cells: ad.AnnData, fewest: int = FEWEST_CELLS) -> tuple[np.ndarray, np.ndarray]:
    """Genes that sentences may hold, and their symbols, in the order of the alphabet.

    fewest: cells that express a gene. Raises InputError where there is none.
    """
    n_cells = np.bincount(cells.X.indices, minlength=cells.n_vars)
    kept = np.flatnonzero(n_cells >= fewest)
    if not len(kept):
        raise InputError(
            f"none of {cells.n_vars:,} genes is expressed in {fewest} or more of the "
            f"{cells.n_obs:,} cells: use more cells"
        )
    names = cells.var_names.to_numpy(str)[kept]
    table = cells.var["gene_symbol"].to_numpy(str)[kept] if "gene_symbol" in cells.var else None
    symbols = symbols_for(names, table)
    order = np.lexsort((names, symbols))
    return names[order], symbols[order]


def _options_of(stored: dict) -> CellamaOptions:
    """Options as a model.json has them, checked as those of a person are."""
    known = {field.name: field.type for field in fields(CellamaOptions)}
    if set(stored) != set(known):
        raise ValueError("options of another version")
    return CellamaOptions(**stored | {"metadata": tuple(stored["metadata"])}).decided()
