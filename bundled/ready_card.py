"""The card of the ready model: studies, cells, types, what was measured, what it does not know."""

from __future__ import annotations

from cellclassifier.output.markdown import table
from cellclassifier.output.model_card import FRONT_MATTER

SOURCES = {
    "cells.npy": "FACS-sorted PBMC, Zheng et al. 2017 (doi 10.1038/ncomms14049); 3,874 cells of "
    "them in fastTopics (github.com/stephenslab/fastTopics, data/pbmc_facs.RData, BSD-2)",
    "pbmc3k.h5ad": "PBMC 3k, 10x Genomics, with the labels of Seurat's tutorial; in singlet "
    "(github.com/zdebruine/singlet)",
    "ifnb_2800.h5ad": "PBMC with and without interferon beta, Kang et al. 2018 (doi "
    "10.1038/nbt.4042, GEO GSE96583); 2,800 cells of them in iris3api "
    "(github.com/Wang-Cankun/iris3api, MIT)",
}
USAGE = """```
cellclassifier annotate --cells new.h5ad
```

```python
import cellclassifier as cc

cc.annotate(adata)  # raw counts, genes by Ensembl id or symbol
```"""
STRANGERS = """- Other tissues, other species, leukaemia: nothing of it was seen.
- Finer types (naive, memory and regulatory T cells, plasma cells, plasmacytoid dendritic cells,
  classical and non-classical monocytes): they get the name of their common type. Erythroid cells,
  mast cells, neutrophils, innate lymphoid cells, MAIT and gamma-delta T cells are no types of its
  own: they are called far, or by the nearest name.
- CD4 and CD8 T cells are hard to tell apart by RNA, and studies do not agree on them.
- A cell of an unknown type is not always called far: docs/studies.md has the shares.
"""


def card(facts: dict, measured: list[dict]) -> str:
    """Markdown; facts: the content of model.json; measured: rows of the record of studies."""
    sections = {
        "How to use it": USAGE,
        "Trained on": _studies(facts),
        "Types": _types(facts),
        "Measured by leaving whole studies out": _scores(measured),
        "What it does not know": STRANGERS.strip(),
        "Licence": "MIT, as the package. The weights are this project's own work; the cells are "
        "not part of it.",
    }
    parts = [FRONT_MATTER, "# The ready model of blood (PBMC)", " ".join(facts["limits"][:1])]
    parts += [f"## {name}\n\n{text}" for name, text in sections.items() if text]
    return "\n\n".join(parts) + "\n"


def _studies(facts: dict) -> str:
    rows = []
    for study in facts["data"]["studies"].values():
        source = SOURCES.get(study["file"], "unknown to this program")
        rows.append((study["file"], f"{study['shape'][0]:,}", source, study["sha256"]))
    return table(("file", "cells", "where it is to be had", "SHA-256"), rows)


def _types(facts: dict) -> str:
    parts = facts["n_cells"]
    rows = [
        (name, term or "", f"{parts['train'].get(name, 0):,}", f"{parts['val'].get(name, 0):,}")
        for name, term in facts["terms"].items()
    ]
    header = ("type", "Cell Ontology", "cells to learn from", "cells to choose and calibrate by")
    return table(header, rows)


def _scores(measured: list[dict]) -> str:
    if not measured:
        return ""
    text = (
        "The same method, trained on the other laboratories' cells alone. Averaged: probabilities "
        "are averaged over a cell's 15 neighbours in its file, as `annotate` does with this model. "
        'Broader: where no type reaches 0.8, a broader name that does ("T cell") is right, too.'
    )
    columns = {
        "study left out": "{study}",
        "cells": "{n_known:,.0f}",
        "accuracy": "{accuracy:.3f}",
        "averaged": "{averaged_accuracy:.3f}",
        "averaged, broader": "{broad_right:.3f}",
        "of which keep a type": "{kept:.2f}",
    }
    rows = [tuple(text.format(**row) for text in columns.values()) for row in measured]
    return f"{text}\n\n{table(tuple(columns), rows)}"
