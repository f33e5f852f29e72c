"""One page of all that was run: read, worded, laid out. No model is fitted here."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "found": ["Found"],
        "page": ["make_page"],
        "render": ["as_html"],
    },
)
