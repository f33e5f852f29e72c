"""Groups of cells (batches, donors): the types of each, and whether types split by group."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from cellclassifier.data import features
from cellclassifier.data.texts import printable

FEWEST_CELLS = 10  # of a type in a group, to be compared with its other groups
N_NEIGHBORS = 15
N_QUERIES = 500  # cells of a type and group whose neighbours are looked up
SPLIT = 0.5  # separation from which a type is said to split
MIXED = 0.1  # separation below which groups are said to be mixed
MOST_NAMED = 10  # groups or types in a sentence


def types_by_group(cells: ad.AnnData) -> pd.DataFrame:
    """Cells of every type in every group, one row each where there are any.

    cells: obs cell_type and group. Columns: cell_type, group, n_cells, group_share,
    median_counts, median_genes.
    """
    table = pd.DataFrame(
        {
            "cell_type": cells.obs["cell_type"].to_numpy(str),
            "group": cells.obs["group"].to_numpy(str),
            "median_counts": features.total_counts(cells.X),
            "median_genes": np.diff(cells.X.indptr),
        }
    )
    grouped = table.groupby(["cell_type", "group"])
    sizes = grouped.size().rename("n_cells").to_frame()
    sizes["group_share"] = sizes["n_cells"] / sizes.groupby("group")["n_cells"].transform("sum")
    return sizes.join(grouped.median()).reset_index()


def group_mixing(
    space: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> pd.DataFrame:
    """Whether the nearest cells of a cell's type are of its own group more often than by chance.

    space: (n_cells, n_components), of a PCA; labels, groups: (n_cells,). One row per type that has
    ``FEWEST_CELLS`` in two groups at least: cell_type, n_cells, n_groups, same_group_share
    (share of the nearest cells of the type, mean over groups, so that a large one does not outvote
    the others), chance_share (the same where groups are drawn at random) and separation: 0 by
    chance, 1 where groups do not touch. The k nearest, as in kBET (Buettner et al. 2019, doi
    10.1038/s41592-018-0254-1), though without its test, which large samples always fail.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name in np.unique(labels):
        of_type = np.flatnonzero(labels == name)
        found, sizes = np.unique(groups[of_type], return_counts=True)
        kept = of_type[np.isin(groups[of_type], found[sizes >= FEWEST_CELLS])]
        if (sizes >= FEWEST_CELLS).sum() < 2:
            continue
        same, chance = _same_group(space[kept], groups[kept], rng)
        rows.append((name, len(kept), (sizes >= FEWEST_CELLS).sum(), same, chance))
    columns = ["cell_type", "n_cells", "n_groups", "same_group_share", "chance_share"]
    table = pd.DataFrame(rows, columns=columns)
    chance = table["chance_share"]
    table["separation"] = (table["same_group_share"] - chance) / (1 - chance)
    return table.sort_values("separation", ascending=False, kind="stable", ignore_index=True)


def _same_group(
    space: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Share of neighbours of the own group, found and expected, each a mean over groups."""
    names, sizes = np.unique(groups, return_counts=True)
    k = min(N_NEIGHBORS, sizes.min() - 1)  # so that the smallest group can be among itself
    search = NearestNeighbors(n_neighbors=k).fit(space)
    shares = []
    for name in names:
        queries = rng.permutation(np.flatnonzero(groups == name))[:N_QUERIES]
        own = groups[_neighbors(search, space, queries)] == name
        shares.append(own.mean())
    return float(np.mean(shares)), float(np.mean((sizes - 1) / (len(groups) - 1)))


def _neighbors(search: NearestNeighbors, space: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The nearest cells of some of the cells, (n_queries, k), none of them its own neighbour."""
    k = search.n_neighbors
    found = search.kneighbors(space[queries], k + 1, return_distance=False)
    rows = zip(found, queries, strict=True)  # of equal cells, the cell may not be the first
    return np.stack([row[row != query][:k] for row, query in rows])


def sentences(table: pd.DataFrame, mixing: pd.DataFrame, key: str) -> list[tuple[str, str]]:
    """Rows of the summary: which groups there are, what is confounded, and whether types split.

    table: of ``types_by_group``; mixing: of ``group_mixing``; key: what --group-key was.
    """
    sizes = table.groupby("group")["n_cells"].sum().sort_values(ascending=False, kind="stable")
    named = _listed([f"{printable(name)} ({n:,})" for name, n in sizes.items()])
    rows = [("groups", f"{len(sizes)} in {printable(key)}: {named}")]
    groups = table.groupby("cell_type")["group"].nunique()
    alone = [printable(name) for name in groups.index[groups == 1]]
    if len(sizes) > 1 and alone:
        text = "what tells them from others may be the group's and not the type's"
        rows.append(("types in one group only", f"{_listed(alone)}: {text}"))
    if len(mixing):
        rows += _about_mixing(mixing)
    elif len(sizes) > 1:
        text = f"not examined: no type has {FEWEST_CELLS} cells in two groups"
        rows.append(("batch effect", text))
    return rows


def _about_mixing(mixing: pd.DataFrame) -> list[tuple[str, str]]:
    rows = []
    split = mixing[mixing["separation"] >= SPLIT]
    if len(split):
        named = [
            f"{printable(row.cell_type)} ({row.same_group_share:.0%}, by chance "
            f"{row.chance_share:.0%})"
            for row in split.itertuples()
        ]
        what = "the share of a cell's nearest neighbours within its type that are of its own group"
        rows.append(("types that split by group", f"{_listed(named)}: {what}"))
    mean = np.average(mixing["separation"], weights=mixing["n_cells"])
    return [*rows, ("batch effect", _about_mean(mean))]


def _about_mean(separation: float) -> str:
    found = f"(separation of groups within types: {separation:.2f}; 0 is chance, 1 apart)"
    if separation < MIXED:
        return f"none to speak of {found}"
    degree = "large" if separation >= SPLIT else "some"
    return (
        f"{degree} {found}: groups differ by handling, chemistry or biology, which these counts "
        "alone do not tell; scores across groups (--group-key in the training scripts) are what "
        "a new group will have"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
