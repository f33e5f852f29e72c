"""Forests, boosting and linear models."""
