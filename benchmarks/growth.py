"""How time and memory grow from 4,000 to 65,943 cells, as a table and a plot."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tyro

from benchmarks import full_size
from benchmarks.common import OUTPUT, print_table
from cellclassifier.plots import COLORS, readable


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    n_cells: tuple[int, ...] = (4_000, 8_000, 16_000, 32_000, 65_943)
    """sizes, each a stratified subset of the full-size simulation"""


def main(config: Config) -> None:
    """Print seconds of every step and the peak memory for every size; write growth.png."""
    rows = {}
    for n in config.n_cells:
        steps, _, seconds, peak = full_size.measure(full_size.Config(max_cells=n))
        rows[n] = {**steps["seconds"], "whole command": seconds, "peak_gib": peak}
    table = pd.DataFrame(rows).T.rename_axis("cells")
    print_table("growth: seconds per step and peak GiB by number of cells", table.round(2))
    figure = growth(table)
    figure.savefig(OUTPUT / "growth.png", dpi=150, bbox_inches="tight")
    print(f"plot: {OUTPUT / 'growth.png'}")


def growth(table: pd.DataFrame):
    """Seconds per step and peak memory against the number of cells, log-log."""
    figure, (left, right) = plt.subplots(ncols=2, figsize=(10.5, 4.4))
    steps = table.drop(columns="peak_gib")
    for i, (name, seconds) in enumerate(steps.items()):
        style = {"color": COLORS[i % 8], "marker": "osD^vP*X"[i % 8]}
        left.plot(table.index, seconds, label=readable(name, " "), **style)
    right.plot(table.index, table["peak_gib"], color=COLORS[0], marker="o")
    for axes, what in ((left, "seconds"), (right, "peak memory (GiB)")):
        axes.set(xscale="log", xlabel="cells", ylabel=what)
        axes.set_xticks(table.index, [f"{n:,}" for n in table.index], fontsize=8)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    left.set_yscale("log")
    right.set_ylim(0)
    slope = np.polyfit(np.log(table.index), np.log(table["whole command"]), 1)[0]
    times = table.index[-1] / table.index[0]
    factor = table["whole command"].iloc[-1] / table["whole command"].iloc[0]
    left.set_title(
        f"{times:.0f} x the cells take {factor:.0f} x the time (power {slope:.1f})", loc="left"
    )
    peak = table["peak_gib"].iloc[-1]
    right.set_title(f"{table.index[-1]:,} cells fit in {peak:.1f} GiB", loc="left")
    left.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main(tyro.cli(Config))
