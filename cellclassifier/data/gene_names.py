"""Names of genes: which kind of ids they are, versions of Ensembl ids, and what is no gene."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

ENSEMBL = "Ensembl ids"
SYMBOLS = "gene symbols"
ENTREZ = "Entrez ids"
UNKNOWN = "unknown ids"
GENE_EXPRESSION = "Gene Expression"  # in feature_types of 10x files

ENSEMBL_ID = re.compile(r"(ENS[A-Z]{0,5}G\d{11})(?:\.\d+)?")
_OTHERENSEMBL_ID = re.compile(r"ENS[A-Z]{0,5}(?:E|FM|GT|P|R|T)\d{11}(?:\.\d+)?")
_OF_SPECIES = {
    "human": re.compile(r"ENSG\d{11}(?:\.\d+)?|(?!ENS)[A-Z][A-Z0-9.-]*|C\d+orf\d+"),
    "mouse": re.compile(r"ENSMUSG\d{11}(?:\.\d+)?|mt-[A-Z]\w*|[A-Z]\d*[a-z][\w.-]*"),
}
_SYMBOL = re.compile(r"[A-Za-z0-9][\w.@/()-]*")


def strip_version(gene_id: str | np.ndarray) -> str | np.ndarray:
    """Return ENSG00000000003 for ENSG00000000003.14; anything but an Ensembl gene id stays.

    Takes one id or an array of ids, whose shape (n_genes,) is kept.
    """
    if isinstance(gene_id, str):
        match = ENSEMBL_ID.fullmatch(gene_id)
        return match[1] if match else gene_id
    return np.array([strip_version(str(one)) for one in gene_id], dtype=str)


def kind_of_ids(gene_ids: Iterable[str]) -> str:
    """Name the kind that more than half of the ids are of.

    One of "Ensembl ids", "gene symbols", "Entrez ids" and, without a majority, "unknown ids".
    """
    kinds = [_kind_of_id(str(gene_id)) for gene_id in gene_ids]
    for kind in (ENSEMBL, SYMBOLS, ENTREZ):
        if 2 * kinds.count(kind) > len(kinds):
            return kind
    return UNKNOWN


def _kind_of_id(gene_id: str) -> str:
    if ENSEMBL_ID.fullmatch(gene_id):
        return ENSEMBL
    if gene_id.isdecimal():
        return ENTREZ
    if _SYMBOL.fullmatch(gene_id) and not _OTHERENSEMBL_ID.fullmatch(gene_id):
        return SYMBOLS
    return UNKNOWN


def species_of(gene_ids: Iterable[str]) -> str | None:
    """The species as which more than half of the ids are spelt, "human" or "mouse", or None.

    Symbols of man are ACTB, those of mouse (and rat) Actb.
    """
    names = [str(gene_id) for gene_id in gene_ids]
    for species, spelt in _OF_SPECIES.items():
        if 2 * sum(bool(spelt.fullmatch(name)) for name in names) > len(names):
            return species
    return None


def are_genes(var: pd.DataFrame) -> np.ndarray:
    """Which rows of a gene table are genes, (n_rows,) bool, and not antibodies, peaks or guides.

    10x files of several kinds of counts say so in ``feature_types``; where that column is missing,
    or knows no "Gene Expression", all are genes.
    """
    kinds = var.get("feature_types", default="")
    found = np.broadcast_to(np.asarray(kinds, dtype=str) == GENE_EXPRESSION, len(var))
    return found if found.any() else np.ones(len(var), dtype=bool)
