"""The kinds of question that there are, by the name under which a saved model remembers them."""

from __future__ import annotations

import numpy as np

from cellclassifier.protocol.multi_label import MultiLabel
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.protocol.targets import Targets

KINDS: dict[str, type[Targets]] = {kind.kind: kind for kind in (SingleLabel, MultiLabel)}


def as_targets(labels) -> Targets:
    """Targets as they are; an array of labels, (n_cells,), as one label per cell."""
    return labels if isinstance(labels, Targets) else SingleLabel.of(labels)


def question(kind: str, names: list[str]) -> Targets:
    """A question without answers, as a saved model remembers it; ValueError for no known kind."""
    if kind not in KINDS:
        raise ValueError(f"a model of {kind!r}")
    return KINDS[kind].without_answers(np.array(names, dtype=str))
