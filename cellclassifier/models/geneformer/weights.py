"""A network's folder, read as that of a stranger: config.json and model.safetensors, no others.

transformers fills what a file lacks with random numbers, takes the sizes that config.json claims
for granted, and follows other files where a folder has them. So the two are read here, checked
against each other, and handed over.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from transformers import BertConfig, PreTrainedModel

from cellclassifier.errors import InputError
from cellclassifier.models.neural.full_disk import writing
from cellclassifier.output.files import write_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# Tensors by the end of their names, and what in config.json says their shapes.
SHAPES = {
    "embeddings.word_embeddings.weight": ("vocab_size", "hidden_size"),
    "embeddings.position_embeddings.weight": ("max_position_embeddings", "hidden_size"),
    "embeddings.token_type_embeddings.weight": ("type_vocab_size", "hidden_size"),
    "encoder.layer.0.intermediate.dense.weight": ("intermediate_size", "hidden_size"),
}
SIZES = {size for sizes in SHAPES.values() for size in sizes}
COUNTS = {*SIZES, "num_hidden_layers", "num_attention_heads"}
CLASSIFIER_DROPOUT = "classifier_dropout"  # None for that of hidden layers
LARGEST = {
    "hidden_dropout_prob": 1,
    "attention_probs_dropout_prob": 1,
    CLASSIFIER_DROPOUT: 1,
    "layer_norm_eps": sys.float_info.max,
    "initializer_range": sys.float_info.max,
}
# Whatever else config.json says is left at what a BERT has by default, but for the pooling.
KEPT = {*COUNTS, *LARGEST, "hidden_act", "pad_token_id"}
FIRST = "first"  # the pooling of every BERT
OTHER_TYPE = "cellclassifier_bert"  # in config.json of networks with another one
HEAD = "classifier.weight"
LAYER = "encoder.layer."
TENSORS_PER_LAYER = 16


def load(
    kind: type[PreTrainedModel],
    folder: Path,
    new: tuple[str, ...] = (),
    unused: tuple[str, ...] = (),
    **changes,
) -> tuple[PreTrainedModel, list[str]]:
    """A network of a kind from a folder, and the names of its tensors that the folder lacks.

    new, unused: beginnings of names that the file may lack (they are random at first) or have too
    many; changes: to what config.json says. Raises InputError where anything else differs, for
    values that are no numbers, and for a file that is missing or damaged.
    """
    try:
        weights = safetensors.torch.load_file(folder / WEIGHTS)
        config = _config(
            json.loads((folder / CONFIG).read_text(encoding="utf-8")), weights, changes
        )
        network, found = kind.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            attn_implementation="sdpa",
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # of many kinds, for a damaged or hostile file
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"the weights in {folder} cannot be read ({reason})") from error
    of_other_shape = {name for name, *_ in found["mismatched_keys"]}
    missing, unexpected = sorted(found["missing_keys"] | of_other_shape), found["unexpected_keys"]
    lacking = [name for name in missing if not name.startswith(new)]
    strange = [name for name in sorted(unexpected) if not name.startswith(unused)]
    if lacking or strange:
        what = f"no fitting {lacking[0]}" if lacking else f"no place for {strange[0]}"
        raise InputError(
            f"the weights in {folder} do not fit a network that names types of cells: {what} "
            f"({len(lacking)} tensors are missing, {len(strange)} too many)"
        )
    return network, missing


def save(network: PreTrainedModel, folder: Path, types: list[str]) -> None:
    """Write a network that names types, as transformers reads it where transformers knows it.

    One that reads the mean over a cell's genes is no BertForSequenceClassification, which would
    take its weights and answer otherwise: it is of a type of its own, that transformers refuses.
    """
    with writing(folder / WEIGHTS):
        network.save_pretrained(folder)
    content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    content["id2label"] = {str(code): name for code, name in enumerate(types)}
    content["label2id"] = {name: code for code, name in enumerate(types)}
    is_bert = _is_bert(network)
    content["architectures"] = ["BertForSequenceClassification" if is_bert else "CellBert"]
    content["model_type"] = "bert" if is_bert else OTHER_TYPE
    write_json(folder / CONFIG, content)


def in_transformers(network: PreTrainedModel) -> str:
    """What becomes of a network that was saved so in transformers, in a sentence of Markdown."""
    if _is_bert(network):
        return (
            "In transformers, `AutoModelForSequenceClassification` gives the same scores, before "
            "calibration, for tokens by `vocabulary.json`."
        )
    return "Its pooling (mean) is unknown to transformers, which refuses it: load it as below."


def _is_bert(network: PreTrainedModel) -> bool:
    return getattr(network.config, "pooling", FIRST) == FIRST


def _config(content: dict, weights: dict[str, torch.Tensor], changes: dict) -> BertConfig:
    """The configuration in a config.json; ValueError where it is none of these weights'."""
    default = BertConfig().to_dict()
    config = {name: content.get(name, default.get(name)) for name in KEPT if name in default}
    _check_values(config)
    for ending, sizes in SHAPES.items():
        shapes = [tuple(weights[name].shape) for name in weights if name.endswith(ending)]
        claimed = tuple(config[size] for size in sizes)
        if shapes != [claimed]:
            found = ", ".join(map(str, shapes)) or "none"
            raise ValueError(f"{CONFIG} says {claimed} for {ending}, {WEIGHTS} has {found}")
    _check_layers(config, weights)
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds values that are no numbers")
    n_types = {"num_labels": len(weights[HEAD])} if HEAD in weights else {}
    pooling = {"pooling": str(content["pooling"])} if "pooling" in content else {}
    return BertConfig(**config | n_types | pooling | changes)


def _check_values(config: dict) -> None:
    for name in COUNTS:
        if type(config[name]) is not int or config[name] < 1:
            raise ValueError(f"{CONFIG} says {name} is {config[name]!r}")
    for name, largest in LARGEST.items():
        value = config[name]
        if value is None and name == CLASSIFIER_DROPOUT:
            continue
        if type(value) not in (int, float) or not 0 <= value <= largest:  # NaN is neither
            raise ValueError(f"{CONFIG} says {name} is {value!r}")


def _check_layers(config: dict, weights: dict[str, torch.Tensor]) -> None:
    """Before as many layers are made as are claimed."""
    n_layers = config["num_hidden_layers"]
    layers = {name.split(LAYER)[1].split(".")[0] for name in weights if LAYER in name}
    if len(layers) != n_layers or len(weights) < n_layers * TENSORS_PER_LAYER:
        raise ValueError(f"{CONFIG} says {n_layers} layers, {WEIGHTS} has {len(layers)}")
    smallest = n_layers * config["intermediate_size"] * config["hidden_size"]
    if smallest > sum(tensor.numel() for tensor in weights.values()):
        raise ValueError(f"{WEIGHTS} has too few values for {n_layers} layers")
