"""A file of cells becomes a validated AnnData of raw counts."""
