"""What encoders that read tokens with a BERT share: learning, vectors, files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import safetensors
import torch

from cellclassifier.models.cellama.bert import Below, TokenBert, check_sizes, of_sizes, sizes_of
from cellclassifier.models.cellama.encoder import Encoder, Lesson
from cellclassifier.models.cellama.learning import fit
from cellclassifier.models.cellama.reading import HiddenRows, TokenRows
from cellclassifier.models.cellama.sentences import CellSentences
from cellclassifier.models.cellama.tasks import rows_of
from cellclassifier.models.cellama.vocabulary import GeneWords
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.weights import WEIGHTS, fill, save_weights
from cellclassifier.output.progress import Progress

MOST_CACHED = 2**31  # bytes of what frozen layers made of the cells
SHOWN_FROM = 5000  # cells whose embedding takes long enough for a bar
ATTENTION = 4  # matrices of a layer, of width x width


class TokenEncoder(Encoder):
    """A BERT over genes, a token each, between a first and a last token.

    words_: ``GeneWords``; network_: ``TokenBert``, whose vocabulary has two words more.
    """

    def rows(self, sentences: CellSentences) -> TokenRows:
        """Sentences as tokens, without gaps, between the first and the last token."""
        return framed(self.words_.tokens(sentences), len(self.words_))

    def learn_by(self, lesson: Lesson) -> None:
        """Train the network's upper layers by what the options say."""
        network, rows = self.network_, self.rows(lesson.sentences)
        device = choose_device(self.options.device)
        with one_thread():
            cached = network.is_frozen and self._bytes_below(rows) <= MOST_CACHED
            if cached:
                network.to(device)
                self.history_ = fit(network.upper, self._below(rows), None, lesson, self)
            else:
                self.history_ = fit(network, rows, self.rows, lesson, self)
        network.cpu()

    def _bytes_below(self, rows: TokenRows) -> int:
        return 2 * rows.tokens.size * self.network_.width

    def _below(self, rows: TokenRows) -> HiddenRows:
        """What the frozen layers make of the cells, once."""
        shape = len(rows), rows.tokens.shape[1] * self.network_.width
        hidden = np.zeros(shape, dtype=np.float16)
        for start in range(0, len(rows), 512):
            some = np.arange(start, min(start + 512, len(rows)))
            part = TokenRows(rows.tokens[some], rows.first_special, whole=True)
            hidden[some] = rows_of(Below(self.network_), part, shape[1], 64)
        return HiddenRows(rows, hidden.reshape(*rows.tokens.shape, -1))

    def vectors(self, sentences: CellSentences) -> np.ndarray:
        """Unit vectors, those of sentences of like length computed together; bf16 on a GPU,
        and where asked for.
        """
        rows = self.rows(sentences)
        network = self.network_.to(choose_device(self.options.device))
        in_bf16 = torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16)
        with one_thread(), in_bf16:
            if len(rows) < SHOWN_FROM:
                return rows_of(network, rows, self.width, 64)
            with Progress(len(rows), "cell", name="sentences") as bar:
                return rows_of(network, rows, self.width, 64, bar.add)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.network_.width

    def save(self, folder: Path) -> dict:
        """Write the weights; returns sizes and clause words."""
        save_weights(self.network_.cpu(), folder)
        words = list(self.words_.clause_words)
        return {"clause_words": words, "sizes": sizes_of(self.network_.config)}

    @classmethod
    def load(cls, folder: Path, options, known: dict, n_genes: int):
        """Read them; the sizes that are claimed must be those of the file, before any is made."""
        encoder = cls(options)
        encoder.words_ = GeneWords(n_genes, tuple(known["clause_words"]))
        is_vocabulary = options.encoder == "gene-bert" or options.words == "genes"
        if is_vocabulary and known["sizes"]["vocab_size"] != len(encoder.words_) + 2:
            raise ValueError("a network of another vocabulary")
        encoder.network_ = _filled(known["sizes"], options, folder)
        return encoder


def _filled(sizes: dict, options, folder: Path) -> TokenBert:
    check_sizes(sizes)
    path = folder / WEIGHTS
    n_frozen = options.frozen_layers if options.encoder != "gene-bert" else 0
    if _claimed(sizes) > _held(path):
        raise ValueError(f"{path.name} holds fewer weights than are claimed")
    network = TokenBert(of_sizes(sizes), n_frozen)
    fill(network, path)
    return network.eval()


def _held(path: Path) -> int:
    """Numbers in a file of weights; nothing but its header is read."""
    try:
        with safetensors.safe_open(path, "pt") as stored:
            shapes = [stored.get_slice(name).get_shape() for name in stored.keys()]  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return sum(map(math.prod, shapes))


def _claimed(sizes: dict) -> int:
    """Weights of a network of these sizes, but for its norms and biases."""
    width = sizes["hidden_size"]
    words = sizes["vocab_size"] + sizes["max_position_embeddings"] + sizes["type_vocab_size"]
    layer = ATTENTION * width + 2 * sizes["intermediate_size"]
    return width * (words + sizes["num_hidden_layers"] * layer)


def framed(tokens: np.ndarray, n_words: int) -> TokenRows:
    """Rows with their gaps closed, a first token (n_words) before and a last one behind them."""
    order = np.argsort(tokens == 0, axis=1, kind="stable")
    closed = np.take_along_axis(tokens, order, axis=1)
    rows = np.zeros((len(tokens), tokens.shape[1] + 2), dtype=np.int32)
    rows[:, 0] = n_words
    rows[:, 1:-1] = closed
    rows[np.arange(len(rows)), 1 + (tokens > 0).sum(axis=1)] = n_words + 1
    return TokenRows(rows, n_words)
