"""Forests, boosting and linear models."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(__name__, {})
