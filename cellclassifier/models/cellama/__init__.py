"""A cell as a sentence of its leading genes, embedded, and named by its vector (after CELLama).

options       what can be chosen; readable without torch
ranking       which genes stand in a sentence, in which order
sentences     sentences as texts; vocabulary: as tokens
encoder       what every encoder does; bag, gene_bert, language (MiniLM and other BERTs)
heads         neighbours, regression, network, boosted trees
tasks         what encoders learn by
niche         types of a cell's neighbours in the tissue
shortcuts     metadata that tell the batch or the label
classifier    all of it as one model
"""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "cells": [
            "method_of",
            "read_with_metadata",
            "say_shortcuts",
            "table_of_niches",
            "with_niche",
        ],
        "minilm_files": ["download"],
        "of_files": ["embed_files", "sentences_of_file"],
        "space": ["scores_of_space"],
    },
)
