"""Options that scripts share, and the questions that all of them ask of options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from cellclassifier.errors import InputError

Config = TypeVar("Config")


@dataclass(frozen=True)
class CommonOptions:
    """What every command line has."""

    output: Path = Path("model_output")
    """folder for everything that is written"""

    jobs: int | None = None
    """threads or fits side by side; default: the cores this process may use"""

    verbose: bool = False
    """also say what is taken up, written and how long each step takes"""

    quiet: bool = False
    """say warnings and the result only"""

    seed: int = 42
    """of everything that is drawn at random; of several splits, the first one's"""


@dataclass(frozen=True)
class RunOptions(CommonOptions):
    """Options of an experiment, which goes on from where it was interrupted."""

    fresh: bool = False
    """start over instead of taking up the finished parts of an interrupted run"""


def require_positive(config: object, *names: str) -> None:
    """Raise InputError where an option that counts something is below 1 (None is fine)."""
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')} {value}: expected at least 1")


def left_open(config: object, settings: Mapping[str, object]) -> dict[str, object]:
    """Those of some settings whose option nobody has given: it is None until then."""
    return {name: value for name, value in settings.items() if getattr(config, name) is None}


def decided(config: Config, quick: Mapping[str, object]) -> Config:
    """The options with those decided that --quick is about, and which override it where given.

    quick: their values with --quick. The script's own class declares each with the default None;
    without --quick it is the default of the class that it inherits the option from.
    """
    usual = super(type(config), config)
    values = quick if config.quick else {name: getattr(usual, name) for name in quick}
    return replace(config, **left_open(config, values))


def available_cores() -> int:
    """Cores that this process may use (its affinity, not the machine's count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
