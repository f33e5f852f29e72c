"""Majority voting: one answer per cluster of a file, beside the answers of its cells.

As CellTypist does it (Dominguez Conde et al. 2022, doi 10.1126/science.abl5197), where clusters are
many and small, so that each is of one type.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.annotation.first_pass import FirstPass
from cellclassifier.annotation.for_scanpy import VOTES
from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError
from cellclassifier.trust.far import MANY_FAR

LEIDEN, OPTION = "leiden", "--majority-voting"
N_NEIGHBORS = 15  # scanpy's own number
# Of files of fewer cells than the key: CellTypist's own numbers.
RESOLUTIONS = {5_000: 5, 20_000: 10, 40_000: 15, 100_000: 20, 200_000: 25}
FINEST = 30
LEAST_SHARE = 0.8  # of a cluster's cells that agree, of one type
MOST_SHOWN = 5  # clusters in a sentence
log = logging.getLogger(__name__)


def require_leiden() -> None:
    """Raise InputError where the library that finds clusters is not installed."""
    if importlib.util.find_spec("igraph") is None:
        raise InputError(
            f"{OPTION} leiden needs igraph: pip install igraph, or name a column of "
            "obs that has clusters"
        )


def leiden_clusters(places: np.ndarray, seed: int) -> np.ndarray:
    """Clusters of cells by their places in a space, (n_cells,) str: many, each of one type.

    Traag et al. 2019 (doi 10.1038/s41598-019-41695-z), as scanpy computes it with igraph.
    places: (n_cells, n_components).
    """
    import scanpy

    cells = ad.AnnData(np.asarray(places, dtype=np.float32))
    resolution = next((r for n, r in RESOLUTIONS.items() if len(places) < n), FINEST)
    log.info("Clusters of %s cells (Leiden) ...", f"{len(places):,}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parallelism that a fixed seed forbids
        n_neighbors = min(N_NEIGHBORS, len(places) - 1)
        scanpy.pp.neighbors(cells, n_neighbors=n_neighbors, use_rep="X", random_state=seed)
        scanpy.tl.leiden(
            cells,
            resolution=resolution,
            flavor="igraph",
            n_iterations=2,
            directed=False,
            random_state=seed,
        )
    return cells.obs[LEIDEN].to_numpy(str)


@dataclass(frozen=True)
class Clusters:
    """What is to vote together: groups that a file has, or Leiden clusters of its cells.

    given: (n_cells,) texts, None where a cell is of none; None where Leiden is to find them.
    """

    given: np.ndarray | None = None

    @classmethod
    def wanted(cls, name: str, read_column: Callable[[str, str], np.ndarray]) -> Clusters:
        """By the option's value; InputError for a column or a library that is not there.

        read_column: as a ``CellSource`` has it.
        """
        if name != LEIDEN:
            return cls(read_column(name, OPTION))
        require_leiden()
        return cls()

    def ready(self, first: FirstPass) -> FirstPass:
        """A first pass that keeps what clusters are found by, where they are to be found."""
        return first if self.given is not None else first.with_places(OPTION)

    def votes(self, predicted: pd.Series, own_places: np.ndarray | None, seed: int) -> pd.DataFrame:
        """``votes`` of the cells; own_places: of ``Annotations``, where the pass kept them."""
        found = self.given if self.given is not None else leiden_clusters(own_places, seed)
        return votes(predicted, found)


def votes(predicted: pd.Series, clusters: np.ndarray) -> pd.DataFrame:
    """The most frequent prediction of each cell's cluster, and the share of its cells that agree.

    predicted: (n_cells,) categorical, of equal numbers the first category wins; clusters:
    (n_cells,) texts, None where a cell is of none, which then has no vote.
    Columns: cluster, majority_voting, majority_voting_share.
    """
    clusters = pd.Series(clusters, dtype=object)
    names = predicted.astype("category").cat.categories
    counted = pd.crosstab(clusters, pd.Categorical(predicted, names), dropna=False)
    counted = counted.reindex(columns=names, fill_value=0)
    winner = names[counted.to_numpy().argmax(axis=1)]
    share = counted.max(axis=1) / counted.sum(axis=1)
    found = pd.DataFrame({"winner": winner, "share": share.to_numpy()}, index=counted.index)
    per_cell = found.reindex(clusters)
    columns = (clusters, per_cell["winner"], per_cell["share"].astype(np.float32))
    return pd.DataFrame({name: c.to_numpy() for name, c in zip(VOTES, columns, strict=True)})


def cluster_table(kept: pd.DataFrame) -> pd.DataFrame:
    """A row per cluster: cluster, n_cells, majority_voting, majority_voting_share, far_share.

    kept: annotations of all cells with their votes.
    """
    grouped = kept.groupby(VOTES[0], observed=True, sort=False)
    table = grouped.agg(
        n_cells=("far", "size"),
        **{name: (name, "first") for name in VOTES[1:]},
        far_share=("far", "mean"),
    )
    return table.sort_values("n_cells", ascending=False, kind="stable").reset_index()


def say_of_clusters(table: pd.DataFrame) -> None:
    """Warn, in a sentence, of clusters whose vote should not be believed; table: as above."""
    mixed = table[table["majority_voting_share"] < LEAST_SHARE]
    strange = table[table["far_share"] > MANY_FAR]
    found = []
    if len(mixed):
        found.append(f"in {_some(mixed)} under {LEAST_SHARE:.0%} of the cells agree with the vote")
    if len(strange):
        found.append(f"in {_some(strange)} over {MANY_FAR:.0%} are far from all known types")
    if found:
        log.warning(f"Do not take the vote of every cluster: of {len(table)}, {'; '.join(found)}.")


def _some(table: pd.DataFrame) -> str:
    """How many clusters, and the names of the largest."""
    names = [printable(str(name)) for name in table["cluster"][:MOST_SHOWN]]
    more = ", ..." if len(table) > MOST_SHOWN else ""
    return f"{len(table)} ({', '.join(names)}{more})"
