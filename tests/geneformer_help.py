"""What the tests of Geneformer share: dictionaries and a model folder of a few genes."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np

GENES = [f"ENSG{i:011d}" for i in range(1, 61)]


def write_dictionaries(folder: Path, genes=GENES, suffix="_gc30M", special=("<pad>", "<mask>")):
    """Dictionaries as the published ones: tokens int16, medians float64, symbols -> ids."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {name: i for i, name in enumerate(special)}
    tokens |= {gene: np.int16(len(special) + i) for i, gene in enumerate(genes)}
    medians = {
        gene: np.float64(value)
        for gene, value in zip(genes, rng.gamma(4, 1, len(genes)), strict=True)
    }
    names = {f"SYM{i}": gene for i, gene in enumerate(genes)}
    contents = {
        "token_dictionary": tokens,
        "gene_median_dictionary": medians,
        "gene_name_id_dict": names,
    }
    for name, content in contents.items():
        (folder / f"{name}{suffix}.pkl").write_bytes(pickle.dumps(content))
    return tokens, medians


def write_model_header(folder: Path, n_tokens: int, width: int = 8, config_tokens=None) -> Path:
    """A model folder whose safetensors file holds one embedding of zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"vocab_size": config_tokens or n_tokens, "hidden_size": width}
    config |= {"max_position_embeddings": 2048}
    (folder / "config.json").write_text(json.dumps(config))
    tensor = {"dtype": "F32", "shape": [n_tokens, width], "data_offsets": [0, 4 * n_tokens * width]}
    header = json.dumps({"bert.embeddings.word_embeddings.weight": tensor}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(4 * n_tokens * width)
    (folder / "model.safetensors").write_bytes(content)
    return folder


def write_network(folder: Path):
    """Weights for those genes, named as the published ones, 4 layers and 40 tokens; the network."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    from cellclassifier.models.geneformer.model import V1

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4}
    torch.manual_seed(5)
    network = BertForMaskedLM(
        BertConfig(vocab_size=62, **V1 | sizes | {"max_position_embeddings": 40})
    )
    network.save_pretrained(folder / "Geneformer-V1-10M")
    return network
