"""A file of cells, whatever its format, becomes a validated AnnData of raw counts."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "cell_types": ["known_cell_types"],
        "features": ["expression_of", "types_by_similarity"],
        "options": ["CellsOptions"],
        "names_of_files": ["distinct_names"],
        "open": ["check_layer", "find_cells", "name_of", "open_cells", "write_annotated"],
        "images": ["ImageFolder"],
        "read": ["read_cells"],
        "chosen_images": ["channels_needed", "read_images"],
        "studies": ["given_paths"],
        "texts": ["printable"],
    },
)
