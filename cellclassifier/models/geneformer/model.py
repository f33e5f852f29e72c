"""The networks: Geneformer's BERT with a head for cell types, or for masked genes."""

from __future__ import annotations

import copy
import logging
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification
from transformers.utils import logging as transformers_logging

from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import weights

IGNORED = -100  # label of a position that is not predicted
# Of Geneformer V1: the shape of config.json beside its weights.
V1 = {
    "num_attention_heads": 4,
    "hidden_act": "relu",
    "max_position_embeddings": 2048,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
NEW = ("classifier.", "bert.pooler.")  # what is random on pretrained weights

log = logging.getLogger(__name__)


class CellBert(BertForSequenceClassification):
    """BertForSequenceClassification that can also read the mean over a cell's genes.

    With ``config.pooling`` "first" it is BertForSequenceClassification.
    """

    def forward(self, input_ids, attention_mask=None, with_features=False) -> torch.Tensor:
        """Scores of the types, (B, n_types), of tokens (B, T) and their mask, 1 where real.

        with_features: followed, in the same rows, by what the scores are computed from, (B, C).
        """
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, C)
        if getattr(self.config, "pooling", "first") == "mean":
            real = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
            hidden = ((hidden * real).sum(1) / real.sum(1)).unsqueeze(1)  # (B, 1, C)
        pooled = self.bert.pooler(hidden)  # of position 0: (B, C)
        scores = self.classifier(self.dropout(pooled))
        return torch.cat([scores, pooled], dim=1) if with_features else scores


class MaskedGenes(BertForMaskedLM):
    """BertForMaskedLM that computes scores only where a gene is masked.

    Scores of all positions are most of the work and memory: T x vocabulary numbers per cell.
    """

    def forward(self, input_ids, attention_mask=None, labels=None) -> torch.Tensor:
        """Scores of the genes at the positions whose label is not -100, (n_masked, n_tokens)."""
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, C)
        return self.cls(hidden[labels != IGNORED])


def random_config(
    n_tokens: int, layers: int, width: int, max_tokens: int, dropout: float = 0.02
) -> BertConfig:
    """Geneformer V1's architecture for another vocabulary."""
    shape = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers}
    dropouts = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = BertConfig(vocab_size=n_tokens, **(V1 | shape | dropouts))
    config.max_position_embeddings = max(max_tokens, 2)
    return config


def new_masked_genes(config: BertConfig, seed: int) -> MaskedGenes:
    """A model for masked genes with random weights."""
    return _made(MaskedGenes, config, seed)


def new_classifier(
    config: BertConfig, n_types: int, pooling: str, seed: int, encoder: nn.Module | None = None
) -> CellBert:
    """A classifier with random weights, or with those of a pretrained encoder under a new head."""
    config = copy.deepcopy(config)
    config.update({"num_labels": n_types, "pooling": pooling})
    model = _made(CellBert, config, seed)
    if encoder is not None:
        result = model.bert.load_state_dict(encoder.state_dict(), strict=False)
        assert all(name.startswith("pooler.") for name in result.missing_keys)
    return model


@torch.random.fork_rng([])  # the caller's random numbers stay as they are
def pretrained_classifier(folder: Path, n_types: int, pooling: str, seed: int) -> CellBert:
    """A classifier with the weights of a published model folder (safetensors) under a new head.

    Published weights have a head for masked genes instead, and most have no pooler. Raises
    InputError where they lack anything else.
    """
    torch.manual_seed(seed)  # what is new is random
    changes = {"num_labels": n_types, "pooling": pooling}
    model, new = weights.load(CellBert, folder, new=NEW, unused=("cls.",), **changes)
    counts = {part: sum(name.startswith(part) for name in new) for part in NEW}
    parts = " and ".join(f"{n} of {part.rstrip('.')}" for part, n in counts.items() if n)
    log.info(f"Weights of {folder}; new and random at first: {parts or 'none'}.")
    return model


def load_classifier(folder: Path) -> CellBert:
    """A saved classifier; InputError where its weights are not exactly those of one."""
    return weights.load(CellBert, folder)[0]


def freeze(model: CellBert, layers: int, embeddings: bool) -> None:
    """Keep the lowest encoder layers, and the embeddings if asked for, as they are."""
    n_layers = len(model.bert.encoder.layer)
    if layers > n_layers:
        raise InputError(f"--freeze-layers {layers}: the model has {n_layers} encoder layers")
    for layer in model.bert.encoder.layer[:layers]:
        layer.requires_grad_(False)
    if embeddings:
        model.bert.embeddings.requires_grad_(False)


def quiet_transformers() -> None:
    """No word from transformers but errors: a new head on old weights is what we ask for."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


@torch.random.fork_rng([])  # the caller's random numbers stay as they are
def _made(kind: type, config: BertConfig, seed: int):
    torch.manual_seed(seed)
    config._attn_implementation = "sdpa"
    return kind(config)
