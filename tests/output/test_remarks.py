"""What a run says is kept, and the logger is left as it was."""

from __future__ import annotations

import logging

import pytest

from cellclassifier.output.remarks import kept_remarks


def test_remarks_of_the_package_are_kept_in_their_order():
    ours, theirs = logging.getLogger("cellclassifier.models"), logging.getLogger("other")
    package = logging.getLogger("cellclassifier")
    before = package.level, list(package.handlers)
    ours.info("before")
    with kept_remarks() as lines:
        ours.info("one %s", 1)
        theirs.warning("no remark of ours")
        ours.debug("not for people")
        ours.warning("two")
    ours.info("after")
    assert lines == ["one 1", "two"]
    assert (package.level, package.handlers) == before


def test_an_error_leaves_the_logger_as_it_was():
    package = logging.getLogger("cellclassifier")
    before = package.level, list(package.handlers)
    with pytest.raises(KeyError), kept_remarks():
        raise KeyError
    assert (package.level, package.handlers) == before
