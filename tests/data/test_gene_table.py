"""The bundled table of Ensembl ids and symbols, and what is named by it."""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from bundled.gene_symbols import table_of
from cellclassifier.data.gene_names import ENSEMBL_ID
from cellclassifier.data.gene_table import TABLE, symbols_by_id, with_symbols
from cellclassifier.data.match_genes import match_genes

IDS = np.array(["ENSG00000163220", "ENSG00000198899", "ENSG00000010610"])
SYMBOLS = np.array(["S100A9", "MT-ATP6", "CD4"])  # by HGNC


@pytest.fixture
def packed() -> bytes:
    return (files("cellclassifier.data") / "tables" / TABLE).read_bytes()


def test_genes_that_everybody_knows():
    assert with_symbols(IDS).tolist() == SYMBOLS.tolist()


def test_versions_and_what_the_table_does_not_know():
    names = np.array(["ENSG00000163220.13", "ENSG99999999999", "ENSMUSG00000056054", "CD4", ""])
    assert with_symbols(names).tolist() == ["S100A9", *names[1:]]


def test_every_line_is_a_gene_and_its_symbol():
    table = symbols_by_id()
    assert len(table) == 40_247 == len(set(table.values()))
    assert all(ENSEMBL_ID.fullmatch(gene_id) for gene_id in table)
    assert all(symbol and not ENSEMBL_ID.match(symbol) for symbol in table.values())


def test_the_table_names_no_date_and_is_small(packed):
    assert packed[4:8] == bytes(4)  # gzip's time of writing: the same bytes each time
    assert len(packed) < 300_000


def test_the_table_is_what_its_script_makes(packed, shared):
    dictionary = shared / "geneformer_files" / "gene_name_id_dict_gc30M.pkl"
    assert gzip.decompress(packed).decode() == table_of(dictionary)


@pytest.mark.parametrize("versions", [[""] * 3, [".1", ".2", ".3"]])
@pytest.mark.parametrize("spell", [str, str.lower])
def test_a_model_of_ids_without_symbols_finds_them_in_a_file_of_symbols(versions, spell):
    genes = np.char.add(IDS, versions)
    match = match_genes(genes, genes, pd.DataFrame(index=[spell(s) for s in SYMBOLS[::-1]]))
    assert match.target.tolist() == [2, 1, 0]


def test_a_model_of_symbols_finds_them_in_a_file_of_ids():
    match = match_genes(SYMBOLS, SYMBOLS, pd.DataFrame(index=[IDS[2], "x", IDS[0] + ".7"]))
    assert match.target.tolist() == [2, -1, 0]


def test_the_files_own_name_of_a_gene_comes_before_the_tables():
    """A model's gene that is there by its name gets no column that the table calls so."""
    match = match_genes(SYMBOLS, SYMBOLS, pd.DataFrame(index=[IDS[0], "S100A9"]))
    assert match.target.tolist() == [-1, 0]
