"""Where in the cell a protein is, from its fluorescence image: one forest per place."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "classifier": ["AtlasClassifier"],
        "files": ["download"],
        "embedding": ["embed", "made_by", "options_of"],
        "experiment": [
            "as_cells",
            "check",
            "evaluate_fold",
            "folds_of",
            "judged_by",
            "threshold_table",
            "with_captions",
        ],
        "named": ["named_places"],
        "options": ["AtlasOptions", "EmbeddingOptions", "options_in"],
        "tables": ["HUMAN_MACRO_F1", "all_tables", "co_occurrence", "confusion", "worst_mistakes"],
    },
)
