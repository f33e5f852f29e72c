"""Make the package's table of Ensembl ids and symbols from Geneformer's dictionary.

    python -m bundled.gene_symbols geneformer_files/gene_name_id_dict_gc30M.pkl

Writes cellclassifier/data/tables/gene_symbols.tsv.gz: one line per gene, its Ensembl id, a tab, its
symbol, sorted by id, so that the same dictionary always makes the same table.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import tyro

from cellclassifier.data.gene_table import TABLE
from cellclassifier.data.safe_pickle.load import load_pickle

FOLDER = Path(__file__).parents[1] / "cellclassifier" / "data" / "tables"


def table_of(dictionary: Path) -> str:
    """The table's text from a pickle of symbol -> Ensembl id; genes without a symbol are not in it.

    Raises ValueError where two symbols have one id: which of them is the gene's would be a guess.
    """
    ids = {symbol: gene_id for symbol, gene_id in load_pickle(dictionary).items() if symbol}
    if len(set(ids.values())) < len(ids):
        raise ValueError(f"{dictionary}: two symbols have one id")
    return "".join(sorted(f"{gene_id}\t{symbol}\n" for symbol, gene_id in ids.items()))


def main(dictionary: Path, /) -> None:
    """Write the table; without a date in the file, so that it is the same bytes each time."""
    packed = gzip.compress(table_of(dictionary).encode(), compresslevel=9, mtime=0)
    (FOLDER / TABLE).write_bytes(packed)
    print(f"{FOLDER / TABLE}: {len(packed):,} bytes")


if __name__ == "__main__":
    tyro.cli(main)
