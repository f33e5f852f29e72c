"""Which genes have tokens, and the medians their counts are divided by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from cellclassifier.data import gene_symbols as genes
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import files

PAD, MASK = files.SPECIAL_TOKENS.values()
FIRST_GENE = len(files.SPECIAL_TOKENS)
TARGET_SUM = 10_000  # counts per cell that medians are expressed in
MIN_CELLS = 3  # training cells that must express a gene for it to get a token


@dataclass(frozen=True)
class Vocabulary:
    """Genes in the order of their tokens (2, 3, ...), with their medians.

    genes: (n_genes,) ids; medians: (n_genes,) float64, median over cells of a gene's non-zero
    counts per 10,000; symbols: symbol -> id of the same genes, empty where ids are the only names.
    """

    genes: np.ndarray
    medians: np.ndarray
    symbols: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many tokens there are, <pad> and <mask> included."""
        return len(self.genes) + FIRST_GENE

    def tokens_of(self, names: np.ndarray) -> np.ndarray:
        """Token of every gene name, (n_names,) int64, -1 for genes without one.

        Ensembl ids match with or without a version suffix; symbols by ``symbols``.
        """
        names = genes.strip_version(np.asarray(names).astype(str))
        token = {gene: FIRST_GENE + i for i, gene in enumerate(self.genes.tolist())}
        known = {symbol: token[gene] for symbol, gene in self.symbols.items()} | token
        return np.array([known.get(name, -1) for name in names.tolist()], dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write as JSON; floats survive to the last digit."""
        content = {"genes": self.genes.tolist(), "medians": self.medians.tolist()}
        path.write_text(json.dumps(content | {"symbols": self.symbols}) + "\n")

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what ``save`` wrote; InputError if it is missing or damaged."""
        try:
            content = json.loads(Path(path).read_text())
            names, medians = np.array(content["genes"]), np.array(content["medians"], np.float64)
            vocabulary = cls(names, medians, dict(content["symbols"]))
            vocabulary.tokens_of(names[:1])
            if names.dtype.kind != "U" or names.shape != medians.shape or not (medians > 0).all():
                raise ValueError("genes and medians do not fit")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is missing or damaged ({error!r}): train again") from error
        return vocabulary


def read_vocabulary(folder: Path = files.FOLDER, symbols: bool = False) -> Vocabulary:
    """The published vocabulary and medians from the dictionaries in ``folder``.

    symbols: also read ``gene_name_id_dict``, for cells whose genes are named by symbols.

    Raises InputError when a dictionary is missing, or when the two are no pair of V1.
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
    without = [gene for gene in ordered if not float(medians.get(gene, 0)) > 0]
    if without:
        raise InputError(
            f"the median dictionary in {folder} lacks {len(without):,} of {len(ordered):,} genes "
            f"of the token dictionary (first: {without[0]}): they are no pair; get "
            f"it with {files.GET}"
        )
    known = set(ordered)
    names = files.read_dictionary("gene_name_id_dict", folder) if symbols else {}
    return Vocabulary(
        np.array(ordered),
        np.array([medians[gene] for gene in ordered], dtype=np.float64),
        {symbol: gene for symbol, gene in names.items() if gene in known},
    )


def learn_vocabulary(counts: sp.csr_matrix, names: np.ndarray) -> Vocabulary:
    """Vocabulary and medians from training cells alone, as Geneformer's were from its corpus.

    A gene's median is that of its non-zero counts per 10,000 (Theodoris et al. 2023,
    doi 10.1038/s41586-023-06139-9, methods). Genes in fewer than 3 cells get no token. Columns of
    the same gene (version suffixes aside) are summed.

    counts: training cells x genes; names: (n_genes,) gene names.
    """
    names, column = np.unique(genes.strip_version(names.astype(str)), return_inverse=True)
    counts = sp.csr_matrix(counts)
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    member = sp.csr_matrix((np.ones(len(column)), (np.arange(len(column)), column)))
    summed = (counts.astype(np.float64) @ member).tocsr()
    summed.data *= TARGET_SUM / np.repeat(totals, np.diff(summed.indptr))
    by_gene = summed.tocsc()
    expressed_in = np.diff(by_gene.indptr)
    kept = np.flatnonzero(expressed_in >= min(MIN_CELLS, counts.shape[0]))
    if not len(kept):
        raise InputError(
            f"no gene is expressed in {MIN_CELLS} training cells: nothing to learn from"
        )
    bounds = zip(by_gene.indptr[kept], by_gene.indptr[kept + 1], strict=True)
    medians = np.array([np.median(by_gene.data[start:stop]) for start, stop in bounds])
    return Vocabulary(names[kept], medians)


def require_known(
    vocabulary: Vocabulary,
    counts: sp.csr_matrix,
    names: np.ndarray,
    min_share: float,
    report: Callable[[str], None] = print,
) -> np.ndarray:
    """Token of every column, (n_genes,), after saying how much of the data has tokens.

    Raises InputError when less than ``min_share`` of all counts is of genes in the vocabulary.
    """
    tokens = vocabulary.tokens_of(names)
    per_gene = np.bincount(counts.indices, weights=counts.data, minlength=counts.shape[1])
    share = per_gene[tokens >= 0].sum() / max(per_gene.sum(), 1)
    found = f"{(tokens >= 0).sum():,} of {len(tokens):,} genes with {share:.1%} of the counts"
    if share < min_share:
        kind = genes.kind_of_ids(names)
        raise InputError(
            f"only {found} are in the vocabulary of {len(vocabulary.genes):,} genes (expected at "
            f"least {min_share:.0%} of the counts). The cells name their genes by {kind} (first: "
            f"{names[0]}), the vocabulary by {genes.kind_of_ids(vocabulary.genes[:1000])}"
        )
    report(f"Tokens for {found}.")
    return tokens
