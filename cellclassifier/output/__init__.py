"""Where and how outputs are written: always whole files."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "files": [
            "atomic_folder",
            "atomic_path",
            "file_name",
            "write_figure",
            "write_json",
            "write_parquet",
        ],
        "folder": ["Output"],
        "processes": ["is_first", "n_processes"],
        "progress": ["Progress"],
        "record": ["RunRecord"],
        "remarks": ["RESULT", "kept_remarks"],
        "tables": ["append_csv", "write_csv"],
    },
)
