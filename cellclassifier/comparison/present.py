"""Which methods can be made here, and what the others lack."""

from __future__ import annotations

from collections.abc import Iterable

from cellclassifier.errors import InputError
from cellclassifier.models.methods import version_of


def installed_methods(methods: Iterable[str]) -> tuple[dict[str, int], dict[str, str]]:
    """The version of every method that can be made, and of the others why they cannot.

    A method whose library or files are missing is no error: its row says so.
    """
    versions, absent = {}, {}
    for method in methods:
        try:
            versions[method] = version_of(method)
        except ModuleNotFoundError as error:
            absent[method] = f"{error.name} is not installed"
        except InputError as error:
            absent[method] = str(error)
    return versions, absent
