"""May an answer be believed? Calibration and novelty."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "calibration": ["Calibration", "fit_calibration"],
        "novelty": ["Novelty"],
    },
)
