"""A saved model, what to say of it, and its genes in new cells."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from cellclassifier.annotation.expected import what_to_expect
from cellclassifier.data.match_genes import GeneMatch, require_genes
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier, GeneClassifier
from cellclassifier.protocol.single_label import SingleLabel

ESTIMATED = 0.99  # share of a cell's counts below which estimated library sizes are remarked on
log = logging.getLogger(__name__)


def load_model(folder: Path | str) -> Classifier:
    """Read a model of any class from the folder that ``save`` made.

    Raises InputError, in one sentence, where the folder holds no whole model that this version
    and the installed libraries can read.
    """
    return Classifier.load(Path(folder))


def load_annotator(folder: Path | str) -> GeneClassifier:
    """``load_model``; InputError for a model that cannot annotate (see ``require_annotator``)."""
    model = load_model(folder)
    require_annotator(model, str(folder))
    return model


def require_annotator(model: object, name: str) -> None:
    """Raise InputError unless this model gives one label per cell, from counts of genes."""
    if not isinstance(model, GeneClassifier):
        raise InputError(f"{name} is a {type(model).__name__}: expected a model of gene counts")
    check_is_fitted(model)
    if not isinstance(model.targets_, SingleLabel):
        raise InputError(
            f"{name} gives {model.targets_.kind}: expected {SingleLabel.kind} per cell"
        )


def about(model: GeneClassifier) -> dict:
    """Which model this is, as JSON values: method, types, provenance and calibration."""
    known = {"method": model.method, "types": model.classes_.tolist()}
    return known | (model.provenance_ or {}) | vars(model.calibration_)


def find_genes(
    model: GeneClassifier, var: pd.DataFrame, min_share: float
) -> tuple[GeneMatch, float]:
    """The model's genes among the columns of a matrix, and the share found, by importance.

    var: the matrix's gene table. Raises InputError for a share below ``min_share``, or for none.
    """
    match = model.match(var)
    share = require_genes(match, model.gene_importance(), min_share, var)
    if match.counted_share < ESTIMATED:
        log.info(
            f"Library sizes are estimates: the file has genes that carry {match.counted_share:.1%} "
            "of a training cell's counts."
        )
    said = what_to_expect(model.method, 1 - float(match.found.mean()))
    if said:
        log.info(said)
    return match, share
