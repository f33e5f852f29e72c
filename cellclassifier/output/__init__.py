"""Where and how outputs are written: always whole files."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "files": [
            "FinishedParts",
            "Output",
            "RunRecord",
            "atomic_path",
            "run_key",
            "write_csv",
            "write_figure",
            "write_json",
        ],
    },
)
