"""Geneformer without its package: files, rank-value tokens, fine-tuning.

Reading files and tokenizing need no torch.
"""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "inputs": ["read_inputs"],
        "batches": ["TokenCells"],
        "classifier": ["GeneformerClassifier"],
        "files": ["FOLDER", "GET", "download"],
        "options": ["GeneformerOptions"],
        "stored_tokens": ["StoredTokens"],
        "start": ["require_start"],
        "vocabulary": ["Vocabulary", "learn_vocabulary", "read_vocabulary"],
    },
)
