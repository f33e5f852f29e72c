"""What is in a file, and where its labels come from."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "batches": ["group_mixing", "sentences", "types_by_group"],
        "droplets": ["about_droplets"],
        "embedding": ["N_NEIGHBORS", "embedded", "plane_table"],
        "inspect": ["inspect_cells"],
        "label_origin": ["origin_of_labels"],
        "numbers": ["as_table", "numbers_of_file", "numbers_of_labels"],
        "terms": ["about_terms", "terms_of"],
        "summary": ["cells_per_type", "data_remarks", "data_summary", "label_rows"],
    },
)
