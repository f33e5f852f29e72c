"""A trained model and new cells: matched genes, predictions, files."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "model": ["about", "find_genes", "load_annotator", "load_model"],
        "naming": ["Naming"],
        "predict": ["annotate_chunk", "summarize", "totals"],
        "write": [
            "COLORS",
            "annotation_files",
            "colors_for_scanpy",
            "obs_columns",
            "write_totals",
        ],
    },
)
