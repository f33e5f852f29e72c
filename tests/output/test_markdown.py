"""Texts of strangers in Markdown are read back as they were, and are never markup."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cellclassifier.output.markdown import LONGEST, table, verbatim

SIGNS = "`|\\*_[]()<>!#&;:@$~-=+.0aé \t\n"
ODD = [
    "CD4+/CD25 T Reg",
    "a | b",
    "a\\| b",
    "```",
    "`x` and ``y``",
    "<script>alert(1)</script>",
    "[click](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "# title",
    "---",
    "&amp;|&#124;",
    "$x|y$",
    "www.evil.example|",
    "trailing\\",
]


def cells_of(text: str) -> list[list[dict]]:
    """Tokens of every cell of the one table in a text."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    assert [token.type for token in tokens if token.level == 0] == ["table_open", "table_close"]
    return [token.children for token in tokens if token.type == "inline"]


def shown(tokens: list) -> str:
    assert {token.type for token in tokens} <= {"text", "text_special", "code_inline"}
    return "".join(token.content for token in tokens)


def assert_shown_as_it_is(text: str) -> None:
    in_table = table(("name", "n"), [(verbatim(text), "1"), (verbatim("x"), "2")])
    cells = cells_of(in_table)
    assert [shown(cell) for cell in cells] == ["name", "n", " ".join(text.split()), "1", "x", "2"]
    (token,) = MarkdownIt("commonmark").parseInline(verbatim(text))
    assert shown(token.children) == " ".join(text.split())


@pytest.mark.parametrize("text", ODD)
def test_odd_names(text):
    assert_shown_as_it_is(text)


@settings(deadline=None)
@given(st.text(SIGNS, max_size=LONGEST).filter(str.strip))
def test_any_name(text):
    assert_shown_as_it_is(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_one_line_that_can_be_written_and_seen(text):
    found = verbatim(text)
    assert found.isprintable() and found.encode("utf-8") and len(found.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "`(no name)`"),
        (" \n", "`(no name)`"),
        ("T\u202ecell", r"`T\u202ecell`"),
        ("T\ud800", r"`T\ud800`"),
        ("a\0b", r"`a\x00b`"),
        ("x" * 500, f"`{'x' * LONGEST}…`"),
    ],
)
def test_signs_that_cannot_be_seen(text, expected):
    assert verbatim(text) == expected
