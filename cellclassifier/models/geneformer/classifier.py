"""Geneformer behind the one interface: raw counts in, probabilities of cell types out."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from cellclassifier.data import gene_symbols as genes
from cellclassifier.errors import InputError
from cellclassifier.interface import CellClassifier, Outputs
from cellclassifier.models.geneformer import files, model
from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.inference import Inference
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.geneformer.tasks import CellTypes, MaskedGeneTask
from cellclassifier.models.geneformer.tokenizer import MIN_SHARE, flat_tokens, tokenize
from cellclassifier.models.geneformer.training import (
    TokenTrainer,
    early_stopping,
    run_stage,
    training_arguments,
)
from cellclassifier.models.geneformer.vocabulary import (
    FIRST_GENE,
    Vocabulary,
    learn_vocabulary,
    read_vocabulary,
)

HISTORY_COLUMNS = [
    *("stage", "epoch", "train_loss", "val_loss", "val_accuracy", "val_macro_f1"),
    *("val_baseline_accuracy", "learning_rate"),
]


class GeneformerClassifier(CellClassifier):
    """A 6-layer BERT over rank-value tokens, pretrained or from scratch.

    After ``fit``: ``vocabulary_``, ``model_`` (a CellBert), ``prior_`` (share of each type, the
    answer for cells without any known gene), ``token_counts_`` (of each gene in the training
    cells), ``history_`` (one row per epoch, HISTORY_COLUMNS),
    ``facts_`` (padding share, cells/s and the like).

    options: see GeneformerOptions; seed: of weights, batches and dropout; folder: where the
    dictionaries are; checkpoints: folder for checkpoints, temporary if None; resume: go on from
    those in it.
    """

    method = "geneformer"
    packages = ("numpy", "torch", "transformers", "safetensors")

    def __init__(
        self,
        options: GeneformerOptions | None = None,
        seed: int = 42,
        folder: Path = files.FOLDER,
        checkpoints: Path | None = None,
        resume: bool = False,
        report=print,
    ):
        self.options = (options or GeneformerOptions()).resolved(folder)
        self.seed, self.folder, self.report = seed, folder, report
        self.checkpoints, self.resume = checkpoints, resume
        self.device = choose_device(self.options.device)
        model.quiet_transformers()

    def fit(self, cells: ad.AnnData, labels: np.ndarray, validation=None) -> GeneformerClassifier:
        """Learn from raw counts; ``validation`` chooses the best epoch and stops early.

        Raises InputError for dictionaries that do not fit the model or the cells.
        """
        labels = np.asarray(labels).astype(str)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"all cells are of type {self.classes_[0]!r}: expected at least 2")
        self.prior_ = np.bincount(codes) / len(codes)
        self.vocabulary_ = self._vocabulary(cells)
        self.genes_ = self.vocabulary_.genes
        train = self._with_tokens(self._token_cells(cells, codes), "training")
        n_tokens = len(self.vocabulary_)
        self.token_counts_ = np.bincount(train.tokens, minlength=n_tokens)[FIRST_GENE:]
        held_out = validation and self._validation(*validation)
        self.history_, self.facts_ = [], {}
        with tempfile.TemporaryDirectory() as temporary:
            self._train(train, held_out, Path(self.checkpoints or temporary))
        self.history_ = pd.DataFrame(self.history_, columns=HISTORY_COLUMNS)
        return self

    def outputs(self, cells: ad.AnnData) -> Outputs:
        """Probabilities of the types, and the pooled vector they are computed from."""
        # Any share of known genes will do, down to cells without any.
        tokens = self._token_cells(cells, min_share=0, report=lambda line: None)
        self.model_.to(self.device)
        scores, features = Inference(self.model_, self.report).scores_and_features(tokens)
        probabilities = softmax(scores, axis=1)
        probabilities[tokens.lengths == 0] = self.prior_
        return Outputs(probabilities / probabilities.sum(axis=1, keepdims=True), features)

    def name_genes(self, var: pd.DataFrame) -> None:
        """Symbols of the vocabulary: from its dictionary, else those of the cells."""
        super().name_genes(var)
        symbol = {gene: symbol for symbol, gene in self.vocabulary_.symbols.items()}
        pairs = zip(self.genes_.tolist(), self.symbols_.tolist(), strict=True)
        self.symbols_ = np.array(
            [known if known != gene else symbol.get(gene, gene) for gene, known in pairs]
        )

    def n_features(self) -> int:
        """Width of the pooled vector."""
        return self.model_.config.hidden_size

    def use_jobs(self, jobs: int) -> None:
        """Let torch compute with so many threads."""
        use_threads(jobs)

    def gene_importance(self) -> np.ndarray:
        """How often each gene was among the tokens of the training cells, (n_genes,)."""
        return self.token_counts_

    def _vocabulary(self, cells: ad.AnnData) -> Vocabulary:
        names = cells.var_names.to_numpy(str)
        if self.options.from_scratch:
            return learn_vocabulary(cells.X, names)
        files.read_model_config(self.options.pretrained)  # a wrong folder is named first
        vocabulary = read_vocabulary(self.folder, genes.kind_of_ids(names) == genes.SYMBOLS)
        files.check_fit(len(vocabulary), self.options.pretrained)
        return vocabulary

    def require_start(self, cells: ad.AnnData) -> None:
        """Raise InputError where files are missing or wrong, so that training could not start."""
        if not self.options.from_scratch:
            self._vocabulary(cells)

    def _token_cells(
        self, cells: ad.AnnData, codes=None, min_share: float = MIN_SHARE, report=None
    ) -> TokenCells:
        report = report or self.report
        data = tokenize(cells, self.vocabulary_, None, self._max_tokens(), min_share, report)
        return TokenCells.from_bounds(*flat_tokens(data), codes)

    def _max_tokens(self) -> int:
        if not self.options.from_scratch:
            config = files.read_model_config(self.options.pretrained)
            return min(self.options.max_tokens, config["max_position_embeddings"])
        return self.options.max_tokens

    def _validation(self, cells: ad.AnnData, labels: np.ndarray) -> TokenCells:
        labels = np.asarray(labels).astype(str)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise InputError(
                f"validation cells have types that no training cell has: {', '.join(unknown)}; "
                "leave small types out with --min-cells-per-type"
            )
        codes = np.searchsorted(self.classes_, labels)
        return self._with_tokens(self._token_cells(cells, codes), "validation")

    def _with_tokens(self, cells: TokenCells, part: str) -> TokenCells:
        known = np.flatnonzero(cells.lengths > 0)
        if not len(known):
            raise InputError(f"no {part} cell expresses a gene of the vocabulary")
        if len(known) < len(cells):
            left_out = len(cells) - len(known)
            self.report(f"{left_out} {part} cells express no known gene: left out of training.")
        return cells.select(known)

    def _train(self, train: TokenCells, held_out: TokenCells | None, folder: Path) -> None:
        encoder = None
        if self.options.pretrain_epochs:
            encoder = self._pretrain(train, held_out, folder / "pretraining")
        self.model_ = self._new_model(encoder)
        model.freeze(self.model_, self.options.freeze_layers, self.options.freeze_embeddings)
        weights = None
        if self.options.class_weights:
            counts = np.bincount(train.labels, minlength=len(self.classes_))
            weights = len(train) / (len(counts) * np.maximum(counts, 1))
        task = CellTypes(train, held_out, weights)
        self._run(self.model_, task, folder / "fine_tuning", self.options.epochs, "fine-tuning")
        self.model_.eval()

    def _pretrain(self, train: TokenCells, held_out: TokenCells | None, folder: Path):
        """The encoder after learning masked genes of the training cells."""
        network = model.new_masked_genes(self._config(), self.seed)
        task = MaskedGeneTask(train, held_out, len(self.vocabulary_), self.seed)
        self._run(network, task, folder, self.options.pretrain_epochs, "pretraining")
        return network.bert

    def _new_model(self, encoder) -> model.CellBert:
        n_types, pooling = len(self.classes_), self.options.pooling
        if self.options.from_scratch:
            return model.new_classifier(self._config(), n_types, pooling, self.seed, encoder)
        return model.pretrained_classifier(self.options.pretrained, n_types, pooling, self.seed)

    def _config(self):
        options = self.options
        shape = (options.layers, options.width, options.max_tokens, options.dropout)
        return model.random_config(len(self.vocabulary_), *shape)

    def _run(self, network, task, folder: Path, epochs: int, stage: str) -> None:
        """Train one stage and keep what it logged."""
        evaluates = task.validation is not None
        options = (self.options, folder, epochs, self.seed, evaluates, task.best)
        arguments = training_arguments(*options, device=self.device)
        trainer = TokenTrainer(network, task, arguments, self.options.batch_size, self.report)
        if evaluates and task.best:
            trainer.add_callback(early_stopping(self.options.patience))
        padding = trainer.sampler.padding_share()
        self.report(
            f"{stage}: {len(task.train):,} cells, {task.train.lengths.mean():.0f} tokens each, "
            f"{len(trainer.sampler)} batches, {padding:.1%} padding, on {arguments.device}"
        )
        self.history_ += history_rows(run_stage(trainer, self.resume), stage)
        self.facts_[stage] = {
            "padding_share": round(padding, 4),
            "batches": len(trainer.sampler),
            "cells_per_second": round(trainer.progress.cells_per_second, 2),
        }

    def _save_parts(self, folder: Path) -> dict:
        self.model_.save_pretrained(folder)
        self.vocabulary_.save(folder / "vocabulary.json")
        return {"prior": self.prior_.tolist(), "max_tokens": self._max_tokens()}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> GeneformerClassifier:
        try:
            max_tokens, prior = (
                int(description["max_tokens"]),
                np.array(description["prior"], float),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder}/model.json is damaged ({error!r}): train again") from error
        loaded = cls(GeneformerOptions(from_scratch=True, max_tokens=max_tokens))
        loaded.vocabulary_ = Vocabulary.load(folder / "vocabulary.json")
        loaded.prior_ = prior
        loaded.token_counts_ = np.array(description["importance"], dtype=float)
        loaded.model_ = model.load_classifier(folder).eval()
        config, types = loaded.model_.config, description["types"]
        fits = config.vocab_size == len(loaded.vocabulary_) and config.num_labels == len(types)
        if not fits or prior.shape != (len(types),) or config.max_position_embeddings < max_tokens:
            raise InputError(f"{folder}: weights, vocabulary and types do not fit: train again")
        return loaded


def choose_device(name: str) -> torch.device:
    """The device to compute on; InputError for one that this machine does not have."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if has[device])
    if not has[name]:
        raise InputError(f"--device {name}: this machine (or this build of torch) has none")
    return torch.device(name)


def use_threads(jobs: int | None) -> None:
    """Let torch compute with so many threads; by default it takes the cores it may use."""
    if jobs:
        torch.set_num_threads(jobs)


def history_rows(log: list[dict], stage: str) -> list[dict]:
    """One row per epoch of what the Trainer logged in one stage.

    An epoch with checkpoints in it has several losses, each a mean since the one before.
    """
    rows: dict[int, dict] = {}
    logged = 0
    for entry in log:
        epoch = math.ceil(entry["epoch"] - 1e-6)
        row = rows.setdefault(epoch, {"stage": stage, "epoch": epoch, "sum": 0.0, "steps": 0})
        if "loss" in entry:
            steps = entry["step"] - logged
            logged = entry["step"]
            row["sum"] += steps * entry["loss"]
            row["steps"] += steps
            row |= {"train_loss": row["sum"] / row["steps"]}
            row |= {"learning_rate": entry["learning_rate"]}
        row |= {name.replace("eval_", "val_"): v for name, v in entry.items() if "eval_" in name}
    return list(rows.values())
