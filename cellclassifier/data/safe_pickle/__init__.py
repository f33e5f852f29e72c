"""Pickled files read as data only, never as code."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(__name__, {})
