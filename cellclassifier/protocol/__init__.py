"""What makes numbers comparable: splits, metrics, evaluation, and the loop of an experiment."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "evaluation": ["evaluate", "evaluate_parts", "pooled_reliability"],
        "experiment": ["Run"],
        "finished": ["digest_of_cells"],
        "hierarchy": ["hierarchical_scores"],
        "options": ["SplitOptions", "SubsetOptions"],
        "scores": ["in_short", "tidy"],
        "splits": ["seeds_from", "split_all", "subset"],
    },
)
