"""The ready model: names the cells of blood where no other model is given.

Made by ``make ready-model`` (bundled/ready_model.py); its card is the README.md in its folder.
"""

from __future__ import annotations

import logging
from pathlib import Path

from cellclassifier.annotation.model import load_annotator
from cellclassifier.interface import GeneClassifier
from cellclassifier.model_folder import read_description

FOLDER = Path(__file__).parent / "ready_model"
log = logging.getLogger(__name__)


def load_ready() -> GeneClassifier:
    """The ready model, having said what it knows and what it does not; no torch is needed."""
    for sentence in limits():
        log.info(sentence)
    return load_annotator(FOLDER)


def smoothing_by_default(model: object | None) -> str:
    """What is averaged over neighbours if nobody says: of the ready model, all; else nothing.

    The ready model's types are all common ones, which neighbours share; naive and memory T cells
    are neighbours, too.
    """
    return "all" if model is None else "nothing"


def limits() -> list[str]:
    """What it knows, how it was measured, and what it does not know, in sentences."""
    return read_description(FOLDER)["limits"]
