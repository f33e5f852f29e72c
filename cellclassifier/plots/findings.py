"""What a comparison supports as a title: a winner only where it is told apart from all others."""

from __future__ import annotations

import pandas as pd

from cellclassifier.plots.style import (
    LOWER_IS_BETTER,
    METRIC_NAMES,
    NO_GENES,
    first_word,
    in_a_line,
)

LEVEL = 0.05  # of p-values that are corrected for the number of pairs
NAMES = METRIC_NAMES | {"ece": "Calibration error"}
FALLING = (*LOWER_IS_BETTER, "ece")


def of_test_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of test cells, indexed by method."""
    return summary.xs("test", level="part")


def ranked(test: pd.DataFrame, metric: str) -> list[str]:
    """The methods that a metric was measured of, best first; test: as from ``of_test_cells``.

    Calibration is no merit of a method that says the same of every cell: it is left out there.
    """
    means = test[metric]["mean"].dropna()
    if metric == "ece" and len(means) > 1:
        means = means.drop(NO_GENES, errors="ignore")
    return means.sort_values(ascending=metric in FALLING, kind="stable").index.to_list()


def judged(test: pd.DataFrame, metric: str) -> list[str]:
    """Of ``ranked`` methods those of which a winner is named: that look at genes, on all splits.

    A method that was run on fewer splits is compared over those alone, which seldom tells it apart.
    """
    methods = ranked(test, metric)
    splits = test["n_splits"]
    whole = [m for m in methods if m != NO_GENES and splits[m] == splits.max()]
    return whole or methods


def leaders(methods: list[str], pairs: pd.DataFrame, metric: str) -> list[str]:
    """The first of ``methods``, best first, and those that are not told apart from it.

    pairs: columns method_a, method_b, metric and p_holm.
    """
    rows = pairs[(pairs["metric"] == metric) & (pairs["p_holm"] < LEVEL)]
    apart = {frozenset(pair) for pair in zip(rows["method_a"], rows["method_b"], strict=True)}
    return [name for name in methods if frozenset((methods[0], name)) not in apart]


def finding(test: pd.DataFrame, pairs: pd.DataFrame, metric: str) -> str:
    """Who leads in a metric on test cells, in a sentence."""
    methods = judged(test, metric)
    if not methods:
        return f"{NAMES[metric]} was not measured"
    leading = leaders(methods, pairs, metric)
    values = f"{within(metric)} {span(test.loc[leading, (metric, 'mean')])} on test cells"
    if len(methods) == 1:
        return f"{first_word(methods[0])}: {values}"
    if len(leading) == 1:
        lower = ", lower is better" if metric in FALLING else ""
        return f"{first_word(leading[0])} is best: {values}{lower}"
    return f"{not_told_apart(leading, methods)}: {values}"


def not_told_apart(leading: list[str], methods: list[str]) -> str:
    """Of several ``leading`` ones of all methods, best first, the beginning of a sentence.

    Two of three may still be told apart from each other, if not from the first: so only two are
    named.
    """
    if len(leading) == 2:
        return f"{first_word(leading[0])} and {in_a_line(leading[1])} are not told apart"
    if len(leading) == len(methods):
        return f"None of {len(methods)} methods is told apart from the best"
    return f"{len(leading)} of {len(methods)} methods are not told apart from the best"


def within(metric: str) -> str:
    """A metric's name within a sentence."""
    name = NAMES[metric]
    return name if name.split("'")[0] in ("Cohen", "Matthews correlation") else _lower(name)


def span(values: pd.Series, form: str = ".2f") -> str:
    """Both ends as "0.61 to 0.67", or one number where they look alike."""
    low, high = (format(end, form) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def spread(test: pd.DataFrame) -> str:
    """What the error bars are, and which methods were run on fewer splits than others."""
    splits = test["n_splits"]
    over = "splits and test cells" if splits.max() > 1 else "the test cells of one split"
    fewer = splits.index[splits < splits.max()]
    if fewer.empty:
        return f"95 % bootstrap interval over {over}"
    names = ", ".join(f"{in_a_line(name)} ({splits[name]:.0f})" for name in fewer)
    return f"95 % bootstrap interval over {over}; on fewer splits, and not judged: {names}"


def about(test: pd.DataFrame, data: str) -> str:
    """Which data, how many test cells, and what the error bars are."""
    cells = test.loc[test["n_splits"].idxmax()]
    n_splits, n_cells = int(cells[("n_splits", "")]), int(cells[("n_cells", "")])
    in_splits = f"in {n_splits} splits" if n_splits > 1 else "in one split"
    return f"{data}: {n_cells:,} test cells {in_splits}. Bars: {spread(test)}."
