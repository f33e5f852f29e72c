"""A trained model and new cells: matched genes, predictions, files."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "embedding": ["embed", "load_embedder", "map_of", "write_embedded"],
        "model": ["about", "find_genes", "load_annotator", "load_model"],
        "first_pass": ["FirstPass"],
        "naming": ["Naming"],
        "ready": ["load_ready", "smoothing_by_default"],
        "predict": [
            "annotate_chunk",
            "annotate_chunks",
            "say_if_many_are_far",
            "summarize",
            "totals",
        ],
        "for_scanpy": ["obs_columns", "obsm_columns", "uns_of"],
        "training_files": ["learned_from", "remark_on_training"],
        "voting": ["Clusters", "cluster_table", "say_of_clusters"],
        "write": ["annotation_files", "write_totals"],
    },
)
