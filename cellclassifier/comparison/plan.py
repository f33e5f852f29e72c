"""Which parts a comparison has, and in which order: what tells most for its cost comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cellclassifier.comparison.options import COSTLY, MOST_GROUPS, NOISE, RARE, SHARES
from cellclassifier.models.baselines.recipes import RECIPES

PLAIN = "plain"
# What costly methods are fitted for: two points of a learning curve, of which one is the plain fit.
COSTLY_PARTS = ((PLAIN, ""), ("learning", "0.1"))
WHOLE = ("learning", "1")  # the trial that a plain fit may stand for


@dataclass(frozen=True)
class Part:
    """One fit: a method, a trial and its level as a text ("" for the plain one), and a split."""

    method: str
    trial: str
    level: str
    split: int

    @property
    def name(self) -> str:
        """What its folder is called after."""
        return f"{self.method}-{self.trial}{self.level}-split{self.split}"

    @property
    def is_costly(self) -> bool:
        """Whether its method takes minutes a fit on a CPU."""
        return self.method in COSTLY

    @property
    def is_quick(self) -> bool:
        """Whether one grid point, or few epochs, have to do."""
        return self.is_costly or (self.trial != PLAIN and self.method in RECIPES)

    @property
    def is_also_whole(self) -> bool:
        """Whether a plain fit is the learning curve's last point: made as those of trials are."""
        return self.trial == PLAIN and (self.is_costly or self.method not in RECIPES)


def planned(
    methods: Sequence[str], trials: Iterable[str], splits: Sequence[int], groups: Sequence[str]
) -> list[Part]:
    """All parts: the plain one of every method and split, then the trials on the first split.

    groups: names of the groups that may be left out, most cells first. Costly methods come last
    and are fitted for few trials. Incomplete profiles are no part of their own: they are new cells
    for the plain models.
    """
    levels = levels_of(trials, groups)
    parts = [Part(method, PLAIN, "", split) for split in splits for method in methods]
    again = [Part(m, trial, level, splits[0]) for trial, level in levels for m in methods]
    shared = {part.method for part in parts if part.is_also_whole}
    parts += [p for p in again if p.method not in shared or (p.trial, p.level) != WHOLE]
    cheap = [part for part in parts if not part.is_costly]
    costly = [part for part in parts if part.is_costly and part.split == splits[0]]
    return cheap + [part for part in costly if (part.trial, part.level) in COSTLY_PARTS]


def levels_of(trials: Iterable[str], groups: Sequence[str]) -> list[tuple[str, str]]:
    """(trial, level) of every trial for which methods are fitted again."""
    levels = {
        "learning": [f"{share:g}" for share in reversed(SHARES)],
        "groups": list(groups)[:MOST_GROUPS],
        "noise": [f"{share:g}" for share in NOISE],
        "rare": [f"{n}" for n in RARE],
    }
    wanted = [trial for trial in levels if trial in set(trials)]
    return [(trial, level) for trial in wanted for level in levels[trial]]
