"""Broader names for cells whose fine name is unsure, from the types that a model knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellclassifier.data.cell_types import CellTypes, known_cell_types
from cellclassifier.errors import InputError
from cellclassifier.trust.broader import CERTAINTY, finest_names


@dataclass(frozen=True)
class Naming:
    """What a cell may be called: the model's types, then broader names of the Cell Ontology.

    names: (n_names,) str; members: which of the model's types each holds for, (n_names, n_types)
    bool; certainty: the summed probability that a name must reach.
    """

    names: np.ndarray
    members: np.ndarray
    certainty: float = CERTAINTY

    @classmethod
    def of(
        cls, types: np.ndarray, certainty: float = CERTAINTY, known: CellTypes | None = None
    ) -> Naming:
        """For a model's types; known: labels and their terms, default: the bundled ones.

        Raises InputError for a certainty that is no share above a half: below that two names that
        exclude each other could both be certain.
        """
        if not 0.5 < certainty <= 1:
            raise InputError(f"--certainty {certainty:g}: expected more than 0.5, at most 1")
        groups = (known or known_cell_types()).groups_of(types.tolist())
        names = np.array([group.name for group in groups])
        return cls(names, np.array([group.members for group in groups]), certainty)

    def columns(
        self, probabilities: np.ndarray, for_broad: np.ndarray | None = None
    ) -> pd.DataFrame:
        """broad, the finest name that is certain enough, and broad_probability, per cell.

        probabilities: calibrated, (n_cells, n_types); for_broad: what names that hold for several
        types are summed from, default: the same.
        """
        chosen, probability = finest_names(probabilities, self.members, self.certainty, for_broad)
        return pd.DataFrame(
            {"broad": self.names[chosen], "broad_probability": probability.astype(np.float32)}
        )
