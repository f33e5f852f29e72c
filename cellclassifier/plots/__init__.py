"""Arrays in, matplotlib figures out; nothing is saved or shown here."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "all_methods": ["comparison_figures"],
        "calibration": ["reliability_curves"],
        "comparison": ["metric_comparison", "score_against_time"],
        "confusion": ["confusion_matrix"],
        "dot_plot": ["marker_dots", "markers"],
        "embedding": ["cells_in_plane"],
        "feature_importance": ["importance"],
        "one_vs_rest_scores": ["auroc_heatmap"],
        "style": ["METRIC_NAMES"],
        "training": ["training_history"],
    },
)
