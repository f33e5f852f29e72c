"""A cell as a picture: genes at fixed places of an image, recognised when many are missing."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "classifier": ["SpoticellClassifier"],
        "options": ["NETWORKS", "ORDERS", "SpoticellOptions"],
    },
)
