"""Texts of any file: as they are, or refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

TEXTS = st.lists(st.text(st.characters(exclude_categories=()), max_size=9), min_size=1, max_size=5)


@given(TEXTS, st.booleans())
def test_any_text_is_kept_or_refused(texts, as_objects):
    """What is kept can be written; arrays of text cut zeros at the end themselves."""
    values = np.array(texts, dtype=object if as_objects else str)
    if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in "".join(values)):
        with pytest.raises(InputError, match="'classes' holds"):
            as_texts(values, "cells.npy: 'classes'")
        return
    kept = as_texts(values, "cells.npy: 'classes'")
    assert kept.tolist() == values.tolist()
    assert "\n".join(kept).encode().decode().split("\n") == "\n".join(kept).split("\n")


@pytest.mark.parametrize("kind", [object, str])
def test_half_a_character_is_refused(kind):
    with pytest.raises(InputError, match=r"classes holds half a character \(T\\ud800\)"):
        as_texts(np.array(["B", "T\ud800"], dtype=kind), "classes")
