"""What the tables of figures in the docs hold, and how each figure is written."""

from __future__ import annotations

from benchmarks.cellular_layouts import CELLULAR_TABLES
from benchmarks.comparison_layouts import COMPARISON_TABLES
from benchmarks.incomplete_layouts import INCOMPLETE_TABLES
from benchmarks.tables import CrossTable, Table, filled, mean

__all__ = ["TABLES", "CrossTable", "Table", "filled", "mean"]


def by_method(metric: str) -> CrossTable:
    """A metric of the baselines: data sets down, methods across."""
    data = "{data}: {n_cells:,} cells, {n_types} types"
    return CrossTable("baselines", "data", data, "method", mean(metric))


def studies(metric: str, more: str = "") -> CrossTable:
    """A metric of every method down, with its spread over fits, studies left out across."""
    mean, spread = f"{{{metric}:.3f}}", f" ± {{{metric}_std:.3f}}"
    cells = (mean + spread + more, mean + more)
    return CrossTable("studies", "method", "`{method}`", "study", cells, beside=("fits", "{fits}"))


ORIGIN_OF_LABELS = {
    "cells": "{data}",
    "largest type": "{majority:.3f}",
    "best Spearman match": "{rank_match:.3f}",
    "learned rank rule": "{rank_rule:.3f}",
    "model of all genes": "{all_genes:.3f}",
    "z": "{z:+.1f}",
    "sentence": "{sentence}",
}


