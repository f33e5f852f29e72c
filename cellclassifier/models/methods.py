"""Every method of gene counts by name; torch is imported where one needs it.

A system with a script of its own adds a line to ``SYSTEMS``. Benchmarks, comparisons and annotation
then make it as any other.
"""

from __future__ import annotations

from importlib import import_module

from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.augmented.options import HIDDEN, AugmentedOptions
from cellclassifier.models.baselines.classifier import make_baseline
from cellclassifier.models.baselines.recipes import RECIPES

KNOWN = (*RECIPES, *HIDDEN)  # of multiclass_baselines.py
# Method -> the module whose make(method, seed, n_genes, quick, jobs) gives one.
SYSTEMS = {
    "cellama": "cellclassifier.models.cellama.make",
    "geneformer": "cellclassifier.models.geneformer.make",
    "cellular": "cellclassifier.models.cellular.make",
    "spoticell": "cellclassifier.models.spoticell.make",
    "spoticell_mlp": "cellclassifier.models.spoticell.make",
}
EVERY = (*KNOWN, *SYSTEMS)
QUICK_EPOCHS = 5


def require_known(methods: tuple[str, ...], known: tuple[str, ...] = KNOWN) -> None:
    """Raise InputError for a name that is no method's, that is there twice, or for no name.

    known: the methods to choose from, default: those of multiclass_baselines.py.
    """
    unknown = [name for name in methods if name not in known]
    if unknown or not methods:
        found = f"unknown method {', '.join(unknown)}" if unknown else "no method given"
        raise InputError(f"{found}: expected one or more of {', '.join(known)}")
    twice = [name for name in known if methods.count(name) > 1]
    if twice:
        raise InputError(f"--methods names {', '.join(twice)} more than once: once is enough")


def version_of(method: str) -> int:
    """The number that is raised when a method's results change."""
    return make_method(method).version


def make_method(
    method: str, seed: int = 0, n_genes: int | None = None, quick: bool = False, jobs: int = 1
) -> GeneClassifier:
    """A method's model, to be fitted; InputError for a name that is none.

    n_genes: genes to select, default: the method's own number; quick: one grid point, few epochs.
    """
    if method in SYSTEMS:
        return import_module(SYSTEMS[method]).make(method, seed, n_genes, quick, jobs)
    if method not in HIDDEN:
        return make_baseline(method, n_genes=n_genes, seed=seed, jobs=jobs, quick=quick)
    from cellclassifier.models.augmented.classifier import AugmentedClassifier

    chosen = {"n_genes": n_genes} if n_genes else {}
    chosen |= {"epochs": QUICK_EPOCHS} if quick else {}
    return AugmentedClassifier(method, AugmentedOptions(**chosen), seed=seed, jobs=jobs)
