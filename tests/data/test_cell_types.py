"""Labels, terms of the Cell Ontology, and the broader names above them."""

from __future__ import annotations

import networkx
import numpy as np
import pandas as pd
import pytest

from cellclassifier.data.cell_types import folded, known_cell_types, table_of
from cellclassifier.errors import InputError

TYPES = known_cell_types()
T_CELL, CD4_T, CD8_T = "CL:0000084", "CL:0000624", "CL:0000625"
SORTED_CELLS = [
    "CD14+ Monocyte",
    "CD19+ B",
    "CD34+",
    "CD4+ T Helper2",
    "CD4+/CD25 T Reg",
    "CD4+/CD45RA+/CD25- Naive T",
    "CD4+/CD45RO+ Memory",
    "CD56+ NK",
    "CD8+ Cytotoxic T",
    "CD8+/CD45RA+ Naive Cytotoxic",
    "Dendritic",
]


def members(labels, name):
    (group,) = [g for g in TYPES.groups_of(labels) if g.name == name and g.members.sum() > 1]
    return [label for label, is_member in zip(labels, group.members, strict=True) if is_member]


def test_parents_are_terms_and_lead_upward_without_loops():
    edges = [(term, parent) for term, above in TYPES.parents.items() for parent in above]
    graph = networkx.DiGraph(edges)
    assert set(graph) <= TYPES.names.keys()
    assert networkx.is_directed_acyclic_graph(graph)
    for term in ("CL:0000895", "CL:0000784", T_CELL):
        lengths = networkx.single_source_shortest_path_length(graph, term)
        assert TYPES.ancestors(term) == lengths


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("CD14+ Mono", "classical monocyte"),
        ("cd14_mono", "classical monocyte"),
        ("B cells", "B cell"),
        ("CD8+ T cells", "CD8-positive, alpha-beta T cell"),
        ("Monocytes", "monocyte"),
        ("pDCs", "plasmacytoid dendritic cell"),
        ("T-cell", "T cell"),
        ("CL:0000236", "B cell"),
        ("CL_0000236", "B cell"),
    ],
)
def test_spellings_of_one_type(label, name):
    assert TYPES.names[TYPES.term_of(label)] == name


@pytest.mark.parametrize("label", ["7", "louvain 3", "", "CL:9999999", "CD8- T", "progenitor x"])
def test_labels_without_a_term_stay_what_they_are(label):
    assert TYPES.term_of(label) is None
    assert TYPES.joined(label) == label


def test_signs_after_a_marker_are_kept():
    assert folded("CD8+ T") != folded("CD8- T")


def test_a_synonym_of_two_terms_is_no_ones():
    terms = pd.Series(TYPES.labels)
    assert set(terms) <= TYPES.names.keys()
    assert TYPES.term_of("T lymphocyte") == T_CELL


def test_common_level_of_the_studies_at_hand():
    joined = {label: TYPES.joined(label) for label in SORTED_CELLS}
    assert joined["CD4+/CD25 T Reg"] == joined["CD4+/CD45RO+ Memory"] == TYPES.names[CD4_T]
    assert joined["CD8+ Cytotoxic T"] == TYPES.names[CD8_T]
    assert TYPES.joined("CD14 Mono") == TYPES.joined("FCGR3A+ Mono") == "monocyte"
    assert TYPES.joined("T activated") == "T cell"
    assert TYPES.joined("CD56+ NK") == TYPES.joined("NK") == "natural killer cell"


def test_a_monocyte_is_no_progenitor():
    names = {TYPES.names[term] for term in TYPES.ancestors(TYPES.term_of("CD14 Mono"))}
    assert "monocyte" in names
    assert "leukocyte" in names
    assert "progenitor cell" not in names


def test_broader_names_hold_for_several_labels():
    assert members(SORTED_CELLS, "CD8-positive, alpha-beta T cell") == [
        "CD8+ Cytotoxic T",
        "CD8+/CD45RA+ Naive Cytotoxic",
    ]
    assert len(members(SORTED_CELLS, "T cell")) == 6
    assert len(members(SORTED_CELLS, "lymphocyte")) == 8
    assert len(members(SORTED_CELLS, "hematopoietic cell")) == len(SORTED_CELLS)


def test_a_label_that_is_a_broader_name_is_in_its_own_group():
    assert members(["T activated", "CD4 Naive T", "B"], "T cell") == ["T activated", "CD4 Naive T"]


def test_every_label_alone_comes_first_and_no_two_groups_are_the_same_labels():
    labels = [*SORTED_CELLS, "a cluster"]
    groups = TYPES.groups_of(labels)
    assert [group.name for group in groups[: len(labels)]] == labels
    assert (np.array([g.members for g in groups[: len(labels)]]) == np.eye(len(labels))).all()
    distinct = {group.members.tobytes() for group in groups}
    assert len(distinct) == len(groups)
    sizes = [group.members.sum() for group in groups]
    assert sizes == sorted(sizes)


def test_labels_without_terms_have_no_broader_name_than_cell():
    groups = TYPES.groups_of(["0", "1", "B"])
    assert [group.name for group in groups] == ["0", "1", "B", "cell"]
    assert groups[-1].members.all()


def test_one_label_alone_is_its_own_and_only_name():
    assert [group.name for group in TYPES.groups_of(["B"])] == ["B"]


def test_labels_of_ones_own(tmp_path):
    path = tmp_path / "types.csv"
    path.write_text("label,term\n0,CL:0000236\nMy T,T cell\nB,CL:0000788\n")
    types = known_cell_types(path)
    assert types.term_of("0") == "CL:0000236"
    assert types.term_of("my_t") == T_CELL
    assert types.term_of("B") == "CL:0000788"
    assert TYPES.term_of("B") == "CL:0000236"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,term\nx,CL:9999999\n", "no term of the Cell Ontology"),
        ("label,term\nx,a\\ncell\n", "no term of the Cell Ontology"),
        ("name,id\nx,CL:0000236\n", "expected label and term"),
        ("", "cannot be read"),
        ('label,term\n"x,CL:0000236\n', "cannot be read"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "types.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        known_cell_types(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        known_cell_types(tmp_path / "none.csv")


def test_the_table_of_labels_says_what_has_no_term():
    table = table_of(["NK", "cluster 3"], TYPES)
    assert table.iloc[0].tolist() == ["NK", "CL:0000623"] + ["natural killer cell"] * 2
    assert table.iloc[1].tolist() == ["cluster 3", "", "", ""]


def test_terms_are_those_chosen_for_the_real_data(shared):
    chosen = pd.read_csv(shared / "data" / "cell_type_terms.csv", dtype=str)
    for _, row in chosen.iterrows():
        term = TYPES.term_of(row["label"])
        assert (term, TYPES.names[term]) == (row["term"], row["name"])
        assert set(TYPES.parents[term]) >= set(row["direct_parents"].split(";"))
