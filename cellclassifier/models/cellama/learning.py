"""An encoder's network learns what its options say, by the loop of all networks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cellclassifier.models.cellama.encoder import Encoder, Lesson
from cellclassifier.models.cellama.networks import STRETCH, BagNetwork, WithClassifier
from cellclassifier.models.cellama.reading import TokenRows
from cellclassifier.models.cellama.tasks import Contrasts, Cosines, Types
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.loop import train


@torch.random.fork_rng([])  # the caller's random numbers stay as they are
def learn_bag(
    bag: Encoder, tokens: np.ndarray, lesson: Lesson
) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """Word vectors, weights of the ranks and the history of a ``Bag``; tokens of its lesson."""
    options = bag.options
    torch.manual_seed(bag.seed)
    network = BagNetwork(len(bag.words_), tokens.shape[1], options.width)
    rows_of = lambda sentences: TokenRows(bag.words_.tokens(sentences))  # noqa: E731
    history = fit(network, TokenRows(tokens), rows_of, lesson, bag)
    with torch.no_grad():
        weights = network.log_weights.exp().cpu().numpy()
        return STRETCH * network.words.weight.cpu().numpy(), weights, history


def fit(network: nn.Module, rows, read, lesson: Lesson, encoder: Encoder) -> list[dict]:
    """Train a network in place by types or by PCA cosines; returns a row per epoch.

    Where types are learned by a softmax layer, that is noted as the encoder's ``softmax_``.

    rows: the lesson's sentences as the network reads them; read: sentences -> the same of others.
    """
    options, seed = encoder.options, encoder.seed
    learner = network
    if options.fine_tune == "pca":
        task = Cosines(rows, lesson.coordinates, lesson.groups, options, seed)
    elif encoder.contrasts:
        task = Contrasts(rows, lesson.codes, None, options, seed)
    else:
        validation = lesson.validation and (read(lesson.validation[0]), lesson.validation[1])
        task = Types(rows, lesson.codes, validation, options, seed)
        learner = WithClassifier(network, int(lesson.codes.max()) + 1)
    device = choose_device(options.device)
    with tempfile.TemporaryDirectory() as temporary, one_thread():
        trained = train(
            learner, task, options, seed, device, Path(encoder.checkpoints or temporary)
        )
    network.eval()
    if isinstance(learner, WithClassifier):
        scores = learner.scores.cpu()
        encoder.softmax_ = scores.weight.detach().numpy(), scores.bias.detach().numpy()
    return trained.history
