"""One process or several (torchrun): the first one speaks and writes, the others help it."""

from __future__ import annotations

import os


def is_first() -> bool:
    """Whether this is the only process, or the one that speaks and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """How many processes work together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
