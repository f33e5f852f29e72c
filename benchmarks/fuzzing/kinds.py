"""Every kind of file that a stranger may bring: good ones, ways to damage them, and their readers.

A new kind (images, say, once a system reads them) is one more entry of ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from unittest import mock

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import clone

from benchmarks.fuzzing import folders, h5ad, pickles
from cellclassifier.annotation.model import find_genes, load_annotator
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.open import open_cells, write_annotated
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells
from cellclassifier.models.baselines.recipes import RECIPES
from cellclassifier.models.methods import KNOWN, make_method

Damage = Callable[[Random, Path], None]
N_TREES = 3  # per type, where trees are boosted


@dataclass(frozen=True)
class Kind:
    """What is damaged, how, and by what it is read."""

    write: Callable[[Path], None]
    """writes good ones, files or folders, into a folder"""

    damages: tuple[Damage, ...]
    """each changes the file or folder at a path, as the random generator says"""

    read: Callable[[Path], None]
    """does with the file what the scripts do; InputError is the right end of a damaged one"""


def read_every_way(*readers: Callable[[], object]) -> None:
    """Call all of them, as what one refuses may mislead another; InputError if all refuse."""
    refusals = []
    for reader in readers:
        try:
            reader()
        except InputError as error:
            refusals.append(error)
    if len(refusals) == len(readers):
        raise refusals[-1]


def read_file(path: Path, layers: tuple[str | None, ...] = (None,)) -> None:
    """Read, by chunks, inspect, and copy with columns where the format has them."""
    options = [CellsOptions(path, layer=layer) for layer in layers]
    read_every_way(
        *(partial(read_cells, option) for option in options),
        *(partial(inspect_cells, option) for option in options),
        *(partial(_by_chunks, option) for option in options),
        partial(_copy, path),
    )


def _by_chunks(options: CellsOptions) -> None:
    for _ in open_cells(options.cells, options.layer).chunks(13):
        pass


def _copy(path: Path) -> None:
    source = open_cells(path)
    if source.n_cells < 10**6:
        names = pd.Categorical(["B"] * source.n_cells)
        columns = pd.DataFrame({"predicted": names}, index=source.cell_names)
        write_annotated(source, columns, path.with_name("copy.h5ad"))


def training_cells() -> ad.AnnData:
    """120 labelled cells x 40 genes of three types."""
    rng, types = np.random.default_rng(0), np.array(["B", "NK", "T"] * 40)
    rates = np.full((120, 40), 0.7)
    for i, name in enumerate(np.unique(types)):
        rates[types == name, 10 * i : 10 * (i + 1)] *= 3
    obs = pd.DataFrame({"cell_type": pd.Categorical(types)}, index=[f"c{i}" for i in range(120)])
    var = pd.DataFrame({"gene_symbol": [f"S{i}" for i in range(40)]}, index=pickles.IDS)
    return ad.AnnData(sp.csr_matrix(rng.poisson(rates).astype(np.float32)), obs=obs, var=var)


def write_model(method: str, folder: Path) -> None:
    """A small model of a method, fitted, calibrated and saved."""
    cells = training_cells()
    labels = cells.obs["cell_type"].to_numpy(str)
    with _few_trees():
        model = _new_model(method)
        model.fit(cells[:80].copy(), labels[:80], (cells[80:].copy(), labels[80:]))
        model.save(folder / method, data={"sha256": "1"}, split=1)


def _few_trees():
    """Recipes of a few trees each: a hundred more of them are read by the same code, slowly."""
    few = {
        "random_forest": {"n_estimators": N_TREES},
        "gbdt": {"n_estimators": N_TREES},
        "soft_vote": {"trees__n_estimators": N_TREES},
    }
    return mock.patch.dict(
        RECIPES,
        {
            name: replace(RECIPES[name], estimator=clone(RECIPES[name].estimator).set_params(**few))
            for name, few in few.items()
        },
    )


def _new_model(method: str):
    if method != "geneformer":
        return make_method(method, quick=True, n_genes=30, seed=1)
    from cellclassifier.models.geneformer.classifier import GeneformerClassifier
    from cellclassifier.models.geneformer.options import GeneformerOptions

    sizes = {"layers": 2, "width": 32, "epochs": 1, "batch_size": 40}
    return GeneformerClassifier(GeneformerOptions(from_scratch=True, device="cpu", **sizes))


@cache
def _new_cells() -> ad.AnnData:
    return training_cells()[:20].copy()


def read_model(path: Path) -> None:
    """Load it and annotate cells, as ``annotate.py`` does."""
    cells = _new_cells()
    model = load_annotator(path)
    match, _ = find_genes(model, cells.var, 0)
    annotate_chunk(model, match.align(cells.X), cells.obs_names.to_numpy())


def write_pretrained(folder: Path) -> None:
    """A small network in the published layout."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    from cellclassifier.models.geneformer.model import V1

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    torch.manual_seed(5)
    config = BertConfig(vocab_size=42, **V1 | sizes | {"max_position_embeddings": 40})
    BertForMaskedLM(config).save_pretrained(folder / "network")


def read_pretrained(path: Path) -> None:
    """Check it, start a classifier from it, and let that look at two cells."""
    import torch

    from cellclassifier.models.geneformer import files, model

    files.check_fit(42, path)
    tokens = torch.arange(16).reshape(2, 8) + 2
    network = model.pretrained_classifier(path, 3, "mean", 1)
    with torch.no_grad():
        network(tokens, attention_mask=torch.ones_like(tokens))


def read_dictionaries(path: Path) -> None:
    """As a vocabulary with symbols."""
    from cellclassifier.models.geneformer.vocabulary import read_vocabulary

    read_vocabulary(path, symbols=True)


OF_MODELS = (
    folders.damage_bytes,
    folders.damage_description,
    folders.damage_parts,
    folders.damage_parts,
    folders.damage_files,
)
KINDS: dict[str, Kind] = {
    "npy": Kind(
        pickles.write_npy,
        (pickles.damage_npy_bytes, pickles.damage_npy_program, pickles.damage_npy_values),
        read_file,
    ),
    "h5ad": Kind(
        h5ad.write_h5ad,
        (h5ad.damage_bytes, h5ad.damage_structure),
        partial(read_file, layers=(None, "raw")),
    ),
    "dictionaries": Kind(
        pickles.write_dictionaries,
        (
            pickles.damage_dictionary_bytes,
            pickles.damage_dictionary_program,
            pickles.damage_dictionary_values,
        ),
        read_dictionaries,
    ),
    **{name: Kind(partial(write_model, name), OF_MODELS, read_model) for name in KNOWN},
    "geneformer": Kind(partial(write_model, "geneformer"), OF_MODELS, read_model),
    "pretrained": Kind(
        write_pretrained,
        (folders.damage_bytes, folders.damage_parts, folders.damage_files),
        read_pretrained,
    ),
}
