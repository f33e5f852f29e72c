"""Geneformer without its package: files, rank-value tokens, fine-tuning.

Nothing is imported here, so that reading files and tokenizing need no torch.
"""
