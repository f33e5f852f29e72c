"""The card of a saved model says what is known, no more, and shows strangers' names as they are."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import make_cells
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from trained_models import PARTS, known_cells, new_model, trained_and_judged

from cellclassifier.model_folder import CARD, read_description
from cellclassifier.output.model_card import FRONT_MATTER, model_card
from cellclassifier.protocol.evaluation import evaluate

SECTIONS = [
    "How to use it",
    "Trained on",
    "Scores",
    "Types",
    "How far to believe it",
    "Genes",
    "Limits",
    "Licence",
    "Made with",
]
SOURCE = {"file": "cells.npy", "sha256": "ab" * 32, "shape": [240, 60]}


def card_of(folder, method: str, **more) -> tuple[str, dict]:
    """The card of a model as ``Run`` saves it, and what ``evaluate`` said of the model."""
    model, result = trained_and_judged(method)
    model.save(folder, data=SOURCE, split=1, **result.facts(), **more)
    return (folder / CARD).read_text(encoding="utf-8"), result


def headings(card: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(card.removeprefix(FRONT_MATTER))
    return [inline.content for token, inline in pairwise(tokens) if token.type == "heading_open"][
        1:
    ]


@pytest.mark.parametrize("method", ["majority", "soft_vote", "geneformer"])
def test_every_section_is_there(tmp_path, method):
    card, result = card_of(tmp_path / "model", method)
    assert headings(card) == SECTIONS
    test = result.scores.set_index("part").loc["test"]
    row = f"| macro-F1 | {test['macro_f1']:.3f} | "
    row += f"{test['macro_f1_low']:.3f} to {test['macro_f1_high']:.3f} |"
    assert row in card and "±" not in card and "+-" not in card
    for row in result.per_type.itertuples():
        numbers = " | ".join(f"{x:.2f}" for x in (row.precision, row.recall, row.f1))
        assert f"| `{row.cell_type}` | 40 | 24 | 16 | {numbers} |" in card
    assert "accuracy 0.333" in card  # always the most frequent of three types of 16 cells
    assert f"| SHA-256 | `{'ab' * 32}` |" in card and "240 cells, 60 genes" in card
    assert ("xgboost" in card) == (method == "soft_vote")
    assert "no finer ones" in card and "(`broad`) comes from the Cell Ontology" in card
    assert "cellclassifier annotate --model" in card and "cc.annotate(adata, model)" in card


def test_the_card_is_made_of_model_json_alone(tmp_path):
    card, _ = card_of(tmp_path / "model", "gbdt")
    assert model_card(read_description(tmp_path / "model")) == card


def test_groups_are_told(tmp_path):
    card, _ = card_of(tmp_path / "a", "majority", group_key="don|or")
    assert "No group of don&#124;or is in two parts" in card
    card, _ = card_of(tmp_path / "b", "majority")
    assert "may be among training and test cells alike" in card


def test_types_of_few_test_cells_are_named(tmp_path):
    card, _ = card_of(tmp_path / "model", "majority")
    assert "Fewer than 20 test cells, so that scores say little: `B`, `NK`, `T/x`." in card


def test_a_model_from_a_notebook_promises_nothing(tmp_path):
    """Saved without any word of data or scores, and fitted without validation cells."""
    cells = make_cells(60)
    model = new_model("logistic_regression").fit(cells, cells.obs["cell_type"].to_numpy(str))
    model.save(tmp_path / "model")
    card = (tmp_path / "model" / CARD).read_text(encoding="utf-8")
    assert headings(card) == SECTIONS
    assert "None were handed over when the model was saved." in card
    assert "are not calibrated" in card and "(`between`)" not in card
    assert "other laboratories' files were not learned from" in card.replace("\n", " ")
    assert not re.search(r"accuracy|SHA-256", card)


NAMES = (
    "---\nlicense: mit\n---",
    "a | b | c\n| - |",
    "<img src=x onerror=alert(1)>`",
)


@pytest.mark.parametrize("file", ["cells.npy", "x\n---\nlicense: mit\n---\n# |<b>.npy"])
def test_names_of_strangers_are_no_markup(tmp_path, file):
    cells = known_cells()
    labels = np.array(NAMES)[cells.obs["cell_type"].cat.codes]
    cells.obs["cell_type"] = labels
    model = new_model("logistic_regression")
    result = evaluate(model, cells, PARTS, split=1)
    model.save(tmp_path / "model", data={**SOURCE, "file": file}, split=1, **result.facts())
    card = (tmp_path / "model" / CARD).read_text(encoding="utf-8")
    assert headings(card) == SECTIONS
    metadata = ModelCard(card, ignore_metadata_errors=False).data.to_dict()
    tags = ["single-cell", "scrna-seq", "cell-type-annotation"]
    assert metadata == {"library_name": "cellclassifier", "tags": tags}
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(card.removeprefix(FRONT_MATTER))
    inner = [child for token in tokens for child in token.children or []]
    assert not {"html_block", "hr"} & {token.type for token in tokens}
    assert not {"html_inline", "image", "link_open"} & {token.type for token in inner}
    shown = [
        "".join(child.content for child in token.children)
        for token in tokens
        if token.type == "inline"
    ]
    for name in (*NAMES, file):
        assert " ".join(name.split()) in shown
