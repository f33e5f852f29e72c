"""The places of new images as a table, in Kaggle's form and in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellclassifier.data.locations import LOCATIONS
from cellclassifier.models.protein_atlas.classifier import AtlasClassifier


def named_places(
    model: AtlasClassifier, ids: np.ndarray, values: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(answers, calibrated probabilities), a row per image; values: (n_images, n_features).

    location_numbers, places: all that are above their thresholds, else the most probable one, and
    then ``passed`` is False.
    """
    p = model.predict_proba(values)
    given = model.targets_.decide(p)
    number = {name: str(LOCATIONS.index(name)) for name in model.classes_ if name in LOCATIONS}
    answers = {
        "image": ids,
        "location_numbers": [
            " ".join(number.get(name, name) for name in model.classes_[row]) for row in given
        ],
        "places": model.targets_.texts(given),
        "passed": (p > model.targets_.thresholds).any(axis=1),
        "most_probable": model.classes_[p.argmax(axis=1)],
        "probability": p.max(axis=1),
    }
    probabilities = pd.DataFrame(p, columns=model.classes_)
    probabilities.insert(0, "image", ids)
    return pd.DataFrame(answers), probabilities
