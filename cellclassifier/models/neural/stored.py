"""What the tensors in a file must be before they are taken for a network's; without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

SCALE = "seen_genes.scale"  # of the networks that standardise genes themselves


def check_tensors(found: Mapping, expected: dict[str, tuple], is_finite: Callable) -> None:
    """Raise ValueError where tensors are not the expected ones, or hold what is no number.

    found: tensors by name, of numpy or torch; expected: shape and dtype of each name; is_finite:
    that of numpy or torch. A scale, by which genes are divided, must be above 0, too.
    """
    if {name: (tuple(each.shape), each.dtype) for name, each in found.items()} != expected:
        raise ValueError("other tensors than the network's")
    if not all(is_finite(each).all() for each in found.values()):
        raise ValueError("values that are no numbers")
    if not all((each > 0).all() for name, each in found.items() if name.endswith(SCALE)):
        raise ValueError("a scale that is not above 0")
