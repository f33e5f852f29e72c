"""How time and memory grow from 4,000 to 65,943 cells, as a table and a plot."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tyro

from benchmarks import full_size
from benchmarks.common import OUTPUT, print_table
from cellclassifier.plots.style import COLORS, readable


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
    figure, (left, right) = plt.subplots(ncols=2, figsize=(11, 4.6))
    whole = table["whole command"]
    left.plot(table.index, whole, color="black", linewidth=2.5, marker="o", label="whole command")
    methods = table.columns.difference(["read", "outputs", "whole command", "peak_gib"])
    for i, name in enumerate(methods):
        style = {"color": COLORS[i % 8], "marker": "osD^vP*X"[i % 8]}
        left.plot(table.index, table[name], label=readable(name, " "), **style)
    right.plot(table.index, table["peak_gib"], color=COLORS[0], marker="o")
    for axes, what in ((left, "seconds"), (right, "peak memory (GiB)")):
        axes.set(xscale="log", xlabel="cells", ylabel=what)
        axes.set_xticks(table.index, [f"{n:,}" for n in table.index], fontsize=8)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    left.set_yscale("log")
    right.set_ylim(0)
    slope = np.polyfit(np.log(table.index), np.log(whole), 1)[0]
    cells, seconds = table.index[-1] / table.index[0], whole.iloc[-1] / whole.iloc[0]
    title = f"{cells:.0f} x the cells take {seconds:.0f} x the time (power {slope:.1f})"
    left.set_title(title, loc="left")
    peak = table["peak_gib"].iloc[-1]
    right.set_title(f"{table.index[-1]:,} cells fit in {peak:.1f} GiB", loc="left")
    figure.tight_layout()
    left.legend(frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, -0.14), fontsize=9)
    return figure


if __name__ == "__main__":
    main(tyro.cli(Config))
