"""Tables of docs/cellular.md."""

from __future__ import annotations

from benchmarks.tables import Table, mean_if_several

CELLULAR_TABLES = {
    "cellular": Table(
        "cellular",
        {
            "named": "{task}",
            "learned by": "{variant}",
            "accuracy": mean_if_several("accuracy"),
            "macro-F1": mean_if_several("macro_f1"),
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
            "ASW type": mean_if_several("asw_type"),
            "ASW batch (BRAS)": mean_if_several("asw_batch"),
            "iLISI": mean_if_several("ilisi"),
            "kBET": mean_if_several("kbet"),
            "NMI": mean_if_several("nmi"),
            "ARI": mean_if_several("ari"),
            "overall": mean_if_several("overall"),
            "splits": "{n_splits}",
        },
    ),
}
