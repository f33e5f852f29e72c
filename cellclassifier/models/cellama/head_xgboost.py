"""Boosted trees on vectors."""

from __future__ import annotations

import numpy as np

from cellclassifier.models.baselines.boosting import BoostedTrees
from cellclassifier.models.cellama.heads import Head, Scaling, check_arrays

N_ROUNDS = 100


class TreesHead(Head):
    """XGBoost on the scaled vectors, as many rounds as the house's other trees have."""

    names = ("mean", "scale", "trees")

    def fit(self, vectors, codes, n_types, validation) -> None:
        """One fit; nothing is chosen."""
        self.scaling = Scaling.learn(vectors)
        self.trees = BoostedTrees(
            N_ROUNDS,
            colsample_bynode=0.5,
            random_state=self.seed,
            n_jobs=1,
            class_weight="balanced",
        ).fit(self.scaling(vectors), codes)

    def outputs(self, vectors):
        """Probabilities of the trees; features are the scaled vectors."""
        scaled = self.scaling(vectors)
        return self.trees.predict_proba(scaled), scaled

    def arrays(self):
        """Scaling, and the trees as XGBoost's own binary JSON."""
        trees = self.trees.__getstate__()["model_"]
        return {"mean": self.scaling.mean, "scale": self.scaling.scale, "trees": trees}

    @classmethod
    def of_arrays(cls, options, arrays, width, n_types):
        """From ``arrays``; trees that contradict themselves are refused first."""
        check_arrays(arrays, {"mean": (width,), "scale": (width,)})
        if arrays["trees"].dtype != np.uint8 or arrays["trees"].ndim != 1:
            raise ValueError("trees that are no bytes")
        head = cls(options)
        head.scaling, head.trees = Scaling(arrays["mean"], arrays["scale"]), BoostedTrees()
        head.trees.__setstate__({**head.trees.get_params(), "model_": arrays["trees"]})
        model = head.trees.model_
        if model.get_booster().num_features() != width or max(model.n_classes_, 2) != n_types:
            raise ValueError("trees of other features or types")
        return head
