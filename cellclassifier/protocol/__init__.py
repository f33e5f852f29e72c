"""What makes numbers comparable: splits, metrics, evaluation, and the loop of an experiment."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "evaluation": ["evaluate", "pooled_reliability"],
        "experiment": ["Run"],
        "options": ["SplitOptions", "SubsetOptions"],
        "scores": ["in_short"],
        "splits": ["seeds_from", "split_all", "subset"],
    },
)
