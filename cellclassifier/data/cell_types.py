"""Cell types have parents: labels as people write them, and terms of the Cell Ontology.

The bundled tables are described, with source and licence, in ``tables/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError

TABLES = files(__package__) / "tables"
ROOT = "CL:0000000"  # "cell"
TERM_ID = re.compile(r"CL[:_](\d{7})")
_PLURAL = re.compile(r"(?<=[a-z]{2})s\b")
_CELL = re.compile(r" cell$")


@dataclass(frozen=True)
class Group:
    """Labels that one broader name holds for, or one label alone.

    name: of the term, or the label itself where it is alone.
    term: id, None for a label without one.
    members: which labels, (n_labels,) bool.
    """

    name: str
    term: str | None
    members: np.ndarray


@dataclass(frozen=True)
class CellTypes:
    """Terms of the Cell Ontology by id, and the labels that mean them.

    names, parents: of each term. groups: terms by which people name cells more broadly.
    labels: the term of each label, the label as ``folded`` writes it.
    """

    names: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    groups: frozenset[str]
    labels: Mapping[str, str]

    def term_of(self, label: str) -> str | None:
        """The term that a label means, or None: by the tables of labels, by id, or by name."""
        label = str(label)
        match = TERM_ID.fullmatch(label.strip())
        if match:
            term = f"CL:{match[1]}"
            return term if term in self.names else None
        spelled = folded(label)
        singular = _PLURAL.sub("", spelled)
        found = map(self.labels.get, (spelled, singular, _CELL.sub("", singular)))
        return next(filter(None, found), None)

    def ancestors(self, term: str) -> dict[str, int]:
        """Steps up to every term above, the term itself (0) included."""
        distances, level, reached = {}, 0, {term}
        while reached:
            distances |= {one: level for one in sorted(reached)}
            above = {parent for one in reached for parent in self.parents[one]}
            reached, level = above - distances.keys(), level + 1
        return distances

    def common_level(self, term: str) -> str:
        """The nearest of the term and its ancestors that people group by; else the term."""
        above = self.ancestors(term)
        found = [one for one in above if one in self.groups]
        return min(
            found, key=lambda one: (above[one], -len(self.ancestors(one)), one), default=term
        )

    def is_a(self, term: str, other: str) -> bool:
        """Whether ``other`` is the term itself, or a broader one."""
        return other in self.ancestors(term)

    def joined(self, label: str) -> str:
        """What a label is called where studies are joined: its common level's name, or itself."""
        term = self.term_of(label)
        return label if term is None else self.names[self.common_level(term)]

    def groups_of(self, labels: Sequence[str]) -> list[Group]:
        """Every label alone, then each broader name that holds for two or more of them.

        Fewer labels come first. Of names for the same labels the nearest one is kept. The last
        one, "cell" where they have no other name in common, holds for all.
        """
        own = [self.term_of(label) for label in labels]
        above = [self.ancestors(term) if term else {} for term in own]
        every = np.ones(len(labels), dtype=bool)
        groups = {every.tobytes(): Group(self.names[ROOT], ROOT, every)}
        for term in sorted(
            {one for terms in above for one in terms} & self.groups, key=self._depth
        ):
            members = np.array([term in terms for terms in above])
            groups[members.tobytes()] = Group(self.names[term], term, members)  # the deepest stays
        broader = [group for group in groups.values() if group.members.sum() > 1]
        alone = [
            Group(label, term, np.arange(len(labels)) == number)
            for number, (label, term) in enumerate(zip(labels, own, strict=True))
        ]
        return alone + sorted(broader, key=lambda group: (group.members.sum(), group.name))

    def _depth(self, term: str) -> tuple[int, str]:
        return len(self.ancestors(term)), term

    def with_labels(self, labels: Mapping[str, str]) -> CellTypes:
        """The same with more labels (or other terms for known ones)."""
        more = {folded(label): term for label, term in labels.items()}
        return CellTypes(self.names, self.parents, self.groups, {**self.labels, **more})


def folded(label: str) -> str:
    """A label without case, blanks and the signs between words: "CD14_Mono" as "cd14 mono".

    Plus and minus stay, since CD8+ and CD8- differ; a hyphen between letters is no minus.
    """
    words = re.sub(r"[\s_]+|(?<=[A-Za-z])-(?=[A-Za-z])", " ", str(label))
    return " ".join(words.split()).casefold()


def known_cell_types(extra: Path | None = None) -> CellTypes:
    """The bundled terms and labels, with those of a table of one's own.

    extra: CSV with columns ``label`` and ``term`` (an id such as CL:0000236, or a term's name).
    Raises InputError where it is no such table, and for a term that is not in the ontology.
    """
    types = _bundled()
    return types if extra is None else types.with_labels(_labels_of(extra, types))


@cache
def _bundled() -> CellTypes:
    terms = pd.read_csv(TABLES / "cell_ontology.tsv.gz", sep="\t", **_AS_TEXT)
    spelled = pd.read_csv(TABLES / "cell_type_labels.csv", **_AS_TEXT)
    names = dict(zip(terms["term"], terms["name"], strict=True))
    return CellTypes(
        names=names,
        parents={t: tuple(p.split("|")) if p else () for t, p in terms[["term", "parents"]].values},
        groups=frozenset(terms["term"][terms["group"] == "1"]),
        labels=_synonyms(terms)
        | {folded(name): term for term, name in names.items()}
        | {folded(label): term for label, term in spelled[["label", "term"]].values},
    )


def _synonyms(terms: pd.DataFrame) -> dict[str, str]:
    """The term of each synonym that only one term has."""
    found: dict[str, set[str]] = {}
    for term, synonyms in terms[["term", "synonyms"]].values:
        for synonym in filter(None, synonyms.split("|")):
            found.setdefault(folded(synonym), set()).add(term)
    return {synonym: term for synonym, (term, *others) in found.items() if not others}


_AS_TEXT = {"dtype": str, "keep_default_na": False}


def _labels_of(path: Path, types: CellTypes) -> dict[str, str]:
    table = _read_table(path)
    terms = [_known_term(text, types, path) for text in table["term"]]
    return dict(zip(table["label"], terms, strict=True))


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, encoding="utf-8", **_AS_TEXT)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        reason = printable(str(error))
        raise InputError(f"{path} cannot be read as a CSV of cell types: {reason}") from error
    missing = {"label", "term"} - set(table.columns)
    if missing:
        columns = ", ".join(printable(str(column)) for column in table.columns[:10])
        raise InputError(
            f"{path} has the columns {columns}; expected label and term (an id such as CL:0000236)"
        )
    return table


def _known_term(text: str, types: CellTypes, path: Path) -> str:
    term = types.term_of(text)
    if term is None:
        raise InputError(
            f"{path}: {printable(text)[:80]!r} is no term of the Cell Ontology here; expected an "
            "id such as CL:0000236, or a term's name such as B cell"
        )
    return term


def table_of(labels: Iterable[str], types: CellTypes) -> pd.DataFrame:
    """What each label is taken for: label, term, name, common (its common level), or empty."""
    rows = []
    for label in labels:
        term = types.term_of(label)
        known = ("", "", "") if term is None else (term, types.names[term], types.joined(label))
        rows.append((label, *known))
    return pd.DataFrame(rows, columns=["label", "term", "name", "common"])
