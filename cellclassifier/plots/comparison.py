"""Arrays in, matplotlib Figure out; nothing is saved or shown here."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
MARKERS = "o^sDvPX*"  # after eight types the colours start again, with another shape
PART_COLORS = {"train": "#BBBBBB", "val": "#56B4E9", "test": "#0072B2"}
PART_NAMES = {"train": "training", "val": "validation", "test": "test"}
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "cross_entropy": "Cross-entropy (nats)",
    "mcc": "Matthews correlation",
    "kappa": "Cohen's kappa",
}
LOWER_IS_BETTER = ("cross_entropy",)
FLOOR = "majority"  # the method that looks at no gene
SMALLEST_BIN = 10  # cells behind a point of a reliability curve


def metric_comparison(summary: pd.DataFrame, metric: str) -> Figure:
    """Bars with standard deviations of one metric, for every method and part, best test first.

    summary: rows indexed by (method, dataset), columns (metric, "mean" | "std").
    """
    table = summary[metric].unstack("dataset")
    lower = metric in LOWER_IS_BETTER
    table = table.sort_values(("mean", "test"), ascending=lower)
    methods = table.index.to_list()
    figure, axes = plt.subplots(figsize=(max(7.5, 1.6 + 1.55 * len(methods)), 4.2))
    width = 0.27
    for i, part in enumerate(PART_COLORS):
        mean, std = table["mean"][part], table["std"][part]
        positions = np.arange(len(methods)) + (i - 1) * width
        axes.bar(
            *(positions, mean, width),
            **dict(yerr=std, capsize=3, color=PART_COLORS[part], label=PART_NAMES[part]),
        )
    top = _upper(table)
    for i, method in enumerate(methods):
        mean, std = table["mean"]["test"][method], table["std"]["test"][method]
        axes.text(i + width, mean + std + 0.015 * top, f"{mean:.2f}", ha="center", fontsize=9)
    axes.set_xticks(range(len(methods)), [readable(name) for name in methods])
    axes.set_ylim(min(0, table["mean"].min().min() * 1.1), max(1.1 * top, 0.05))
    name = METRIC_NAMES[metric]
    axes.set_ylabel(name)
    value = f"{table['mean']['test'].iloc[0]:.2f} ± {table['std']['test'].iloc[0]:.2f}"
    best = readable(methods[0], " ").capitalize()
    note = " (lower is better)" if lower else ""
    _set_title(axes, f"{best} is best on test cells: {name} {value}{note}", pad=28)
    axes.legend(
        ncols=3, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.995), borderaxespad=0.2
    )
    return _clean(figure, axes)


def confusion(labels, predicted, types: np.ndarray, method: str) -> Figure:
    """Row-normalised confusion matrix; ``types`` gives the order of rows and columns."""
    counts = pd.crosstab(
        pd.Categorical(labels, categories=types),
        pd.Categorical(predicted, categories=types),
        dropna=False,
    ).to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(6, 3.2 + 0.52 * len(types))  # the title needs room, too
    figure, axes = plt.subplots(figsize=(size + 1.2, size))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        color = "white" if share > 0.55 else "black"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(types)), types, rotation=40, ha="right", rotation_mode="anchor")
    support = counts.sum(axis=1)
    axes.set_yticks(
        range(len(types)), [f"{t}  ({n:,})" for t, n in zip(types, support, strict=True)]
    )
    axes.set_xlabel("predicted type")
    axes.set_ylabel("true type (test cells, all splits)")
    _set_title(axes, _confusion_title(shares, support, types, method), fontsize=11)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, format=PercentFormatter(1))
    bar.set_label("share of the true type's cells")
    return figure


def calibration(tables: dict[str, pd.DataFrame], ece: dict[str, float]) -> Figure:
    """Reliability curves: accuracy against confidence, one line per method.

    tables: per method the result of ``metrics.reliability``; ece: per method. The majority
    baseline, whose confidence is the same for every cell, is left out.
    """
    methods = [method for method in sorted(tables, key=ece.get) if method != FLOOR] or [FLOOR]
    figure, axes = plt.subplots(figsize=(6.4, 5.6))
    axes.plot([0, 1], [0, 1], color="#888888", linestyle="--", linewidth=1)
    for i, method in enumerate(methods):
        table = tables[method][lambda t: t["n_cells"] >= SMALLEST_BIN]
        label = f"{readable(method, ' ')} (ECE {ece[method]:.3f})"
        style = {"color": COLORS[i % 8], "marker": "osD^vP"[i % 6], "markersize": 5}
        axes.plot(table["confidence"], table["accuracy"], label=label, **style)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_xlabel("confidence (probability of the predicted type)")
    axes.set_ylabel("accuracy of test cells predicted with that confidence")
    best, worst = methods[0], methods[-1]
    title = f"{readable(best, ' ').capitalize()} is best calibrated: off by {ece[best]:.1%}"
    if worst != best:
        title += f";\n{readable(worst, ' ')} is worst: off by {ece[worst]:.1%} on average"
    _set_title(axes, title)
    axes.text(0.03, 0.95, "above the dashed line: not sure enough", color="#555555", fontsize=9)
    axes.text(0.97, 0.04, "below it: too sure", ha="right", color="#555555", fontsize=9)
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    return _clean(figure, axes)


def score_against_time(summary: pd.DataFrame) -> Figure:
    """Test macro-F1 against fit seconds (all grid points), one point per method."""
    test = summary.xs("test", level="dataset").sort_values(("macro_f1", "mean"), ascending=False)
    score, seconds = test["macro_f1"], test["fit_seconds"]["mean"].clip(lower=0.01)
    methods = [method for method in test.index if method != FLOOR] or [FLOOR]
    figure, axes = plt.subplots(figsize=(7.6, 4.6))
    for i, method in enumerate(methods):
        mean, std = score.loc[method, ["mean", "std"]]
        axes.errorbar(
            *(seconds[method], mean, std),
            **dict(fmt="osD^vP"[i % 6], color=COLORS[i % 8], capsize=3, markersize=8),
            label=f"{readable(method, ' ')}: {mean:.2f} ± {std:.2f}, {seconds[method]:,.3g} s",
        )
    if FLOOR in test.index and methods != [FLOOR]:
        floor = score["mean"][FLOOR]
        axes.axhline(floor, color="#888888", linestyle="--", linewidth=1)
        axes.text(1, floor, f"majority: {floor:.2f} ", **_right_above(axes))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, min(1.0, score["mean"].max() * 1.15))
    axes.set_xlabel("seconds to fit, grid search included (log scale)")
    axes.set_ylabel("macro-F1 on test cells")
    _set_title(axes, _time_title(score["mean"][methods], seconds[methods]))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return _clean(figure, axes)


def _time_title(score: pd.Series, seconds: pd.Series) -> str:
    best = score.idxmax()
    near = seconds[score >= score.max() - 0.02].idxmin()
    finding = f"{readable(best, ' ').capitalize()} scores highest ({score[best]:.2f})"
    if near == best:
        return f"{finding}, in {seconds[best]:,.3g} s"
    return f"{finding};\n{readable(near, ' ')} comes within 0.02 in {seconds[near]:,.3g} s"


def _right_above(axes) -> dict:
    """Text placement: at the right end, just above a horizontal line at data height."""
    transform = axes.get_yaxis_transform()
    return {"transform": transform, "ha": "right", "va": "bottom", "color": "#555555"}


def readable(name: str, separator: str = "\n") -> str:
    """A method's name as a person writes it."""
    words = {"gbdt": "gradient boosting", "rank_regression": "rank regression"}
    return words.get(name, name.replace("_", " ")).replace(" ", separator)


def _confusion_title(shares, support, types, method: str) -> str:
    recall = np.diag(shares)
    name = readable(method, " ").capitalize()
    found = f"{name} finds {recall[support > 0].mean():.0%} of a type's cells on average"
    errors = shares - np.diag(recall)
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    if errors[row, column] == 0:
        return f"{found},\nand confuses none"
    return f"{found};\n{errors[row, column]:.0%} of {types[row]} are called {types[column]}"


def _upper(table: pd.DataFrame) -> float:
    return float((table["mean"] + table["std"]).max().max())


def _set_title(axes, text: str, **options) -> None:
    """Left-aligned title, wrapped so that it is no wider than the figure."""
    figure = axes.get_figure()
    inches = figure.get_figwidth() * (1 - axes.get_position().x0)
    lines = (textwrap.fill(line, int(inches * 10)) for line in text.splitlines())
    axes.set_title("\n".join(lines), loc="left", **options)


def _clean(figure: Figure, axes) -> Figure:
    axes.spines[["top", "right"]].set_visible(False)
    return figure
