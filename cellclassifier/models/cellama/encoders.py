"""Encoders and heads by name; torch is imported where one needs it."""

from __future__ import annotations

from importlib import import_module

ROOM = "cellclassifier.models.cellama"
ENCODERS = {"bag": "bag.Bag", "gene-bert": "gene_bert.GeneBert", "minilm": "language.LanguageModel"}
A_FOLDER = ENCODERS["minilm"]
HEADS = {
    "neighbours": "heads.Neighbours",
    "regression": "heads.Regression",
    "network": "head_network.NetworkHead",
    "xgboost": "head_xgboost.TreesHead",
}


def encoder_class(name: str) -> type:
    """The class of a built-in encoder, or of one in a folder."""
    return _made(ENCODERS.get(name, A_FOLDER))


def head_class(name: str) -> type:
    """The class of a head."""
    return _made(HEADS[name])


def _made(place: str) -> type:
    module, name = place.split(".")
    return getattr(import_module(f"{ROOM}.{module}"), name)
