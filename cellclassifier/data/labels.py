"""Labels that say that nobody named a cell: which they are, and that their cells are left out.

A model that is trained on them learns a type that is none, and every mean over types counts it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError

log = logging.getLogger(__name__)
MISSING = "(no label)"  # how None, NaN and the empty text are shown
MOST_NAMED = 10  # labels in a sentence

# By why a label is no type; case, blanks and punctuation are folded away ("Low-quality cells").
# Only whole labels count: "unknown T" and "none-like B" are types, and so is whatever is not here.
NO_TYPES = {
    "nobody named the cell": (
        "unlabelled unlabeled unlabel unannotated unassigned unclassified unnamed unknown unk "
        "undefined undetermined unidentified unspecified unresolved uncertain notannotated "
        "notassigned notlabelled notlabeled notdetermined nolabel unknowntype unknowncelltype"
    ),
    "how programs write a missing value": "na nan none missing notavailable notapplicable",
    "the methods that named the cells did not agree": "ambiguous inconclusive rejected",
    "more than one cell": (
        "doublet doublets multiplet multiplets triplet triplets heterotypicdoublet "
        "heterotypicdoublets homotypicdoublet homotypicdoublets putativedoublet putativedoublets"
    ),
    "no cell": (
        "empty emptydroplet emptydroplets emptydrop emptydrops ambient ambientrna background debris"
    ),
    "a cell that did not survive, or was not measured well": (
        "lowquality lowqual lowq poorquality badquality dead dying damaged artifact artifacts "
        "artefact artefacts contamination contaminant contaminants junk"
    ),
    "to be removed": "remove removed exclude excluded discard discarded filtered filteredout",
}
_NO_TYPES = {name for names in NO_TYPES.values() for name in names.split()}
_SIGNS_ALONE = re.compile(r"[\s?.*_/-]*")  # "", "?", "-", "n/a" is folded
_FOLDED_AWAY = re.compile(r"[\W_]+")
_CELLS = re.compile(r"cells?$")


def names_no_type(label: object) -> bool:
    """Whether a label says that the cell has no type: missing, or folded one of ``NO_TYPES``."""
    if pd.isna(label) or _SIGNS_ALONE.fullmatch(str(label)):
        return True
    folded = _FOLDED_AWAY.sub("", str(label).casefold())
    return folded in _NO_TYPES or _CELLS.sub("", folded) in _NO_TYPES


def with_type(
    labels: Iterable, keep: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[np.ndarray, str | None]:
    """Which cells have a type, (n_cells,) bool, and the others in words, None where there are none.

    labels: texts, (n_cells,), None or NaN where missing. keep: labels, spelled as there, that are
    types whatever they say; ignore: labels that are none.
    Raises InputError where the two contradict each other or name a label that no cell has.
    """
    labels = pd.Series(labels, dtype=object).reset_index(drop=True)
    keep, ignore = _as_names(keep), _as_names(ignore)
    _check_options(set(labels.dropna()), keep, ignore)
    none = {name for name in labels.dropna().unique() if names_no_type(name)} | ignore
    typed = (labels.notna() & ~labels.isin(none - keep)).to_numpy()
    if typed.all():
        return typed, None
    shown = [MISSING if pd.isna(name) or not str(name).strip() else name for name in labels[~typed]]
    sizes = pd.Series(shown, dtype=object).value_counts()
    named = ", ".join(f"{printable(name)} ({n:,})" for name, n in sizes[:MOST_NAMED].items())
    more = f" and {len(sizes) - MOST_NAMED} more labels" if len(sizes) > MOST_NAMED else ""
    share = f"{(~typed).sum():,} of {len(labels):,} cells"
    return typed, f"{share} have labels that are no types: {named}{more}"


def leave_out_untyped(obs: pd.DataFrame, keep: Sequence[str], ignore: Sequence[str]) -> np.ndarray:
    """Which cells take part, (n_cells,) bool, having said in a line which do not.

    obs: with cell_type. Raises InputError as ``with_type``, and where no cell is left.
    """
    typed, others = with_type(obs["cell_type"], keep, ignore)
    if not typed.any():
        raise InputError(f"{others}: no cell is left, choose another --label-key")
    if others:
        log.info(
            f"{others}. They are left out (--keep-labels makes a label a type, --ignore-labels "
            "leaves out more)."
        )
    return typed


def _as_names(names: Sequence[str]) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def _check_options(found: set[str], keep: set[str], ignore: set[str]) -> None:
    both = sorted(keep & ignore)
    if both:
        raise InputError(f"--keep-labels and --ignore-labels both name {both[0]!r}: choose one")
    for option, names in (("--keep-labels", keep), ("--ignore-labels", ignore)):
        unknown = sorted(names - found)
        if unknown:
            some = ", ".join(sorted(map(printable, found))[:MOST_NAMED])
            raise InputError(f"{option} {unknown[0]!r}: no cell has this label (there are {some})")
