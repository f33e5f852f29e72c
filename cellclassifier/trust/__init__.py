"""May an answer be believed? Calibration, broader names, novelty, and what is far."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "calibration": ["Calibration", "fit_calibration"],
        "far": ["Profiles", "remark_on_far"],
        "file_view": ["FileView"],
        "neighbours": ["sample_of", "sampled_rows"],
        "novelty": ["Novelty"],
    },
)