TABLES: dict[str, Table | CrossTable] = {
    **INCOMPLETE_TABLES,
    **CELLULAR_TABLES,
    **COMPARISON_TABLES,
    "baselines_macro_f1": by_method("macro_f1"),
    "baselines_accuracy": by_method("accuracy"),
    "baselines_ece": by_method("ece"),
    "baselines_ece_raw": by_method("ece_raw"),
    "binary_rf": Table(
        "binary_rf",
        {
            "data": "{data}",
            "type": "{cell_type}",
            "AUROC, even": mean("auroc_even"),
            "AUROC, random": mean("auroc_random"),
            "natural AUPRC, even": mean("natural_auprc_even"),
            "natural AUPRC, random": mean("natural_auprc_random"),
            "share": "{prevalence:.1%}",
        },
    ),
    "interview": Table("interview", ORIGIN_OF_LABELS),
    "interview_simulated": Table("interview_simulated", ORIGIN_OF_LABELS),
    "full_size": Table(
        "full_size",
        {
            "step": "{step}",
            "seconds": "{seconds}",
            "peak GiB": "{peak_gib:.2f}",
            "accuracy": "{accuracy:.3f}",
            "macro-F1": "{macro_f1:.3f}",
            "published on the real file": "{published}",
        },
    ),
    "growth": Table(
        "growth",
        {"cells": "{cells:,}", "seconds": "{seconds}", "peak GiB": "{peak_gib:.2f}"},
    ),
    "fuzz": Table(
        "fuzz",
        {
            "kind": "{kind}",
            "cases": "{cases:,}",
            "read": "{read:,}",
            "refused": "{refused:,}",
            "not made": "{not made:,}",
            "code run": "{code run}",
            "traceback": "{traceback}",
            "crash": "{crash}",
            "memory": "{memory}",
            "hang": "{hang}",
            "HDF5 loop": "{HDF5 loop}",
            "commit": "{commit}",
        },
    ),
    "side_by_side": Table(
        "side_by_side",
        {
            "": "{way}",
            "seconds": "{seconds}",
            "peak GiB": "{peak_gib:.2f}",
            "forest macro-F1": mean("random_forest"),
            "boosting macro-F1": mean("gbdt"),
            "own macro-F1": mean("own"),
        },
    ),
    "binary_rf_full_size": Table(
        "binary_rf_full_size",
        {
            "fits": "{fits}",
            "seconds": "{seconds}",
            "seconds of processor time": "{cpu_seconds}",
            "peak GiB": "{peak_gib:.2f}",
        },
    ),
    "binary_rf_costs": Table(
        "binary_rf_costs",
        {
            "": "{way}",
            "trees": "{trees:,}",
            "seconds in fits": "{all_fits_seconds}",
            "ms per tree": "{ms_per_tree}",
            "peak GiB": "{peak_gib:.2f}",
            "mean AUROC": "{auroc:.3f}",
        },
    ),
    "boosting": Table(
        "boosting",
        {
            "library": "{library}",
            "seconds per round": "{seconds_per_round}",
            "macro-F1 after 20 rounds": "{macro_f1:.2f}",
        },
    ),
    "annotation": Table(
        "annotation",
        {
            "method": "{method}",
            "cells": "{cells:,}",
            "file": "{file}",
            "seconds": "{seconds}",
            "peak GiB": "{peak_gib:.2f}",
        },
    ),
    "unknown_types": Table(
        "unknown_types",
        {
            "cells": "{data}",
            "method": "`{method}`",
            "AUROC of far": "{auroc:.3f}",
            "caught: far": "{caught:.0%}",
            "far or between": "{caught_in_doubt:.0%}",
            "known cells: far": "{known_far:.1%}",
            "between": "{known_between:.1%}",
            "AUROC of entropy": "{auroc_entropy:.3f}",
        },
    ),
    "rejection": Table(
        "rejection",
        {
            "cells": "{data}",
            "method": "`{method}`",
            "all": "{accuracy_100:.3f}",
            "95 % kept": "{accuracy_95:.3f}",
            "90 % kept": "{accuracy_90:.3f}",
            "80 % kept": "{accuracy_80:.3f}",
            "70 % kept": "{accuracy_70:.3f}",
        },
    ),
    "across": Table(
        "across",
        {
            "annotated file": "{data}",
            "its label": "{label}",
            "cells": "{cells}",
            "most often named": "{named}",
            "far": "{far:.0%}",
            "between": "{between:.0%}",
            "most often broad": "{broad}",
        },
    ),
    "geneformer_speed": Table(
        "geneformer_speed",
        {
            "`--max-tokens`": "{max_tokens:,}",
            "training, cells/s: reference": "{train_reference}",
            "ours": "{train_ours}",
            "ours, frozen": "{train_frozen}",
            "padding": "{padding}",
            "inference, cells/s: reference": "{infer_reference}",
            "ours ": "{infer_ours}",
        },
    ),
    "geneformer_quick": Table(
        "geneformer_quick",
        {
            "part": "{part}",
            "cells": "{n_cells:,}",
            "accuracy": "{accuracy:.3f}",
            "macro-F1": "{macro_f1:.3f}",
            "ECE": "{ece:.3f}",
        },
    ),
    "geneformer_scores": Table(
        "geneformer_scores",
        {
            "": "{start}",
            "`--max-tokens`": "{max_tokens}",
            "accuracy": "{accuracy:.3f}",
            "macro-F1": "{macro_f1:.3f}",
            "seconds": "{seconds}",
        },
    ),
    "cellama": Table(
        "cellama",
        {
            "vectors and what names cells by them": "{variant}",
            "splits": "{n_splits}",
            "macro-F1": "{macro_f1_mean:.3f}",
            "SD": "{macro_f1_std:.3f}",
            "accuracy": "{accuracy_mean:.3f}",
            "SD ": "{accuracy_std:.3f}",
            "fit, CPU s": "{fit_cpu_seconds:.0f}",
            "cells/CPU s: ranked": "{sentences_per_second:,.0f}",
            "embedded": "{vectors_per_second:,.0f}",
            "measured at": "{commits}",
        },
    ),
    "studies_accuracy": studies("accuracy"),
    "studies_averaged": studies("averaged_accuracy"),
    "studies_macro_f1": studies("averaged_macro_f1"),
    "studies_broad": studies("broad_right", " ({kept:.2f}, {broad_ece:.3f})"),
    "studies_by_markers": studies("markers_accuracy"),
    "studies_costs": CrossTable(
        "studies", "method", "`{method}`", "study", "{cpu_seconds:.0f}", beside=("fits", "{fits}")
    ),
    "studies_certainty": Table(
        "certainty",
        {
            "`--certainty`": "{certainty}",
            "right, mean of five studies": "{broad_right:.3f}",
            "of the study with the fewest": "{least_broad_right:.3f}",
            "keep the name of one type": "{kept:.3f}",
            "of the study with the fewest ": "{least_kept:.3f}",
            "calibration error": "{broad_ece:.3f}",
        },
    ),
    "studies_nested": Table(
        "nested",
        {
            "study left out": "{study}",
            "others among themselves: `augmented_network`": "{augmented_network:.3f}",
            "averaged": "{augmented_network, averaged:.3f}",
            "`marker_network`": "{marker_network:.3f}",
            "averaged ": "{marker_network, averaged:.3f}",
            "chosen": "{chosen}",
            "accuracy on the study": "{outer_accuracy:.3f}",
        },
    ),
    "annotation_ready": Table(
        "annotation_ready",
        {
            "cells": "{n_cells:,}",
            "genes": "{n_genes:,}",
            "genes a cell has counts of": "{genes_per_cell}",
            "file, GiB": "{file_gib}",
            "seconds": "{seconds}",
            "CPU seconds": "{cpu_seconds}",
            "peak GiB": "{peak_gib:.2f}",
        },
    ),
    "strangers": Table(
        "strangers",
        {
            "study": "{study}",
            "left out of training": "{left_out}",
            "its cells": "{n_strangers:,}",
            "AUROC": "{far_auroc:.3f}",
            "caught": "{caught:.2f}",
            "known called far": "{known_far:.3f}",
        },
    ),
    "protein_atlas": Table(
        "protein_atlas",
        {
            "simulated images": "{method}",
            "macro-F1": mean("macro_f1"),
            "micro-F1": mean("micro_f1"),
            "average precision": mean("average_precision"),
            "AUROC": mean("auroc"),
            "balanced F1 of the same answers": mean("balanced_f1"),
            "calibration error": mean("ece"),
        },
    ),
    "protein_atlas_costs": Table(
        "protein_atlas_costs",
        {
            "pixels along an edge": "{size:,}",
            "images": "{n_images}",
            "all channels": "{all_channels_cpu_seconds:.2f}",
            "green only": "{green_only_cpu_seconds:.2f}",
        },
    ),
    "cellama_niche": Table(
        "cellama_niche",
        {
            "sentence": "{sentence}",
            "cells": "{n_cells:,}",
            "macro-F1": "{macro_f1_mean:.3f}",
            "accuracy": "{accuracy_mean:.3f}",
        },
    ),
    "cellama_knowledge": CrossTable(
        "cellama_knowledge", "sentence", "{sentence}", "named_by", "{macro_f1_mean:.3f}"
    ),
}
