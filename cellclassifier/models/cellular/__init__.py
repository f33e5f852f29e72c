"""CELLULAR: an embedding in which cells of a type lie together, and what is read from it."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "classifier": ["CellularClassifier"],
        "options": ["CellularOptions"],
        "representations": ["represent"],
    },
)
