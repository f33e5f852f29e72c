"""Geneformer behind the contract of every model: raw counts in, probabilities of types out."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.special import softmax

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.geneformer import files, model, weights
from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.inference import scores_and_features
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.geneformer.tokenizer import tokenize
from cellclassifier.models.geneformer.training import Stages
from cellclassifier.models.geneformer.vocabulary import (
    FIRST_GENE,
    Vocabulary,
    learn_vocabulary,
    published_vocabulary,
    require_known,
)
from cellclassifier.models.neural.device import choose_device, use_threads
from cellclassifier.protocol.single_label import SingleLabel

HISTORY_COLUMNS = [
    "stage",
    "epoch",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_macro_f1",
    "val_masked_gene_accuracy",
    "val_masked_gene_baseline_accuracy",
    "learning_rate",
]

PRETRAINED, RANDOM = "pretrained", "random"
LICENCE = "that of the pretrained model (Geneformer's own: Apache-2.0)"

log = logging.getLogger(__name__)


class GeneformerClassifier(GeneClassifier):
    """A 6-layer BERT over rank-value tokens, pretrained or from scratch.

    Takes AnnData of raw counts, ``GeneCounts`` of its own genes, or, with the vocabulary they were
    made with, ``TokenCells``. After ``fit``: ``options_`` and ``device_`` (with what was left open
    decided), ``vocabulary_``, ``model_`` (a CellBert), ``prior_``
    (share of each type, the answer for cells without any known gene), ``token_counts_`` (of each
    gene in the training cells), ``history_`` (one row per stage and epoch, HISTORY_COLUMNS),
    ``facts_`` (one row per stage: padding share, cells/s and the like).

    options: see GeneformerOptions; seed: of weights, batches and dropout; folder: where the
    dictionaries are; checkpoints: folder for checkpoints, from which an interrupted fit goes on,
    temporary if None; vocabulary: of TokenCells.
    """

    method = "geneformer"
    version = 1
    packages = ("numpy", "torch", "transformers", "safetensors")

    def __init__(
        self,
        options: GeneformerOptions | None = None,
        seed: int = 42,
        folder: Path = files.FOLDER,
        checkpoints: Path | None = None,
        vocabulary: Vocabulary | None = None,
    ):
        self.options, self.seed, self.folder = options, seed, folder
        self.checkpoints, self.vocabulary = checkpoints, vocabulary

    def _fit(self, cells: ad.AnnData | TokenCells, targets: SingleLabel, validation) -> None:
        """Learn; validation cells choose the best epoch and stop early.

        Raises InputError for dictionaries that do not fit the model or the cells.
        """
        if not isinstance(targets, SingleLabel):
            raise ValueError(f"geneformer is for {SingleLabel.kind} per cell, not {targets.kind}")
        if len(targets.names) < 2:
            raise InputError(f"all cells are of type {targets.names[0]!r}: expected at least 2")
        self._take_options()
        self.prior_ = np.bincount(targets.codes) / len(targets)
        self.vocabulary_ = self._vocabulary(cells)
        self.genes_, self.symbols_ = self.vocabulary_.genes, self.vocabulary_.symbols
        train = self._learnable(cells, targets, "training")
        n_tokens = len(self.vocabulary_)
        self.token_counts_ = train.counts(n_tokens)[FIRST_GENE:]
        held_out = validation and self._learnable(*validation, "validation")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(self.checkpoints or temporary)
            stages = Stages(self.options_, self.seed, self.device_, folder)
            self.model_ = stages.classifier(train, held_out, len(targets.names), n_tokens)
        log.info("Trained: computing the probabilities of all cells ...")
        self.facts_ = pd.DataFrame(stages.facts)
        self.history_ = pd.DataFrame(stages.history, columns=HISTORY_COLUMNS)

    def outputs(self, cells: ad.AnnData | GeneCounts | TokenCells) -> Outputs:
        """Probabilities of the types, and the pooled vector they are computed from."""
        if not isinstance(cells, TokenCells):
            return super().outputs(cells)
        cells = cells.cut(self._max_tokens())
        scores, features = scores_and_features(self.model_.to(self.device_), cells)
        probabilities = softmax(scores, axis=1)
        probabilities[cells.lengths == 0] = self.prior_
        return Outputs(probabilities / probabilities.sum(axis=1, keepdims=True), features)

    def _outputs(self, cells: GeneCounts) -> Outputs:
        # Any share of known genes will do, down to cells without any.
        return self.outputs(self._tokens(cells))

    def n_features(self) -> int:
        """Width of the pooled vector."""
        return self.model_.config.hidden_size

    def use_jobs(self, jobs: int) -> None:
        """Let torch compute with so many threads."""
        super().use_jobs(jobs)
        use_threads(jobs)

    def gene_importance(self) -> np.ndarray:
        """How often each gene was among the tokens of the training cells, (n_genes,)."""
        return self.token_counts_

    def _take_options(self) -> None:
        """Decide what was left open, and where to compute."""
        self.options_ = (self.options or GeneformerOptions()).resolved(self.folder)
        self.start_ = PRETRAINED if self.options_.pretrained else RANDOM
        self.device_ = choose_device(self.options_.device)
        model.quiet_transformers()

    def _note_inputs(self, x: ad.AnnData | TokenCells) -> None:
        """Symbols of the vocabulary: those of the cells' file, else its dictionary's."""
        if isinstance(x, TokenCells):
            return
        super()._note_inputs(x)
        has_none = self.symbols_ == self.genes_
        self.symbols_ = np.where(has_none, self.vocabulary_.symbols, self.symbols_)

    def _vocabulary(self, cells: ad.AnnData | TokenCells) -> Vocabulary:
        pretrained = self.options_.pretrained
        if pretrained:
            files.read_model_config(pretrained)  # a wrong folder is named first
        if isinstance(cells, TokenCells):
            vocabulary = self.vocabulary
        elif pretrained:
            vocabulary = published_vocabulary(cells.var_names, self.folder)
        else:
            vocabulary = learn_vocabulary(cells.X, cells.var_names.to_numpy(str))
        if pretrained:
            files.check_fit(len(vocabulary), pretrained)
        return vocabulary

    def _learnable(self, cells: ad.AnnData | TokenCells, targets: SingleLabel, part: str):
        """Tokens and codes of the cells of a part that have any token."""
        if not isinstance(cells, TokenCells):
            match = self.vocabulary_.match(cells.var)
            aligned = match.align(cells.X)
            require_known(self.vocabulary_, match, aligned, cells.var_names)
            cells = self._tokens(aligned)
        known = np.flatnonzero(cells.lengths > 0)
        if not len(known):
            raise InputError(f"no {part} cell expresses a gene of the vocabulary")
        if len(known) < len(cells):
            left_out = len(cells) - len(known)
            log.info(f"{left_out} {part} cells express no known gene: left out of training.")
        return cells.cut(self._max_tokens()).labelled(targets.codes)[known]

    def _tokens(self, cells: GeneCounts) -> TokenCells:
        medians = self.vocabulary_.medians
        return TokenCells.from_bounds(
            *tokenize(cells.counts, cells.totals, medians, self._max_tokens())
        )

    def _max_tokens(self) -> int:
        if not self.options_.from_scratch:
            config = files.read_model_config(self.options_.pretrained)
            return min(self.options_.max_tokens, config["max_position_embeddings"])
        return self.options_.max_tokens

    def _about(self) -> list[str]:
        n_layers = self.model_.config.num_hidden_layers
        return [
            f"A BERT of {n_layers} layers that reads a cell as the list of its genes, the most "
            "telling ones first (Geneformer, Theodoris et al. 2023, doi "
            "10.1038/s41586-023-06139-9).",
            f"It started from {self.start_} weights.",
            weights.in_transformers(self.model_),
        ]

    def _save_parts(self, folder: Path) -> dict:
        weights.save(self.model_, folder, self.classes_.tolist())
        self.vocabulary_.save(folder / "vocabulary.json")
        known = {"prior": self.prior_.tolist(), "max_tokens": self._max_tokens()}
        known |= {"start": self.start_}
        return known | ({"licence_of_weights": LICENCE} if self.start_ == PRETRAINED else {})

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> GeneformerClassifier:
        try:
            max_tokens = description["max_tokens"]
            prior = np.array(description["prior"], float)
            if type(max_tokens) is not int or max_tokens < 1:
                raise ValueError(f"max_tokens is {max_tokens!r}")
            if not (prior >= 0).all() or not 0 < prior.sum() < np.inf:
                raise ValueError("prior holds no shares")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder}/model.json is damaged ({error!r}): train again") from error
        loaded = cls(GeneformerOptions(from_scratch=True, max_tokens=max_tokens))
        loaded._take_options()
        loaded.vocabulary_ = Vocabulary.load(folder / "vocabulary.json")
        loaded.prior_ = prior
        start = description.get("start")
        loaded.start_ = start if start in (PRETRAINED, RANDOM) else "unknown"
        loaded.token_counts_ = np.array(description["importance"], dtype=float)
        loaded.model_ = model.load_classifier(folder).eval()
        config, types = loaded.model_.config, description["types"]
        fits = config.vocab_size == len(loaded.vocabulary_) and config.num_labels == len(types)
        fits &= loaded.vocabulary_.genes.tolist() == description["genes"]
        if not fits or prior.shape != (len(types),) or config.max_position_embeddings < max_tokens:
            raise InputError(f"{folder}: weights, vocabulary and types do not fit: train again")
        return loaded
