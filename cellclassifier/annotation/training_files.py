"""Whether a file that is annotated is one that the model learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.digests import sha256_of_all
from cellclassifier.interface import Classifier


def learned_from(model: Classifier, source: CellSource) -> bool:
    """Whether the model's training files hold this one, by its content whatever its name.

    It is read for that only where a training file has as many genes.
    """
    known = [each for each in _files(model) if each.get("shape", [])[1:] == [len(source.var)]]
    paths = source.files or (source.path,)
    if not known or not all(path.exists() for path in paths):
        return False
    digest = sha256_of_all(paths)
    return any(each.get("sha256") == digest for each in known)


def remark_on_training(name: str) -> str:
    """What to say of such a file."""
    return (
        f"The model learned from {name} itself: its names and probabilities here say nothing of "
        "how it does on new cells"
    )


def _files(model: Classifier) -> Iterator[Mapping]:
    """What a saved model tells of its training file, and of the studies that it was joined from."""
    data = (model.provenance_ or {}).get("data")
    if isinstance(data, Mapping):
        studies = data.get("studies")
        for each in (data, *(studies.values() if isinstance(studies, Mapping) else ())):
            if isinstance(each, Mapping) and isinstance(each.get("shape"), list):
                yield each
