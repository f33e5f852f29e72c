"""What makes numbers comparable: splits, metrics, evaluation."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "options": ["SplitOptions", "SubsetOptions"],
        "splits": ["restrict", "seeds_from", "split_all"],
    },
)
