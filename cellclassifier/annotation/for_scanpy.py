"""What scanpy finds of annotations, and where: the same in annotated.h5ad and from a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pandas as pd

import cellclassifier
from cellclassifier.annotation.predict import LEVELS
from cellclassifier.interface import GeneClassifier
from cellclassifier.plots.type_colors import colors_of_types

# What is kept of every cell, and what it is called in obs.
KEPT = {
    "predicted": "predicted_cell_type",
    "probability": "predicted_probability",
    "known": "predicted_known",
    "broad": "predicted_broad_type",
    "broad_probability": "predicted_broad_probability",
    "far": "predicted_far",
    "between": "predicted_between",
    "second": "predicted_second_type",
    "confidence": "predicted_confidence",
}
# Of clusters, where there are any: called the same everywhere.
VOTES = ("cluster", "majority_voting", "majority_voting_share")
COLORS = f"{KEPT['predicted']}_colors"  # in uns, where scanpy looks for the colours of a column
SPACE, PROBABILITIES, ABOUT = "X_cellclassifier", "cellclassifier_probabilities", "cellclassifier"


def obs_columns(table: pd.DataFrame, cell_names: np.ndarray) -> pd.DataFrame:
    """What goes into ``obs``: the columns ``KEPT`` and ``VOTES`` of annotations, named by cell.

    predicted_cell_type, predicted_broad_type, predicted_second_type, predicted_confidence
    (categorical); predicted_probability, predicted_broad_probability (float32); predicted_known,
    predicted_far, predicted_between (bool); cluster, majority_voting (categorical),
    majority_voting_share (float32).
    """
    votes = [name for name in VOTES if name in table]
    return table[[*KEPT, *votes]].set_axis(cell_names).rename(columns=KEPT)


def with_categories(table: pd.DataFrame, types: np.ndarray) -> pd.DataFrame:
    """Annotations whose texts are categories: the model's types, levels of confidence, and others.

    Votes are for types, too; which broad names and clusters there are the cells say.
    """
    kinds = dict.fromkeys(("predicted", "second", VOTES[1]), pd.CategoricalDtype(types))
    kinds |= {"confidence": pd.CategoricalDtype([*LEVELS])}
    kinds |= dict.fromkeys(("broad", VOTES[0]), "category")
    return table.astype({name: kind for name, kind in kinds.items() if name in table})


def obsm_columns(
    probabilities: np.ndarray, space: np.ndarray, types: np.ndarray, cell_names
) -> dict[str, pd.DataFrame | np.ndarray]:
    """What goes into ``obsm``: a column of probabilities per type, and the model's space if any.

    An .h5ad takes no "/" in a key; whatever stands for it must not be another type's name.
    """
    names = [name.replace("%", "%25").replace("/", "%2F") for name in types.tolist()]
    columns = {PROBABILITIES: pd.DataFrame(probabilities, cell_names, names)}
    return columns | ({SPACE: space.astype(np.float32)} if space.shape[1] else {})


def uns_of(model: GeneClassifier, facts: Mapping[str, object]) -> dict:
    """What goes into ``uns``: the model, when it was asked, ``facts`` of the cells, colours."""
    about = {
        "method": model.method,
        "types": np.asarray(model.classes_, dtype=object),
        "digest": (model.provenance_ or {}).get("digest") or "",  # none before it was saved
        "version": cellclassifier.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {ABOUT: about | dict(facts), COLORS: colors_for_scanpy(model.classes_)}


def colors_for_scanpy(types: np.ndarray) -> np.ndarray:
    """What belongs into uns as ``COLORS``: the types' colours in all figures, (n_types,)."""
    colors = colors_of_types(map(str, types))
    return np.array([colors[str(name)] for name in types], dtype=object)
