"""Options of sentences, encoders and heads, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, Self

from cellclassifier.errors import InputError
from cellclassifier.models.neural.options import TrainingOptions, require_at_least

N_TOP = 64  # by default
N_TOP_OF_PIECES = 40  # more symbols seldom fit into 256 word pieces
# By validation cells of splits 42 to 44, macro-F1: 64 genes 0.783, 96 0.785, 128 0.793, 192 and 256
# 0.811; by LSA 64 genes 0.735, 128 0.749, 192 0.733, 256 0.754.
N_TOP_OF_BAG, N_TOP_OF_LSA = 192, 128
# What an option means that was not given, by encoder.
LEARN = {"bag": "labels", "gene-bert": "labels"}
EPOCHS = {"bag": 16, "gene-bert": 12}
EPOCHS_OF_OTHERS = 2
RATES = {"bag": 3e-3, "gene-bert": 1e-3}
RATE_OF_OTHERS = 2e-4
RATE_OF_PCA = 2e-5  # as published, batch 16, 1 epoch


@dataclass(frozen=True)
class CellamaOptions(TrainingOptions):
    """Options of ``CellamaClassifier``."""

    n_top: int | None = None
    """genes in a sentence; default 192 for bag (128 without labels), 64 for others, 40 where a
    model of language reads word pieces"""

    order: Literal["specific", "counts", "median", "variable"] = "specific"
    """what comes first: counts per 10,000 over the gene's mean + 5; counts; counts over the gene's
    median; counts of 1,500 variable genes, as published"""

    style: Literal["bare", "template"] = "bare"
    """what a model of language reads: bare symbols, or the published sentence"""

    encoder: str = "bag"
    """bag: a vector per gene; gene-bert: 2 layers over genes; minilm: all-MiniLM-L6-v2; or a folder
    with another BERT (model.safetensors, config.json, tokenizer.json)"""

    words: Literal["genes", "pieces"] = "genes"
    """what a model of language reads a gene as: one token, the mean of its word pieces' vectors (3
    times as fast), or the pieces themselves"""

    bf16: bool = False
    """networks make vectors in bf16 on a CPU, too: 3 times as fast where it has AMX, and rounded to
    3 digits; a GPU always does"""

    head: Literal["neighbours", "regression", "network", "xgboost"] = "regression"
    """what names a cell by its vector"""

    fine_tune: Literal["none", "labels", "pca"] | None = None
    """what the vectors are learned by: nothing (bag: without labels, by LSA), types, or cosines of
    principal components, as published; default: labels for bag and gene-bert, else none"""

    metadata: tuple[str, ...] = ()
    """columns of obs that stand in the sentence, too"""

    k: int = 15
    """nearest neighbours to ask"""

    width: int = 128
    """numbers in a vector of bag and gene-bert (bag without labels: 30)"""

    gene_dropout: float = 0.3
    """share of a sentence's genes left out at random while learning"""

    frozen_layers: int = 3
    """lower layers of a model of language that stay as they are, and are computed once"""

    epochs: int | None = None
    """most passes over the training cells; default 16 (bag), 12 (gene-bert), 2 (others; pca: 1)"""

    patience: int = 8
    """stop after so many epochs without a better score on the validation cells"""

    learning_rate: float | None = None
    """highest learning rate; default 3e-3 (bag), 1e-3 (gene-bert), 2e-4 (others; pca: 2e-5)"""

    weight_decay: float = 0.01
    """decay of AdamW"""

    batch_size: int = 64
    """cells per step"""

    def check(self) -> None:
        """Raise InputError for a value out of range, or options that do not go together."""
        require_at_least(self, 1, "k", "width", "patience", "batch_size")
        for name in ("n_top", "epochs"):
            if getattr(self, name) is not None:
                require_at_least(self, 1, name)
        require_at_least(self, 0, "frozen_layers", "warmup_share", "weight_decay")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise InputError(f"--learning-rate {self.learning_rate}: expected more than 0")
        if not 0 <= self.gene_dropout < 1:
            raise InputError(f"--gene-dropout {self.gene_dropout}: expected 0 or more, less than 1")
        if len(set(self.metadata)) < len(self.metadata):
            raise InputError("--metadata names a column more than once: once is enough")
        if self.bf16 and self.encoder == "bag":
            raise InputError(
                "--bf16: bag is no network and has nothing to compute in bf16; leave it out, or "
                "choose --encoder minilm, gene-bert or a folder"
            )
        if self.encoder == "gene-bert" and self.fine_tune == "none":
            raise InputError(
                "--fine-tune none: gene-bert starts from random weights and must learn; choose "
                "labels or pca, or --encoder bag"
            )

    def decided(self) -> Self:
        """The same options with everything that was left open decided.

        Raises InputError as ``check`` does.
        """
        self.check()
        fine_tune = self.fine_tune or LEARN.get(self.encoder, "none")
        is_pca = fine_tune == "pca" and self.encoder not in EPOCHS
        epochs = 1 if is_pca else EPOCHS.get(self.encoder, EPOCHS_OF_OTHERS)
        rate = RATE_OF_PCA if is_pca else RATES.get(self.encoder, RATE_OF_OTHERS)
        return replace(
            self,
            fine_tune=fine_tune,
            n_top=self.n_top or self._n_top(fine_tune),
            epochs=self.epochs or epochs,
            learning_rate=self.learning_rate or rate,
        )

    def _n_top(self, fine_tune: str) -> int:
        """Genes in a sentence where nobody says how many."""
        if self.encoder == "bag":
            return N_TOP_OF_LSA if fine_tune == "none" else N_TOP_OF_BAG
        is_read_in_pieces = self.encoder not in EPOCHS and self.words == "pieces"
        return N_TOP_OF_PIECES if is_read_in_pieces else N_TOP


