"""An InputError is one line of bounded length, whatever texts of files it repeats."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.errors import BEGINNING, END, InputError, escaped

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # also halves of characters


@given(ANY_TEXT, st.integers(1, 3000))
def test_a_sentence_moves_no_terminal_and_ends(text, times):
    told = str(InputError(f"a type is called {text * times!s}: rename it"))
    assert told.isprintable() and len(told.encode()) > 0
    assert told.startswith("a type is called ") and told.endswith(": rename it")
    assert len(told) <= len("\\U0001d173") * (BEGINNING + END + 5)


@given(ANY_TEXT)
def test_escapes_say_which_signs_there_were(text):
    backslashes = text.replace("\\", "")
    assert escaped(backslashes).encode("raw_unicode_escape").decode("unicode_escape") == backslashes


def test_plain_sentences_stay_as_they_are():
    sentence = "Zellen.npy: 'β–Zelle' ist unbekannt – expected µ"
    assert str(InputError(sentence)) == sentence
    assert str(pickle.loads(pickle.dumps(InputError(sentence)))) == sentence


def test_line_ends_and_commands_to_terminals_are_escapes():
    assert str(InputError("T\r\nB\x1b[2J\u202e\ud800")) == r"T\r\nB\x1b[2J\u202e\ud800"
