"""One model per label: of this type or not."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(__name__, {})