def options_of_model(config: CellamaOptions) -> CellamaOptions:
    """The model's own options among those of a script."""
    names = [field.name for field in fields(CellamaOptions)]
    return CellamaOptions(**{name: getattr(config, name) for name in names})


@dataclass(frozen=True)
class SentenceOptions:
    """Which sentences to write, of which cells."""

    cells: tuple[Path, ...] = ()
    """files with raw counts; default: ./cells.npy or data/cells.npy, else the embedded sample"""

    layer: str | None = None
    """layer that holds the raw counts; default: X, or where counts are found"""

    n_top: int = 64
    """genes in a sentence"""

    order: Literal["specific", "counts", "median", "variable"] = "specific"
    """what comes first, by what the file's own cells tell of its genes"""

    style: Literal["template", "bare"] = "template"
    """the published sentence, or the symbols alone"""

    metadata: tuple[str, ...] = ()
    """columns of obs that stand in the sentence, too"""


@dataclass(frozen=True)
class EmbedOptions:
    """Which files to embed, and by what."""

    cells: tuple[Path, ...] = ()
    """files with raw counts, whose common genes are taken; default: ./cells.npy or data/cells.npy,
    else the embedded sample"""

    layer: str | None = None
    """layer that holds the raw counts; default: X, or where counts are found"""

    model: Path | None = None
    """folder of a model that cellama.py has trained, whose encoder is taken; default: --encoder"""

    encoder: str = "bag"
    """without --model: bag (LSA of these files), minilm, or a folder; none of them knows labels"""

    bf16: bool = False
    """networks compute in bf16 on a CPU, too: 3 times as fast where it has AMX"""

    n_top: int | None = None
    """without --model: genes in a sentence; default as in training"""

    order: Literal["specific", "counts", "median", "variable"] = "specific"
    """without --model: what comes first in a sentence"""

    own_means: bool = False
    """rank each file's genes by what that file's cells tell of them, which takes out some of what
    laboratories differ in"""

    label_key: str = "cell_type"
    """column of obs with types, for figure and scores alone; files without it have none"""

    level: Literal["fine", "common"] = "fine"
    """common: types by the level that labels of different files have in common"""
