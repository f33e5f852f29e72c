"""Where in the cell a protein is, from its fluorescence image: one forest per place."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "classifier": ["AtlasClassifier"],
        "embedding": ["embed"],
        "options": ["AtlasOptions", "EmbeddingOptions"],
    },
)
