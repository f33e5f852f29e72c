"""Labels of different depth, learned: broader types as sums of finer ones, or as yes or no."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit, softmax
from torch.nn.functional import binary_cross_entropy_with_logits

from cellclassifier.data.cell_types import known_cell_types

PENALTY = 0.1  # of a type that is more probable than a broader one, as documented


def covers(names: np.ndarray) -> np.ndarray:
    """Which labels each label may mean, (n_names, n_names) bool: itself, and finer ones.

    A finer one has a Cell Ontology term below; labels without a term mean themselves.
    """
    known = known_cell_types()
    terms = [known.term_of(name) for name in names.tolist()]
    above = [known.ancestors(term) if term else {} for term in terms]
    finer = [
        [broad is not None and broad != term and broad in above[j] for j, term in enumerate(terms)]
        for broad in terms
    ]
    return np.array(finer, dtype=bool).reshape(len(terms), -1) | np.eye(len(terms), dtype=bool)


class Leaves:
    """Softmax over the labels; a coarse label's loss is that of the sum over what it may mean.

    So a cell labelled "T cell" teaches nothing about CD4 against CD8, and a broader type's
    probability, the sum over its labels, never contradicts theirs.
    """

    def __init__(self, names: np.ndarray, smoothing: float = 0.0):
        self.covers = torch.from_numpy(covers(names))
        self.smoothing, self.n_out = smoothing, len(names)

    def loss_sum(self, scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Negative log probability of the answers; scores: (B, n_names), codes: (B,)."""
        log_p = scores.log_softmax(dim=1)
        meant = self.covers.to(scores.device)[codes]
        answer = log_p.masked_fill(~meant, -torch.inf).logsumexp(dim=1)
        return -((1 - self.smoothing) * answer + self.smoothing * log_p.mean(dim=1)).sum()

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Of the labels, (n_cells, n_names)."""
        return softmax(scores, axis=1)


class YesOrNo:
    """The document's loss: a yes or no for every label and every broader type.

    What lies below a coarse label is neither for a cell that has it. The penalty is for types that
    are more probable than a broader one.
    """

    def __init__(self, names: np.ndarray):
        groups = known_cell_types().groups_of(names.tolist())
        members = np.array([group.members for group in groups])  # (n_out, n_names)
        may_mean = covers(names)
        self.n_names, self.n_out = len(names), len(members)
        self.answers = torch.from_numpy(members.T.astype(np.float32))  # (n_names, n_out)
        below = ~members.T & (may_mean.astype(int) @ members.T.astype(int) > 0)
        self.counts = torch.from_numpy((~below).astype(np.float32))
        larger = members.sum(axis=1)[:, None] < members.sum(axis=1)
        # Whether one has a label that the other has not, as a product: no array of three axes.
        inside = members.astype(np.float32) @ (~members).T.astype(np.float32) > 0
        self.child, self.parent = map(torch.from_numpy, np.nonzero(larger & ~inside))

    def loss_sum(self, scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy and penalty, summed over cells; scores: (B, n_out)."""
        answers, counts = (
            self.answers.to(scores.device)[codes],
            self.counts.to(scores.device)[codes],
        )
        entropy = binary_cross_entropy_with_logits(scores, answers, counts, reduction="none")
        return entropy.sum() + PENALTY * self._excess(scores.sigmoid()).sum()

    def _excess(self, p: torch.Tensor) -> torch.Tensor:
        """By how much types are more probable than broader ones, mean over pairs, (B,)."""
        if not len(self.child):
            return p.new_zeros(len(p))
        return (p[:, self.child] - p[:, self.parent]).relu().mean(dim=1)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Of the labels, made to sum to 1, (n_cells, n_names)."""
        yes = expit(scores[:, : self.n_names].astype(float)) + 1e-12
        return yes / yes.sum(axis=1, keepdims=True)


def loss_of(name: str, names: np.ndarray, smoothing: float = 0.0) -> Leaves | YesOrNo:
    """``Leaves`` or ``YesOrNo``, for labels."""
    return Leaves(names, smoothing) if name == "leaves" else YesOrNo(names)
