"""Figures of the one-type-or-not forests; nothing is saved or shown here."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.style import COLORS, DARK_GREY, GREY, bare, title_above

UP, DOWN = COLORS[3], COLORS[0]  # vermillion and blue: told apart by colour-blind readers
NEGATIVES = {"even": "an even mix of the other types", "random": "a random draw of other cells"}


def importance(top: pd.DataFrame, cell_type: str, scheme: str, auroc: float) -> Figure:
    """The top genes of one type: MDI, held-out permutation importance, up or down in the type.

    top: rows of the importance table, most important first.
    """
    rows = np.arange(len(top))
    up = (top["mean_in"] > top["mean_out"]).to_numpy()
    colors = np.where(up, UP, DOWN)
    figure, (mdi, permutation, level) = plt.subplots(
        1,
        3,
        figsize=(10.4, 1.1 + 0.36 * len(top)),
        sharey=True,
        width_ratios=(3, 2.2, 1.8),
        layout="constrained",
    )
    _impurity_bars(mdi, top, rows, colors)
    _permutation_points(permutation, top, rows, colors)
    _expression_levels(level, top, rows, colors, up)
    bare(mdi)
    bare(permutation)
    return title_above(figure, _importance_title(top, up, cell_type, scheme, auroc))


def _impurity_bars(axes, top: pd.DataFrame, rows: np.ndarray, colors) -> None:
    error = {"elinewidth": 1, "ecolor": "#333333"}
    bars = {"color": colors, "capsize": 2.5, "error_kw": error}
    axes.barh(rows, top["mdi_mean"], xerr=top["mdi_std"], **bars)
    axes.set_yticks(rows, top["gene_symbol"])
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.set_xlim(0)
    axes.set_xlabel(
        "mean decrease in impurity (sums to 1 over genes)\nline: standard deviation over repeats"
    )


def _permutation_points(axes, top: pd.DataFrame, rows: np.ndarray, colors) -> None:
    mean, std = top["permutation_mean"], top["permutation_std"].fillna(0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, color in zip(rows, colors, strict=True):
        if np.isnan(mean.iloc[row]):
            axes.text(0, row, " not measured", va="center", fontsize=8, color=DARK_GREY)
            continue
        axes.errorbar(mean.iloc[row], row, xerr=std.iloc[row], fmt="D", color=color, capsize=2.5)
    low, high = (mean - std).min(), (mean + std).max()
    axes.set_xlim(min(-0.002, 1.1 * np.nan_to_num(low)), max(0.01, 1.1 * np.nan_to_num(high)))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("held-out AUROC lost\nwhen the gene is shuffled")
    axes.tick_params(axis="y", left=False)


def _expression_levels(axes, top: pd.DataFrame, rows: np.ndarray, colors, up) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    columns = ((0.7, "in"), (1.0, "out"))
    for x, name in columns:
        axes.text(x, -0.75, name, ha="right", fontsize=9, color=DARK_GREY)
    for row in rows:
        word = "▲ up" if up[row] else "▼ down"
        axes.text(0.02, row, word, va="center", color=colors[row], fontsize=9)
        for x, name in columns:
            value = top[f"mean_{name}"].iloc[row]
            axes.text(x, row, f"{value:.2f}", va="center", ha="right", fontsize=9)
    note = "mean log expression in\nthe type and outside it"
    axes.text(1.0, len(top) - 0.1, note, va="top", ha="right", fontsize=10)


def _importance_title(top, up, cell_type: str, scheme: str, auroc: float) -> str:
    names = " and ".join(top["gene_symbol"].iloc[:2])
    how = {(True, True): "up", (False, False): "down"}.get(tuple(up[:2]), "up or down")
    return (
        f"{cell_type}: {names} ({how}) count most;\nAUROC {auroc:.3f} against {NEGATIVES[scheme]}"
    )


def auroc_heatmap(results: pd.DataFrame, order: np.ndarray) -> Figure:
    """AUROC by type (rows, in ``order``) and way to draw negatives (columns).

    results: rows of binary_rf_results.csv; types without a score are left out.
    """
    scored = results.dropna(subset="AUROC").set_index(["Cell Type", "Negative Sampling"])
    mean, std = scored["AUROC"].unstack(), scored["AUROC Std"].unstack()
    order = [name for name in order if name in mean.index]
    mean, std = mean.loc[order], std.loc[order]
    figure, axes = plt.subplots(figsize=(5.6, 1.2 + 0.42 * len(order)))
    low = np.floor(20 * (mean.min().min() - 0.01)) / 20
    image = axes.imshow(mean, cmap="cividis", vmin=low, vmax=1, aspect="auto")
    for row, column in np.ndindex(mean.shape):
        value = mean.iloc[row, column]
        text = f"{value:.3f} ± {std.iloc[row, column]:.3f}"
        color = "black" if value > low + 0.55 * (1 - low) else "white"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(mean.shape[1]), [f"{name} negatives" for name in mean.columns])
    axes.set_yticks(range(len(order)), order)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="AUROC, balanced held-out cells")
    return title_above(figure, _heatmap_title(mean))


def _heatmap_title(mean: pd.DataFrame) -> str:
    over_schemes = mean.mean(axis=1)
    easiest, hardest = over_schemes.idxmax(), over_schemes.idxmin()
    return (
        f"{easiest} is easiest to tell from the rest (AUROC {over_schemes[easiest]:.3f}),\n"
        f"{hardest} is hardest ({over_schemes[hardest]:.3f})"
    )


def markers(importances: pd.DataFrame, order: np.ndarray, n_genes: int) -> dict[str, list[str]]:
    """Per type its ``n_genes`` genes of highest mean MDI that are up in it, none named twice.

    importances: the importance table; returns gene ids by type, types in ``order``.
    """
    up = importances[importances["mean_in"] > importances["mean_out"]]
    total = up.groupby(["cell_type", "gene_id"], sort=False)["mdi_mean"].sum()  # over schemes
    best_of = total.groupby("gene_id").idxmax()  # a gene stands under the type that needs it most
    total = total[(total > 0) & total.index.isin(best_of)]
    return {
        name: total.loc[name].sort_values(ascending=False, kind="stable").index[:n_genes].tolist()
        for name in order
        if name in total.index.get_level_values(0)
    }


def marker_dots(expression: ad.AnnData, genes: dict[str, list[str]]) -> Figure:
    """Scanpy's dot plot of the types' top genes over all types.

    expression: log-normalised values of (at least) these genes, obs["cell_type"] categorical in
    the order to show, var["gene_symbol"]; genes: ids by type, as from ``markers``.
    """
    from scanpy import pl  # slow to import

    ids = [gene for names in genes.values() for gene in names]
    shown = expression[:, ids].copy()
    shown.var_names = shown.var["gene_symbol"].astype(str).to_numpy()
    shown.var_names_make_unique()
    names = iter(shown.var_names)
    groups = {name: [next(names) for _ in members] for name, members in genes.items()}
    plot = pl.dotplot(
        shown,
        groups,
        "cell_type",
        standard_scale="var",
        return_fig=True,
        show=False,
        var_group_rotation=90,
        figsize=(3.4 + 0.3 * len(ids), 2.6 + 0.32 * shown.obs["cell_type"].nunique()),
    )
    plot.style(cmap="cividis_r", dot_edge_lw=0.3).legend(
        colorbar_title="mean log expression\n(scaled per gene)",
        size_title="cells of the type\nwith any count (%)",
        width=1.9,
    )
    plot.make_figure()
    figure = plot.fig
    title = f"Each type's {max(map(len, groups.values()))} genes that its forests use most"
    return title_above(figure, f"{title}:\n{_clear(shown, groups)}")


def _clear(shown: ad.AnnData, groups: dict) -> str:
    """How many of the groups' genes are highest in their own type."""
    means = shown.to_df().groupby(shown.obs["cell_type"].to_numpy(), observed=True).mean()
    own = [means[gene].idxmax() == name for name, genes in groups.items() for gene in genes]
    return f"{sum(own)} of {len(own)} have their highest mean in the type they are listed for"
