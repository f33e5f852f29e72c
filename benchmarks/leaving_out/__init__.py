"""Leaving whole studies out: cells, scores, strangers, and other people's classifiers."""
