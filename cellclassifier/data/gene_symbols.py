"""The symbols that people know genes by: the bundled table and, where asked to, mygene.info.

Ids identify genes; symbols are shown in tables and plots, and find a model's genes in files that
name them so. No fit depends on a symbol, duplicate symbols are left as they are, and a gene
without one keeps its id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cellclassifier.data.gene_names import ENSEMBL, ENSEMBL_ID, kind_of_ids, strip_version
from cellclassifier.data.gene_table import HUMAN, with_symbols
from cellclassifier.data.mygene import ask_mygene, cached_symbols
from cellclassifier.errors import InputError

if TYPE_CHECKING:
    import anndata

log = logging.getLogger(__name__)


def symbols_of(
    gene_ids: Sequence[str] | np.ndarray,
    ask: bool = False,
    cache_folder: Path | None = None,
    server: str | None = None,
) -> np.ndarray:
    """Return the symbol of every gene, or its id where none is known.

    Unless most ids are Ensembl ids they are returned as they are. Symbols come from the bundled
    table, then from what mygene.info said before, then, where it may be asked, from mygene.info:
    one request, with a time limit, for human genes only.

    Parameters
    ----------
    gene_ids
        Ids, shape (n_genes,), Ensembl's with or without a version.
    ask
        Whether mygene.info is asked for what is missing; otherwise no network is touched.
    cache_folder
        Where gene_symbols.json is kept; by default the user's cache folder.
    server
        Address of mygene; by default the environment's CELLCLASSIFIER_MYGENE or mygene.info.

    Returns
    -------
    Symbols, shape (n_genes,), in the order of `gene_ids`. Two genes may share one.
    """
    gene_ids = np.array([str(gene_id) for gene_id in gene_ids], dtype=str)
    if kind_of_ids(gene_ids) != ENSEMBL:
        return gene_ids
    named = with_symbols(gene_ids)
    missing = _ids_among(named)
    if not missing:
        return named
    known = cached_symbols(cache_folder)
    missing = [gene_id for gene_id in missing if gene_id not in known]
    human = [gene_id for gene_id in missing if gene_id.startswith(HUMAN)]
    if ask and human:
        known |= ask_mygene(human, cache_folder, server)
    elif missing:
        log.info(_sentence_about(len(missing), len(gene_ids), bool(human)))
    return np.array([known.get(strip_version(str(name))) or name for name in named], dtype=str)


def _ids_among(names: np.ndarray) -> list[str]:
    """Ensembl ids without their versions, each once, in their order."""
    return [str(gene) for gene in dict.fromkeys(strip_version(names)) if ENSEMBL_ID.fullmatch(gene)]


def _sentence_about(n_missing: int, n_genes: int, some_human: bool) -> str:
    remedy = "--ask-mygene looks them up" if some_human else "it is of human genes"
    return (
        f"{n_missing:,} of {n_genes:,} genes keep their Ensembl ids as names: the bundled table "
        f"has no symbol of them ({remedy})."
    )


def drop_unmapped(cells: anndata.AnnData) -> anndata.AnnData:
    """Return the cells without the genes that have no symbol: `var["gene_symbol"]` is the id.

    Cells whose genes are not named by Ensembl ids are returned as they are.

    Raises
    ------
    InputError
        If no gene would remain.
    """
    if kind_of_ids(cells.var_names) != ENSEMBL:
        return cells
    names = zip(cells.var_names, cells.var["gene_symbol"], strict=True)
    keep = np.array(
        [symbol != gene_id or not ENSEMBL_ID.match(gene_id) for gene_id, symbol in names]
    )
    if not keep.any():
        raise InputError(
            f"None of the {len(keep):,} genes has a known symbol, so --drop-unmapped-genes would "
            "remove them all: leave the option out, or look symbols up with --ask-mygene, where "
            "the genes are human ones."
        )
    return cells if keep.all() else cells[:, keep].copy()
