"""One file or folder per system."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "baselines.classifier": ["make_baseline", "require_known"],
        "baselines.options": ["METHODS"],
        "baselines.recipes": ["RECIPES"],
        "baselines.tables": ["grid_table"],
        "geneformer.classifier": ["GeneformerClassifier"],
        "geneformer.options": ["GeneformerOptions"],
        "one_vs_rest.options": ["SCHEMES", "ForestOptions"],
    },
)
