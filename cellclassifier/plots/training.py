"""How training went: arrays in, figure out."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.dots import TEXT, write_around
from cellclassifier.plots.style import COLORS, PART_COLORS, PART_NAMES, bare

BEST_COLOR = COLORS[3]


@rc_context(TEXT)
def training_history(history: pd.DataFrame, start: str = "") -> Figure:
    """Losses, and the validation macro-F1, over the epochs of fine-tuning; a line per split.

    history: columns split, epoch, train_loss, val_loss, val_macro_f1; start: what training began
    with ("random weights"), "" where that goes without saying.
    """
    figure, (losses, scores) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for i, (_, rows) in enumerate(history.groupby("split")):
        style = {"marker": "o", "markersize": 4}
        for part in ("train", "val"):
            label = PART_NAMES[part] if i == 0 else ""  # once in the legend
            loss = rows[f"{part}_loss"]
            losses.plot(rows["epoch"], loss, color=PART_COLORS[part], label=label, **style)
        scores.plot(rows["epoch"], rows["val_macro_f1"], color=PART_COLORS["val"], **style)
        best = rows.loc[rows["val_macro_f1"].idxmax()]
        scores.plot(best["epoch"], best["val_macro_f1"], "*", color=BEST_COLOR, markersize=13)
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        bare(axes)
    losses.set_ylabel("cross-entropy (nats)")
    losses.set_ylim(bottom=0)
    losses.legend(frameon=False)
    scores.set_ylabel("macro-F1 on validation cells")
    scores.set_ylim(0, 1)
    n_splits = history["split"].nunique()
    lines = f"A line for each of {n_splits} splits." if n_splits > 1 else "One split."
    return write_around(figure, _title(history, start), f"{lines} Star: the epoch that was kept.")


def _title(history: pd.DataFrame, start: str) -> str:
    best = history.loc[history.groupby("split")["val_macro_f1"].idxmax()]
    epochs = ", ".join(str(int(epoch)) for epoch in sorted(best["epoch"].unique()))
    mean = " on average" if len(best) > 1 else ""
    first = f"From {start}: validation" if start else "Validation"
    finding = f"{first} macro-F1 reaches {best['val_macro_f1'].mean():.2f}{mean} (star)"
    finding += f" at epoch {epochs} of {int(history['epoch'].max())}"
    lowest = history.loc[history.groupby("split")["val_loss"].idxmin()].set_index("split")["epoch"]
    still_falls = (lowest == history.groupby("split")["epoch"].max()).all()
    return f"{finding}; the loss still falls: more epochs may help" if still_falls else finding
