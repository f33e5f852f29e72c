"""Library sizes over the same genes in training and in new cells, whatever their file has.

A sum over 14,000 genes is no library size for a model that learned from sums over 2,000 of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.gene_counts import total_counts
from cellclassifier.data.match_genes import GeneMatch, match_genes

LIBRARY_SIZE_FILE = "library_size.json"
CELLS_AT_A_TIME = 5000
DECIMALS = 9  # of a share: a gene of one count in a million has three digits


@dataclass(frozen=True)
class CountedGenes:
    """The genes that training totals were sums of.

    genes: (n_genes,) str, unique; shares: (n_genes,) float64, what share of a training cell's
    counts each one has, in the mean over cells.
    """

    genes: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, cells: ad.AnnData) -> CountedGenes:
        """All genes of training cells of raw counts, CSR."""
        weights = 1 / np.maximum(total_counts(cells.X), 1)
        sums = np.zeros(cells.n_vars)
        for start in range(0, cells.n_obs, CELLS_AT_A_TIME):
            some = slice(start, start + CELLS_AT_A_TIME)
            sums += cells.X[some].T @ weights[some]
        return cls(cells.var_names.to_numpy(str), np.round(sums / cells.n_obs, DECIMALS))

    def limit(self, match: GeneMatch, var: pd.DataFrame) -> GeneMatch:
        """The same match, whose totals are sums over these genes only.

        var: the gene table of the new file. Where it lacks some of them, totals are divided by the
        share that the others have in training cells; where it has none, they stay as they are.
        """
        if np.array_equal(var.index, self.genes):
            return match
        found = match_genes(self.genes, self.genes, var)
        share = float(self.shares[found.found].sum() / max(self.shares.sum(), 1e-300))
        if share == 0:  # a vocabulary of other cells than those it was trained on
            return match
        if found.found.all():
            share = 1.0
        return replace(match, counted=found.target >= 0, counted_share=share)

    def save(self, path: Path) -> None:
        """Write as JSON; shares survive to the last digit."""
        content = json.dumps({"genes": self.genes.tolist(), "shares": self.shares.tolist()})
        path.write_text(content + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> CountedGenes:
        """Read what ``save`` wrote; ValueError where it is damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            genes, shares = content["genes"], content["shares"]
            texts = {type(gene) for gene in genes} <= {str} and len(set(genes)) == len(genes)
            numbers = all(type(share) is float and 0 <= share <= 1 for share in shares)
            if not (texts and numbers and len(genes) == len(shares)):
                raise ValueError("genes and shares of other kinds or numbers")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path.name}: {error!r}"[:200]) from error
        return cls(np.array(genes, dtype=str), np.array(shares, dtype=np.float64))
