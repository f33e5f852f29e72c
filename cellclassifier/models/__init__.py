"""One file or folder per system."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "baselines.tables": ["grid_table"],
        "cellama.classifier": ["CellamaClassifier"],
        "cellama.options": ["CellamaOptions"],
        "geneformer.classifier": ["GeneformerClassifier"],
        "geneformer.options": ["GeneformerOptions"],
        "methods": ["make_method", "require_known", "version_of"],
        "spoticell.pictures": ["picture_table"],
        "spoticell.classifier": ["SpoticellClassifier"],
        "one_vs_rest.options": ["SCHEMES", "ForestOptions"],
    },
)
