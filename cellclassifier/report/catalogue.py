"""Which figures a page shows, in which order, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Kind:
    """Figures by the pattern of their names: where they belong and one sentence on reading them.

    most: how many of them are shown; csv: the table behind, below results/.
    """

    pattern: str
    section: str
    how: str
    csv: str = ""
    most: int = 1


KINDS = (
    Kind(
        "cells_per_type",
        "data",
        "A bar per type, as long as the type has cells: the short ones are learned from few.",
        "cells_per_type.csv",
    ),
    Kind(
        "counts_and_genes",
        "data",
        "How many counts and genes the cells of each type have: where types differ here, a model "
        "may read the depth of a cell for its type.",
        "cells_per_type.csv",
    ),
    Kind(
        "type_similarity",
        "data",
        "Correlation of the types' mean profiles: near 1 two types look alike, and will be taken "
        "for each other.",
    ),
    Kind(
        "macro_f1_comparison",
        "results",
        "A row per method: mean and 95 % interval on test cells; filled dots are the best and "
        "those not told apart from it. Grey marks far to the right: the method learned by heart.",
        "summary.csv",
    ),
    Kind(
        "calibration",
        "results",
        "A point is a group of cells of alike confidence, its line a 95 % interval: on the dashed "
        "line 80 % confidence is right in 80 % of cases.",
        "combined_results.csv",
    ),
    Kind(
        "comparison_scores",
        "results",
        "Methods from best to worst with their 95 % intervals; a bar at the side joins methods "
        "that are not told apart.",
        "comparison.csv",
    ),
    Kind(
        "comparison_learning",
        "results",
        "Macro-F1 against the number of training cells (log scale): a line that still rises says "
        "that more cells would help.",
        "comparison.csv",
    ),
    Kind(
        "comparison_trials",
        "results",
        "A row per method, a column per trial: the value, and its rank among methods in brackets; "
        "darker is better within a column.",
        "comparison.csv",
    ),
    Kind(
        "macro_f1_against_seconds",
        "cost",
        "Up is better, left is cheaper; the scale of seconds is logarithmic.",
        "summary.csv",
    ),
    Kind(
        "comparison_costs",
        "cost",
        "CPU seconds (log scale), and the memory beside that of cells and libraries, of learning "
        "and of naming new cells.",
        "comparison.csv",
    ),
    Kind(
        "confusion_{leader}",
        "errors",
        "Rows are the true types, columns what they were called; each row adds up to 100 %.",
        "per_type_results.csv",
    ),
    Kind(
        "comparison_agreement",
        "errors",
        "Agreement of each two methods beyond chance (Cohen's kappa): 1 is the same answer for "
        "every cell.",
        "comparison_agreement.csv",
    ),
    Kind(
        "comparison_distance",
        "errors",
        "Errors by how far the two types are apart in the Cell Ontology: steps up from the true "
        "type and down to the called one, through their nearest common ancestor.",
        "comparison_distance.csv",
    ),
    Kind(
        "binary_rf_auroc",
        "errors",
        "How well one forest per type ranks that type's cells above all others: 1 is perfect, 0.5 "
        "is a coin.",
        "binary_rf_results.csv",
    ),
    Kind(
        "binary_rf_markers",
        "errors",
        "A dot per gene and type: larger where more cells express the gene, darker where they "
        "express it more.",
        "binary_rf_importances.csv",
    ),
    Kind(
        "feature_importance_*",
        "errors",
        "Genes by which one type is told from the others; the two measures disagree where genes "
        "stand in for each other.",
        "binary_rf_importances.csv",
    ),
    Kind(
        "training_history",
        "results",
        "Loss and score after every pass over the training cells, on training and validation "
        "cells: where the two part, the network learns by heart.",
        "fine_tuning/training_history.csv",
    ),
    Kind(
        "spoticell_pictures",
        "errors",
        "A pixel per gene, near those it goes with: the mean picture of every type, a cell, and "
        "the same cell without half of its genes.",
    ),
    Kind(
        "cellama_niches",
        "errors",
        "Rows are types, columns the types of their nearest neighbours in the tissue; each row "
        "adds up to 100 %.",
        "cellama/niches.csv",
    ),
    Kind(
        "cellama_embedding",
        "unknown",
        "Cells of several files in one space, by type and by file: files should lie over each "
        "other, and types apart.",
        "cellama/embedding_scores.csv",
    ),
    Kind(
        "predicted_umap",
        "unknown",
        "New cells by the type that they were given; grey ones were called unknown.",
    ),
    Kind(
        "protein_atlas_f1",
        "images",
        "A row per place in the cell: F1 at its prevalence, beside an answer that is always yes.",
    ),
    Kind(
        "protein_atlas_confusion",
        "images",
        "Which places occur together, and which are given in error.",
    ),
    Kind(
        "protein_atlas_mistakes",
        "images",
        "The images with the least likely answers, in the atlas's colours.",
    ),
)
OTHER_QUESTIONS = ("protein_atlas",)  # scripts that are about images, and no count matrix
# Figures that say the same as another one, per metric or method: to be found in plots/.
ELSEWHERE = (
    "protein_atlas_*",
    "*_comparison",
    "metrics",
    "confusion_*",
    "feature_importance_*",
    "pca",
    "umap",
)
MOST_OF_A_SCRIPT = 3  # figures that no kind knows
HOW_OF_OTHERS = "Drawn by its script, whose page in docs/ says how to read it."


def kind_of(name: str, leader: str) -> Kind | None:
    """The kind of a figure by its name without ending; leader: the method in front."""
    for kind in KINDS:
        if fnmatchcase(name, kind.pattern.format(leader=leader)):
            return kind
    return None


def is_elsewhere(name: str) -> bool:
    """Whether a figure that no kind knows is left out."""
    return any(fnmatchcase(name, pattern) for pattern in ELSEWHERE)
