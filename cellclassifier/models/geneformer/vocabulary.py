"""Which genes have tokens, and the medians their counts are divided by."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.gene_names import SYMBOLS, kind_of_ids, strip_version
from cellclassifier.data.match_genes import GeneMatch, match_genes
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import files

MASK = files.SPECIAL_TOKENS["<mask>"]
FIRST_GENE = len(files.SPECIAL_TOKENS)
TARGET_SUM = 10_000  # counts per cell that medians are expressed in
MIN_CELLS = 3  # training cells that must express a gene for it to get a token
MIN_SHARE = 0.2  # of the training cells' counts, that must be of genes in the vocabulary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vocabulary:
    """Genes in the order of their tokens (2, 3, ...), with their medians.

    genes: (n_genes,) ids; medians: (n_genes,) float64, median over cells of a gene's non-zero
    counts per 10,000; symbols: (n_genes,) of the same genes, the id where none is known.
    """

    genes: np.ndarray
    medians: np.ndarray
    symbols: np.ndarray

    def __len__(self) -> int:
        """How many tokens there are, <pad> and <mask> included."""
        return len(self.genes) + FIRST_GENE

    def match(self, var: pd.DataFrame) -> GeneMatch:
        """Which gene of the vocabulary every column of a file is."""
        return match_genes(self.genes, self.symbols, var)

    @property
    def digest(self) -> str:
        """SHA-256 of what tokens depend on: the genes in their order, and their medians."""
        content = {"genes": self.genes.tolist(), "medians": self.medians.tolist()}
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write as JSON; floats survive to the last digit."""
        columns = {"genes": self.genes, "medians": self.medians, "symbols": self.symbols}
        content = json.dumps({name: x.tolist() for name, x in columns.items()}) + "\n"
        path.write_text(content, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what ``save`` wrote; InputError if it is missing or damaged."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            names, symbols = np.array(content["genes"]), np.array(content["symbols"])
            are_medians = all(map(files.is_median, content["medians"]))
            if {names.dtype.kind, symbols.dtype.kind} != {"U"} or not are_medians:
                raise ValueError("genes or medians are of another kind")
            medians = np.array(content["medians"], np.float64)
            if not names.shape == symbols.shape == (len(medians),):
                raise ValueError("genes and medians do not fit")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = repr(error)[:200]
            raise InputError(f"{path} is missing or damaged ({reason}): train again") from error
        return cls(names, medians, symbols)


def read_vocabulary(folder: Path = files.FOLDER, symbols: bool = False) -> Vocabulary:
    """The published vocabulary and medians from the dictionaries in ``folder``.

    symbols: also read ``gene_name_id_dict``, for cells whose genes are named by symbols; it has
    one symbol for each gene.

    Raises InputError when a dictionary is missing or damaged, or when the two are no pair of V1.
    """
    tokens = files.read_dictionary("token_dictionary", folder)
    medians = files.read_dictionary("gene_median_dictionary", folder)
    special = {name: int(token) for name, token in tokens.items() if not name.startswith("ENS")}
    if special != files.SPECIAL_TOKENS:
        raise InputError(
            f"the token dictionary in {folder} has the special tokens "
            f"{', '.join(special) or 'none'}, but V1 has <pad> and <mask> only: "
            f"another version's; get V1's with {files.GET}"
        )
    ordered = sorted(tokens.keys() - special.keys(), key=tokens.get)
    if [int(tokens[gene]) for gene in ordered] != list(range(FIRST_GENE, len(tokens))):
        raise InputError(f"the token dictionary in {folder} does not number its genes 2, 3, ...")
    without = [gene for gene in ordered if gene not in medians]
    if without:
        raise InputError(
            f"the median dictionary in {folder} lacks {len(without):,} of {len(ordered):,} genes "
            f"of the token dictionary (first: {without[0]}): they are no pair; get "
            f"it with {files.GET}"
        )
    names = files.read_dictionary("gene_name_id_dict", folder) if symbols else {}
    symbol = {gene: name for name, gene in names.items()}
    return Vocabulary(
        np.array(ordered),
        np.array([medians[gene] for gene in ordered], dtype=np.float64),
        np.array([symbol.get(gene, gene) for gene in ordered]),
    )


def published_vocabulary(names, folder: Path = files.FOLDER) -> Vocabulary:
    """The published vocabulary for cells whose genes have these names, with symbols if need be."""
    return read_vocabulary(folder, kind_of_ids(names) == SYMBOLS)


def learn_vocabulary(counts: sp.csr_matrix, names: np.ndarray) -> Vocabulary:
    """Vocabulary and medians from training cells alone, as Geneformer's were from its corpus.

    A gene's median is that of its non-zero counts per 10,000 (Theodoris et al. 2023,
    doi 10.1038/s41586-023-06139-9, methods). Genes in fewer than 3 cells get no token. Columns are
    genes as ``match_genes`` finds them: those of the same gene, in one spelling, are summed.

    counts: training cells x genes; names: (n_genes,) gene names.
    """
    names = np.asarray(names).astype(str)
    known = np.unique(strip_version(names))
    cells = match_genes(known, known, pd.DataFrame(index=names)).align(sp.csr_matrix(counts))
    values = cells.counts.astype(np.float64)
    values.data *= TARGET_SUM / np.repeat(cells.totals, np.diff(values.indptr))
    by_gene = values.tocsc()
    kept = np.flatnonzero(np.diff(by_gene.indptr) >= min(MIN_CELLS, len(cells)))
    if not len(kept):
        raise InputError(
            f"no gene is expressed in {MIN_CELLS} training cells: nothing to learn from"
        )
    bounds = zip(by_gene.indptr[kept], by_gene.indptr[kept + 1], strict=True)
    medians = np.array([np.median(by_gene.data[start:stop]) for start, stop in bounds])
    return Vocabulary(known[kept], medians, known[kept])


def require_known(vocabulary: Vocabulary, match: GeneMatch, cells: GeneCounts, names) -> None:
    """Say how much of the data has tokens; InputError where it is less than ``MIN_SHARE``.

    match, cells: of the vocabulary and a file whose columns are called ``names``.
    """
    share = cells.counts.sum(dtype=np.float64) / max(cells.totals.sum(), 1)
    n_known = (match.target >= 0).sum()
    found = f"{n_known:,} of {len(names):,} genes with {share:.1%} of the counts"
    if share < MIN_SHARE:
        raise InputError(
            f"only {found} are in the vocabulary of {len(vocabulary.genes):,} genes (expected at "
            f"least {MIN_SHARE:.0%} of the counts). The cells name their genes by "
            f"{kind_of_ids(names)} (first: {names[0]}), the vocabulary by "
            f"{kind_of_ids(vocabulary.genes[:1000])}"
        )
    log.info(f"Tokens for {found}.")
