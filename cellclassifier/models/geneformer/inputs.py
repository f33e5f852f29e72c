"""What fine-tuning starts from: cells of a file, or tokens that are kept in a folder."""

from __future__ import annotations

import anndata as ad

from cellclassifier.data.labels import leave_out_untyped
from cellclassifier.data.read import read_cells
from cellclassifier.data.studies import given_paths
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.stored_tokens import StoredTokens
from cellclassifier.output.processes import is_first
from cellclassifier.protocol.finished import digest_of_cells
from cellclassifier.protocol.splits import subset


def read_inputs(config) -> tuple[ad.AnnData, StoredTokens | None]:
    """The cells that take part, and their tokens where these are kept in a folder.

    config: options of cells and subsets, and two folders or None: tokens, to read from, and
    save_tokens, to write into.
    """
    if config.tokens and config.save_tokens:
        raise InputError("--tokens and --save-tokens contradict each other: choose one")
    if config.tokens:
        files = given_paths(config.cells) if config.cells else ()
        tokens = StoredTokens.read(config.tokens, *files)
        cells = tokens.cells()
        typed = leave_out_untyped(cells.obs, config.keep_labels, config.ignore_labels)
        return subset(cells if typed.all() else cells[typed].copy(), config), tokens
    cells = subset(read_cells(config), config)
    if not config.save_tokens:
        return cells, None
    tokens = StoredTokens.of(cells, digest_of_cells(cells))
    if is_first():
        tokens.save(config.save_tokens)
    return cells, tokens
