"""Embeddings that benchmarks compare, and how they are judged."""
