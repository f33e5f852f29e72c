"""Tables of docs/cellular.md."""

from __future__ import annotations

from benchmarks.tables import Table


def scored(name: str) -> str:
    """The template of a score of an embedding: its mean over splits."""
    return f"{{{name}_mean:.3f}}"


CELLULAR_TABLES = {
    "cellular": Table(
        "cellular",
        {
            "named": "{task}",
            "learned by": "{variant}",
            "accuracy": "{accuracy_mean:.3f}",
            "macro-F1": "{macro_f1_mean:.3f}",
            "its SD over splits": "{macro_f1_std:.3f}",
            "splits": "{n_splits}",
            "cells": "{n_cells:,}",
        },
    ),
    "cellular_far": Table(
        "cellular_far",
        {
            "type left out": "{left_out}",
            "AUROC": "{auroc:.3f}",
            "called far": "{caught:.0%}",
            "known cells called far": "{known_far:.0%}",
        },
    ),
    "cellular_cost": Table(
        "cellular_cost",
        {
            "cells": "{data}: {n_cells:,}",
            "CPU seconds": "{cpu_seconds:.1f}",
            "peak GiB": "{peak_gib:.2f}",
            "epochs": "{n_epochs}",
            "macro-F1, test": "{macro_f1:.3f}",
        },
    ),
    "embedding": Table(
        "embedding",
        {
            "cells": "{data}: {n_cells:,}",
            "embedding": "{method}",
            "ASW type": scored("asw_type"),
            "ASW batch (BRAS)": scored("asw_batch"),
            "iLISI": scored("ilisi"),
            "kBET": scored("kbet"),
            "NMI": scored("nmi"),
            "ARI": scored("ari"),
            "overall": scored("overall"),
        },
    ),
}
