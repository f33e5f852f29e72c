"""The bundled table of human Ensembl ids and gene symbols, for whoever has no network.

Made by ``bundled/gene_symbols.py``; its source and licence are in ``tables/README.md``.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

import numpy as np

from cellclassifier.data.gene_names import strip_version

TABLE = "gene_symbols.tsv.gz"
HUMAN = "ENSG"


@cache
def symbols_by_id() -> dict[str, str]:
    """Symbol of every Ensembl id of the table, without versions; no symbol occurs twice."""
    packed = (files("cellclassifier.data") / "tables" / TABLE).read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return dict(line.split("\t") for line in lines)


def with_symbols(names: np.ndarray) -> np.ndarray:
    """Names of genes, (n_genes,) str, with symbols in place of the Ensembl ids of the table.

    An id may have a version; whatever is none of the table's ids stays as it is.
    """
    if not np.char.startswith(names, HUMAN).any():
        return names
    known = symbols_by_id()
    bare = strip_version(names)
    return np.array([known.get(gene, name) for gene, name in zip(bare, names, strict=True)], str)
