"""The named pipelines and their small grids: which method is what."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression

from cellclassifier.data.features import CountFeatures
from cellclassifier.models.baselines.boosting import BoostedTrees
from cellclassifier.models.baselines.rank_regression import YieldingRegression
from cellclassifier.models.baselines.threaded_forest import ThreadedForest


@dataclass(frozen=True)
class Recipe:
    """A named pipeline: features learned from train, an estimator, and the grid to try.

    Grid keys with the prefix ``features__`` are parameters of the features, the others of the
    estimator. The first grid point is the default, used alone in quick runs and without
    validation cells.
    """

    about: str  # in a sentence, for the card of a model
    estimator: BaseEstimator
    features: CountFeatures
    grid: tuple[dict, ...]
    threads: str | None = None  # the estimator's own parameter for threads, where it has one
    side_by_side: bool = True  # grid points may be fitted in threads
    version: int = 1  # raised when the recipe's results change
    fills_missing: bool = True  # genes that a file lacks have expected values, else zeros
    rounds: bool = False  # small expected values are zeros: for trees
    dense: bool = False  # the estimator is faster on a dense matrix of the selected genes


RECIPES: dict[str, Recipe] = {
    "majority": Recipe(
        "The most frequent type of the training cells, whatever the cell: a "
        "yardstick, no model to use.",
        DummyClassifier(strategy="prior"),
        CountFeatures(n_genes=1, scale=False),
        grid=({},),
        fills_missing=False,
    ),
    "logistic_regression": Recipe(
        "Multinomial logistic regression on log-normalised counts.",
        LogisticRegression(max_iter=200),
        CountFeatures(n_genes=2000),
        grid=({"C": 0.003}, {"C": 0.03}),
        version=2,
    ),
    "rank_regression": Recipe(
        "Multinomial regression on the ranks of genes within each cell, made for "
        "labels that were computed from such ranks.",
        YieldingRegression(),
        # The rule looks at 1,000 genes; a tenth more, as those chosen from train differ a little.
        CountFeatures(n_genes=1100, selection="dispersion", values="rank", scale=False),
        grid=tuple(
            {"C": C, "exceptions": exceptions}
            for exceptions in ("zheng68k", "none")
            for C in (0.1, 0.3)
        ),
        version=2,
    ),
    "random_forest": Recipe(
        "A random forest on log-normalised counts.",
        ThreadedForest(n_estimators=100),
        CountFeatures(n_genes=1000, scale=False),
        grid=(
            {"class_weight": "balanced", "min_samples_leaf": 3},
            {"class_weight": None, "min_samples_leaf": 3},
        ),
        threads="n_jobs",
        side_by_side=False,
        rounds=True,
        version=2,
        dense=True,
    ),
    "gbdt": Recipe(
        "Gradient-boosted trees (XGBoost) on log-normalised counts.",
        BoostedTrees(),
        CountFeatures(n_genes=1000, scale=False),
        grid=({"class_weight": "balanced"}, {"class_weight": None}),
        threads="n_jobs",
        rounds=True,
        version=2,
    ),
    # Mean of the probabilities of the two; trees do not mind the scaling that the regression needs.
    "soft_vote": Recipe(
        "The mean of the probabilities of a logistic regression and of "
        "gradient-boosted trees (XGBoost), both on log-normalised counts.",
        VotingClassifier(
            [
                ("regression", LogisticRegression(max_iter=200)),
                ("trees", BoostedTrees(n_estimators=200, learning_rate=0.1)),
            ],
            voting="soft",
        ),
        CountFeatures(n_genes=2000),
        grid=({"regression__C": 0.003, "trees__class_weight": "balanced"},),
        threads="trees__n_jobs",
        rounds=True,
        version=2,
    ),
}
