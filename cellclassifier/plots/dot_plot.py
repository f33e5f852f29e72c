"""The genes that mark each type, over all types."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from cellclassifier.plots.handling_genes import flagged, note_on
from cellclassifier.plots.style import plain_text, short, title_above

READABLE = 11  # points


def markers(importances: pd.DataFrame, order: np.ndarray, n_genes: int) -> dict[str, list[str]]:
    """Per type its ``n_genes`` genes of highest mean MDI that are up in it, none named twice.

    importances: the importance table; returns gene ids by type, types in ``order``.
    """
    up = importances[importances["log1p_cp10k_in"] > importances["log1p_cp10k_out"]]
    total = up.groupby(["cell_type", "gene_id"], sort=False)["mdi_mean"].sum()  # over schemes
    best_of = total.groupby("gene_id").idxmax()  # a gene stands under the type that needs it most
    total = total[(total > 0) & total.index.isin(best_of)]
    return {
        name: total.loc[name].sort_values(ascending=False, kind="stable").index[:n_genes].tolist()
        for name in order
        if name in total.index.get_level_values(0)
    }


@plain_text
def marker_dots(expression: ad.AnnData, genes: dict[str, list[str]]) -> Figure:
    """Scanpy's dot plot of the types' top genes over all types.

    expression: log-normalised values of (at least) these genes, obs["cell_type"] categorical in
    the order to show, var["gene_symbol"]; genes: ids by type, as from ``markers``.
    """
    ids = [gene for names in genes.values() for gene in names]
    shown = expression[:, ids].copy()
    symbols = shown.var["gene_symbol"].astype(str)
    shown.var_names = symbols.map(short).map(flagged).to_numpy()
    shown.var_names_make_unique()
    names = iter(shown.var_names)
    groups = {name: [next(names) for _ in members] for name, members in genes.items()}
    figure = _dots(shown, groups)
    title = f"Each type's {max(map(len, groups.values()))} genes that its forests use most"
    note = note_on(symbols)
    return title_above(figure, f"{title}:\n{_clear(shown, groups)}" + (f"\n{note}" if note else ""))


def _dots(shown: ad.AnnData, groups: dict[str, list[str]]) -> Figure:
    from scanpy import pl  # slow to import

    plot = pl.dotplot(
        shown,
        groups,
        "cell_type",
        standard_scale="var",
        return_fig=True,
        show=False,
        var_group_rotation=90,
        figsize=(3.4 + 0.34 * shown.n_vars, 2.6 + 0.36 * shown.obs["cell_type"].nunique()),
    )
    plot.style(cmap="cividis_r", dot_edge_lw=0.3).legend(
        colorbar_title="mean log expression\n(scaled per gene)",
        size_title="cells of the type\nwith any count (%)",
        width=2.2,
    )
    plot.make_figure()
    _make_readable(plot)
    return plot.fig


def _make_readable(plot) -> None:
    """Letters that a projector shows, and names of types that lean, as they take less height."""
    for text in plot.fig.findobj(Text):
        text.set_fontsize(max(READABLE, text.get_fontsize()))
    for name in plot.get_axes()["gene_group_ax"].texts:
        name.set(
            rotation=35, ha="left", va="bottom", rotation_mode="anchor", text=short(name.get_text())
        )


def _clear(shown: ad.AnnData, groups: dict) -> str:
    """How many of the groups' genes are highest in their own type."""
    means = shown.to_df().groupby(shown.obs["cell_type"].to_numpy(), observed=True).mean()
    own = [means[gene].idxmax() == name for name, genes in groups.items() for gene in genes]
    return f"{sum(own)} of {len(own)} have their highest mean in the type they are listed for"
