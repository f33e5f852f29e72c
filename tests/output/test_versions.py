"""Which version of a library is installed, whatever build of it."""

from __future__ import annotations

import importlib.metadata

import pytest

from cellclassifier.output.versions import installed_build, library_of, version_of, versions_of


@pytest.fixture
def installed(monkeypatch):
    """A dictionary of distributions and versions that takes the environment's place."""
    found = {}

    def version(name):
        if name not in found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    return found


@pytest.mark.parametrize("build", ["xgboost", "xgboost-cpu"])
def test_xgboost_is_one_library_under_two_names(installed, build):
    assert version_of("xgboost") is None and installed_build("xgboost") is None
    installed[build] = "3.2.0"
    assert version_of("xgboost") == "3.2.0" and installed_build("xgboost") == build
    assert versions_of("xgboost") == {"xgboost": "3.2.0"} and library_of(build) == "xgboost"


def test_what_tells_builds_apart_is_left_out(installed):
    """No package index has a torch "2.13.0+cpu" for every platform."""
    installed |= {"torch": "2.13.0+cpu", "numpy": "2.4.6"}
    assert versions_of("numpy", "torch") == {"numpy": "2.4.6", "torch": "2.13.0"}
    assert library_of("torch") == "torch"


def test_a_library_that_is_missing(installed):
    with pytest.raises(importlib.metadata.PackageNotFoundError, match="skops"):
        versions_of("skops")
