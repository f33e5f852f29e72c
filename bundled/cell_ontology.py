"""Make the package's excerpt of the Cell Ontology: ids, names, synonyms, parents.

    pip install cellxgene-ontology-guide==1.11.1    # the ontology as CELLxGENE ships it (MIT)
    python -m bundled.cell_ontology                 # writes cellclassifier/data/tables

Terms are all of release 2026-03-26 that are not obsolete. A term is a *group* where people name
cells by it: CELLxGENE's own lists of classes and subclasses, without those that tell what a cell
does or how it looks (a monocyte is no kind of "progenitor cell" to who annotates blood), and with
some that its lists lack.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pandas as pd

SCHEMA = "7.1.0"  # of CELLxGENE, whose Cell Ontology is release 2026-03-26
TABLE = Path(__file__).parents[1] / "cellclassifier" / "data" / "tables" / "cell_ontology.tsv.gz"
COLUMNS = ("term", "name", "group", "synonyms", "parents")

# Not links by which people group cells: every monocyte would be a progenitor.
NO_PARENTS = {"CL:0011026"}
NO_GROUPS = {
    "CL:0000034": "stem cell: how far it is developed",
    "CL:0000055": "obsolete",
    "CL:0000151": "secretory cell: what it does",
    "CL:0000152": "exocrine cell: what it does",
    "CL:0000163": "endocrine cell: what it does",
    "CL:0000183": "contractile cell: what it does",
    "CL:0000219": "motile cell: what it does",
    "CL:0000221": "ectodermal cell: where it comes from",
    "CL:0000222": "mesodermal cell: where it comes from",
    "CL:0000234": "phagocyte: what it does",
    "CL:0000325": "stuff accumulating cell: what it does",
    "CL:0000473": "obsolete",
    "CL:0000630": "supporting cell: what it does",
    "CL:0001061": "abnormal cell: its state",
    "CL:0009010": "transit amplifying cell: its state",
    "CL:0011026": "progenitor cell: how far it is developed",
    "CL:0011115": "precursor cell: how far it is developed",
}
MORE_GROUPS = (
    "CL:0000091",  # Kupffer cell
    "CL:0000097",  # mast cell
    "CL:0000113",  # mononuclear phagocyte: monocytes, macrophages and dendritic cells
    "CL:0000127",  # astrocyte
    "CL:0000128",  # oligodendrocyte
    "CL:0000129",  # microglial cell
    "CL:0000232",  # erythrocyte
    "CL:0000233",  # platelet
    "CL:0000556",  # megakaryocyte
    "CL:0000623",  # natural killer cell
    "CL:0000764",  # erythroid lineage cell
    "CL:0000767",  # basophil
    "CL:0000771",  # eosinophil
    "CL:0000775",  # neutrophil
    "CL:0000786",  # plasma cell
    "CL:0001065",  # innate lymphoid cell
    "CL:0002453",  # oligodendrocyte precursor cell
)


def ontology_table() -> pd.DataFrame:
    """A row for each term that is not obsolete, sorted by id: COLUMNS, several joined by "|"."""
    from cellxgene_ontology_guide.curated_ontology_term_lists import get_curated_ontology_term_list
    from cellxgene_ontology_guide.entities import CuratedOntologyTermList
    from cellxgene_ontology_guide.ontology_parser import OntologyParser

    parser = OntologyParser(schema_version=SCHEMA)
    curated = [
        *get_curated_ontology_term_list(CuratedOntologyTermList.CELL_CLASS),
        *get_curated_ontology_term_list(CuratedOntologyTermList.CELL_SUBCLASS),
    ]
    groups = {*curated, *MORE_GROUPS} - set(NO_GROUPS)
    known = parser.get_term_label_to_id_map("CL").values()
    terms = sorted(term for term in known if not parser.is_term_deprecated(term))
    rows = [
        (
            term,
            parser.get_term_label(term),
            "1" if term in groups else "",
            "|".join(parser.get_term_synonyms(term)),
            "|".join(sorted(set(parser.get_term_parents(term)) - NO_PARENTS)),
        )
        for term in terms
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def as_bytes(table: pd.DataFrame) -> bytes:
    """The same bytes for the same table, whenever it is made."""
    text = io.StringIO()
    table.to_csv(text, sep="\t", index=False, lineterminator="\n")
    return gzip.compress(text.getvalue().encode(), mtime=0)


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_bytes(as_bytes(ontology_table()))
    print(f"{TABLE}: {TABLE.stat().st_size:,} bytes")
