"""What the forests scored, at natural prevalence, and beside what such figures are to be read.

Scores are of the held-out images of all folds together: each was judged once, by forests that had
not seen it. A fold of its own may lack a rare place, whose F1 would be 0 there whatever is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from cellclassifier.data.locations import LOCATIONS
from cellclassifier.protocol.answers import KEYS
from cellclassifier.protocol.multi_label import MultiLabel

ALWAYS = "always present"
# Three biologists on 164 images of nearly natural prevalence, recomputed from their answers; absent
# places count 0, but in the last. Those images are in the training table, too.
HUMAN_ROWS = [
    {"method": "three biologists", "n_images": 164, "n_places": 28, "macro_f1": 0.311}
    | {"micro_f1": 0.415, "exact_match": 0.244},
    {"method": "three biologists", "n_images": 164, "n_places": 27, "macro_f1": 0.322},
    {"method": "three biologists, places that occur", "n_images": 164, "n_places": 21}
    | {"macro_f1": 0.414},
]
HUMAN_MACRO_F1 = 0.311  # over all 28


@dataclass(frozen=True)
class Judged:
    """Held-out images of all folds: shown, given (n, n_places) bool, probability (n, n_places)."""

    ids: np.ndarray
    places: np.ndarray
    shown: np.ndarray
    given: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> Judged:
        """From rows of predictions/<method>-split<seed>.parquet of all folds, test part only."""
        rows = predictions[predictions["part"] == "test"].sort_values("cell")
        places = rows.columns.drop(KEYS).to_numpy(str)
        shown, given = (_sets(rows[name], places) for name in ("label", "predicted"))
        return cls(rows["cell"].to_numpy(str), places, shown, given, rows[places].to_numpy(float))


def _sets(texts: pd.Series, places: np.ndarray) -> np.ndarray:
    """(n, n_places) bool, from names joined by " | "."""
    named = [set(text.split(" | ")) for text in texts]
    return np.array([[place in names for place in places] for names in named])


def per_location(judged: Judged, thresholds: pd.DataFrame) -> pd.DataFrame:
    """A row per place, the most frequent first.

    number: Kaggle's; n: images that show it, of n_images; threshold: the mean over folds;
    always_present_f1: F1 of giving it to every image; balanced_f1: F1 if half of the test images
    showed it, which follows from recall and false alarms. Average precision and AUROC are empty
    where no image, or every one, shows it.
    """
    targets = MultiLabel(judged.shown, judged.places)
    n, n_images = judged.shown.sum(axis=0), len(judged.shown)
    recall = (judged.given & judged.shown).sum(axis=0) / np.maximum(n, 1)
    alarms = (judged.given & ~judged.shown).sum(axis=0) / np.maximum(n_images - n, 1)
    prevalence = n / n_images
    table = pd.DataFrame(
        {
            "location": judged.places,
            "number": [LOCATIONS.index(place) for place in judged.places],
            "n": n,
            "n_images": n_images,
            "n_given": judged.given.sum(axis=0),
            "prevalence": prevalence,
            "threshold": thresholds.groupby("location")["threshold"]
            .mean()[judged.places]
            .to_numpy(),
            "f1": sk.f1_score(judged.shown, judged.given, average=None, zero_division=0),
            "precision": sk.precision_score(
                judged.shown, judged.given, average=None, zero_division=0
            ),
            "recall": recall,
        }
    )
    ranked = targets.per_name(judged.probability).set_index("label").loc[judged.places]
    for name in ("average_precision", "auroc"):
        table[name] = ranked[name].to_numpy()
    table["always_present_f1"] = 2 * prevalence / (1 + prevalence)
    table["balanced_f1"] = 2 * recall / (recall + alarms + 1)
    return table.sort_values(["n", "location"], ascending=[False, True], ignore_index=True)


def overall(judged: Judged, locations: pd.DataFrame) -> dict[str, float]:
    """The figures of one method over all places and images, absent places counting 0."""
    shown, given = judged.shown, judged.given
    return {
        "n_images": len(shown),
        "n_places": shown.shape[1],
        "macro_f1": float(locations["f1"].mean()),
        "micro_f1": float(sk.f1_score(shown, given, average="micro", zero_division=0)),
        "exact_match": float((shown == given).all(axis=1).mean()),
        "average_precision": float(locations["average_precision"].mean()),
        "auroc": float(locations["auroc"].mean()),
        "ece": MultiLabel(shown, judged.places).calibration_error(judged.probability),
        "balanced_f1": float(locations.loc[locations["n"] > 0, "balanced_f1"].mean()),
    }


def always_present(judged: Judged) -> dict[str, float]:
    """The figures of giving every place to every image, which looks at nothing."""
    shown = judged.shown
    prevalence = shown.mean(axis=0)
    share = float(shown.mean())
    return {
        "n_images": len(shown),
        "n_places": shown.shape[1],
        "macro_f1": float((2 * prevalence / (1 + prevalence)).mean()),
        "micro_f1": 2 * share / (1 + share),
        "exact_match": float(shown.all(axis=1).mean()),
        "average_precision": float(prevalence[prevalence > 0].mean()),
        "auroc": 0.5,
        "balanced_f1": 2 / 3,
    }


def all_tables(judged: dict[str, Judged], thresholds: dict[str, pd.DataFrame], is_real: bool):
    """(a row per method and place, a row per method), with what to hold them against.

    is_real: whether these are images of cells, of which people were asked, too.
    """
    places, rows = [], []
    for method, one in judged.items():
        table = per_location(one, thresholds[method])
        places.append(table.assign(method=method))
        rows.append({"method": method, **overall(one, table)})
    rows.append({"method": ALWAYS, **always_present(next(iter(judged.values())))})
    if is_real:
        rows += HUMAN_ROWS
    both = pd.concat(places, ignore_index=True), pd.DataFrame(rows)
    first = both[0].columns.tolist()[-1:] + both[0].columns.tolist()[:-1]
    return both[0][first], both[1]


def co_occurrence(judged: Judged) -> np.ndarray:
    """(n_places, n_places): of the images that show a row's place, the share with a column's."""
    shown = judged.shown.astype(float)
    return shown.T @ shown / np.maximum(shown.sum(axis=0), 1)[:, None]


def confusion(judged: Judged) -> np.ndarray:
    """(n_places, n_places): of the images that show a row's and not a column's place, the share
    that were given the column's; on the diagonal the recall. NaN where there is no such image.
    """
    n = len(judged.places)
    table = np.full((n, n), np.nan)
    for row in range(n):
        for column in range(n):
            own = judged.shown[:, row]
            if row != column:
                own = own & ~judged.shown[:, column]
            if own.any():
                table[row, column] = judged.given[own, column].mean()
    return table


def worst_mistakes(judged: Judged, n: int) -> np.ndarray:
    """Indices of the images whose answer was wrong and of the smallest likelihood, worst first."""
    p = np.clip(judged.probability, 1e-6, 1 - 1e-6)
    loss = -np.where(judged.shown, np.log(p), np.log1p(-p)).sum(axis=1)
    wrong = (judged.shown != judged.given).any(axis=1)
    order = np.argsort(-loss, kind="stable")
    return order[wrong[order]][:n]
