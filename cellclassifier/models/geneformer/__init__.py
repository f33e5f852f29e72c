"""Geneformer without its package: files, rank-value tokens, fine-tuning.

Nothing is imported here, so that reading files and tokenizing need no torch.
"""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(__name__, {})
