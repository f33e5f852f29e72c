"""A BERT over tokens whose vector of a sentence is the mean over its tokens; 0 is no token."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize
from transformers import BertConfig, BertModel

SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
SIZES = (*SIZES, "vocab_size", "max_position_embeddings", "type_vocab_size")
MOST_LAYERS, LARGEST_SIZE = 48, 2**20  # that a stranger's model may claim


class Upper(nn.Module):
    """The layers that learn, from what the frozen ones below have made of the tokens."""

    def __init__(self, layers: list[nn.Module], width: int):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.width = width

    def forward(self, hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """hidden: (B, T, width); real: (B, T) bool. Unit vectors, (B, width)."""
        hidden = hidden.to(torch.float32)
        for layer in self.layers:
            hidden = layer(hidden, real[:, None, None, :])
        mean = torch.einsum("bt,btd->bd", real.to(hidden.dtype), hidden)
        return normalize(mean.float(), dim=1)


class TokenBert(nn.Module):
    """Embeddings, frozen layers, upper layers, mean pooling, L2 norm: as all-MiniLM-L6-v2."""

    def __init__(self, bert: BertModel, n_frozen: int = 0):
        super().__init__()
        layers = list(bert.encoder.layer)
        n_frozen = min(n_frozen, len(layers))
        self.config, self.width = bert.config, bert.config.hidden_size
        self.is_frozen = n_frozen > 0
        self.embeddings, self.lower = bert.embeddings, nn.ModuleList(layers[:n_frozen])
        self.upper = Upper(layers[n_frozen:], self.width)
        for part in (self.embeddings, self.lower) if self.is_frozen else ():
            part.requires_grad_(False)

    def below(self, tokens: torch.Tensor) -> torch.Tensor:
        """What the frozen layers make of (B, T) tokens, (B, T, width)."""
        hidden = self.embeddings(input_ids=tokens)
        for layer in self.lower:
            hidden = layer(hidden, (tokens > 0)[:, None, None, :])
        return hidden

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) int64, at least one token each, to unit vectors (B, width)."""
        if self.is_frozen:
            with torch.no_grad():
                hidden = self.below(tokens)
        else:
            hidden = self.below(tokens)
        return self.upper(hidden, tokens > 0)


class Below(nn.Module):
    """The frozen part of a network as one of its own, for ``Inference``."""

    def __init__(self, network: TokenBert):
        super().__init__()
        self.network = network

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) to (B, T * width)."""
        return self.network.below(tokens).flatten(1)


def new_bert(n_words: int, n_places: int, width: int, n_layers: int = 2) -> BertModel:
    """A small BERT with random weights."""
    config = BertConfig(
        vocab_size=n_words,
        hidden_size=width,
        num_hidden_layers=n_layers,
        num_attention_heads=4,
        intermediate_size=2 * width,
        max_position_embeddings=n_places,
        type_vocab_size=1,
        pad_token_id=0,
    )
    return made(config)


def made(config: BertConfig) -> BertModel:
    """A BERT of this configuration, without the pooler that nobody asks."""
    config._attn_implementation = "sdpa"
    return BertModel(config, add_pooling_layer=False)


def with_words(bert: BertModel, vectors: np.ndarray) -> BertModel:
    """The same network with another vocabulary, (n_words, width); word 0 is the padding."""
    table = torch.from_numpy(vectors.astype(np.float32))
    bert.embeddings.word_embeddings = nn.Embedding.from_pretrained(
        table, freeze=False, padding_idx=0
    )
    bert.config.vocab_size = len(vectors)
    return bert


def sizes_of(config: BertConfig) -> dict:
    """What a saved network must say of itself for ``of_sizes``."""
    return {name: getattr(config, name) for name in SIZES} | {"hidden_act": config.hidden_act}


def of_sizes(sizes: dict) -> BertModel:
    """A network to be filled with stored weights; sizes: as ``check_sizes`` lets pass."""
    known = {name: sizes[name] for name in SIZES}
    return made(BertConfig(**known, hidden_act="gelu", pad_token_id=0))


def check_sizes(sizes: dict) -> None:
    """Raise ValueError for sizes of a stranger's that no network can have."""
    for name in SIZES:
        largest = MOST_LAYERS if name == "num_hidden_layers" else LARGEST_SIZE
        if type(sizes[name]) is not int or not 0 < sizes[name] <= largest:
            raise ValueError(f"a network whose {name} is {sizes[name]!r}")
    if sizes["hidden_size"] % sizes["num_attention_heads"] or sizes["hidden_act"] != "gelu":
        raise ValueError("a network of another kind")
