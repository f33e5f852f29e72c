"""Arrays in, matplotlib figures out; nothing is saved or shown here."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "calibration": ["reliability_curves"],
        "comparison": ["metric_comparison", "score_against_time"],
        "confusion": ["confusion_matrix"],
        "one_vs_rest": ["auroc_heatmap", "importance", "marker_dots", "markers"],
        "training": ["training_history"],
        "style": ["METRIC_NAMES"],
    },
)
