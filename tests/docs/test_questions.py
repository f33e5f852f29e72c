"""The forty questions: that many, each answered, and what they point at is there."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs/interview_questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^(\d+)\. \*\*(.+?)\*\*\s+(.+?)(?=^\d+\. |^## |\Z)", PAGE, re.M | re.S)
PLACES = [ROOT, ROOT / "cellclassifier"]


def test_there_are_forty_and_each_has_an_answer():
    assert [int(number) for number, _, _ in QUESTIONS] == list(range(1, 41))
    assert all(len(answer.split()) >= 12 for _, _, answer in QUESTIONS)


@pytest.mark.parametrize(
    "page", ["interview_questions.md", "methods.md", "compare.md", "report.md"]
)
def test_files_that_are_named_exist(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for file in re.findall(r"`((?:[\w.]+/)*\w+\.py)`", text):
        assert any((place / file).exists() for place in PLACES), file
