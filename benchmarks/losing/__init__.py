"""Cells that lose genes or counts, and what is left of a model's answers then."""
