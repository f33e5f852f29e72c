"""From counts to what a network sees: standardised values, expected ones for missing genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.missing_genes import ExpectedValues
from cellclassifier.models.neural.task import Inputs
from cellclassifier.models.spoticell.evidence import Evidence

LARGEST_VALUE = 5.0  # standard deviations from the mean
TRUST = (0.1, 1.5)  # least and most, of genes that are not missing


@dataclass(frozen=True)
class Values:
    """Log-normalised expression in standard deviations from the training mean.

    features: log-normalised and divided by the standard deviation; expected: of those; evidence:
    of counts for every type; typical_total: geometric mean of the training cells' library sizes.
    """

    features: CountFeatures
    expected: ExpectedValues
    evidence: Evidence
    typical_total: float

    def filled(self, cells: GeneCounts, present: np.ndarray) -> sp.csr_matrix:
        """Features, expected values where a gene is not ``present``, (n_cells, n_genes)."""
        counts = cells.counts if present.all() else cells.counts @ sp.diags(present.astype("f4"))
        some = GeneCounts(sp.csr_matrix(counts), cells.totals, present)
        return self.expected.fill(self.features.transform(some), present)

    def inputs(self, cells: GeneCounts, present: np.ndarray) -> Inputs:
        """What a network takes: values and trust, (n_cells, n_genes) float32, and evidence.

        Trust is 0 where a gene is missing; else 1 in a cell of typical library size, and half of
        that in one of a tenth of it.
        """
        values = self.filled(cells, present).toarray() - self.expected.mean
        np.clip(values, -LARGEST_VALUE, LARGEST_VALUE, out=values)
        depth = np.log10(np.maximum(cells.totals, 1) / self.typical_total)
        trust = np.clip(1 + depth / 2, *TRUST).astype(np.float32)[:, None] * present
        evidence = self.evidence.of(cells.counts, present)
        found = {"values": values, "trust": trust, "evidence": evidence}
        return {name: torch.from_numpy(array) for name, array in found.items()}


def typical(totals: np.ndarray) -> float:
    """The geometric mean of library sizes."""
    return float(np.exp(np.log(np.maximum(totals, 1)).mean()))
