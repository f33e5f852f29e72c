"""Rooms that open when something in them is asked for, so that ``--help`` need not wait for pandas.

A room's ``__init__`` says which names it shows, and where they are made:

    __getattr__, __dir__, __all__ = expose(__name__, {"options": ["CellsOptions"]})

After ``from cellclassifier import data``, which imports nothing else, ``data.CellsOptions`` imports
``cellclassifier.data.options`` alone; so does ``data.options``, as for every module of the room.
Module attributes on demand: PEP 562.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec


def expose(
    room: str, names: dict[str, list[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package that imports its modules on demand.

    room: the package's ``__name__``; names: the public names made in each of its modules, which
    go by their place in the package ("options", "baselines.classifier").
    Raises ValueError for a name that is also a module's: whether ``room.name`` is the module or
    what is in it would depend on what was imported before.
    """
    home = {name: module for module, made in names.items() for name in made}

    def __getattr__(name: str) -> object:  # noqa: N807 (what PEP 562 calls it)
        if name in home:
            return getattr(import_module(f"{room}.{home[name]}"), name)
        if not name.startswith("_") and find_spec(f"{room}.{name}"):
            return import_module(f"{room}.{name}")
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    clashes = sorted(name for name in home if find_spec(f"{room}.{name}"))
    if clashes:
        raise ValueError(f"{room}.{clashes[0]} is a module: a name that it shows must be another")
    return __getattr__, lambda: sorted(home), sorted(home)
