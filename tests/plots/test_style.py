"""What figures share: names of methods."""

from __future__ import annotations

from cellclassifier.plots import style


def test_readable():
    assert style.readable("random_forest", " ") == "random forest"
    assert style.readable("random_forest") == "random\nforest"
    assert style.readable("gbdt", " ") == "gradient boosting"
    assert style.in_a_line("soft_vote") == "soft vote"
    assert style.first_word("soft_vote") == "Soft vote"


def test_no_word_of_a_broken_line_stands_alone():
    line = "PCA: 65% of a cell's 15 nearest neighbours here are of its own type"
    first, second = style.wrapped(line, len(line) - 1).split("\n")
    assert f"{first} {second}" == line and abs(len(first) - len(second)) < 12
    assert style.wrapped(f"{line}\n(72%)", len(line)) == f"{line}\n(72%)"  # all of it fits
    assert style.wrapped("", 10) == "" and style.wrapped("CD4+/CD45RO+", 5).count("\n") == 2
