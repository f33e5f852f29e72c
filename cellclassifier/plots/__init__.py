"""Arrays in, matplotlib figures out; nothing is saved or shown here."""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "against_time": ["score_against_time"],
        "all_methods": ["comparison_figures"],
        "all_trials": ["comparison_of_trials"],
        "cellama": ["cells_by_type_and_file", "niche_heatmap"],
        "calibration": ["reliability_curves"],
        "comparison": ["all_metrics", "metric_comparison"],
        "confusion": ["confusion_matrix"],
        "dot_plot": ["marker_dots", "markers"],
        "embedding": ["cells_in_plane"],
        "feature_importance": ["importance"],
        "one_vs_rest_scores": ["auroc_heatmap"],
        "cell_pictures": ["pictures"],
        "places": [
            "average_precision_bars",
            "f1_against_prevalence",
            "places_together",
            "sheet_of_images",
        ],
        "style": ["METRIC_NAMES"],
        "training": ["training_history"],
    },
)
