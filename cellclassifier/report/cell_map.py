"""Cells in a plane as numbers for the page's own drawing: few enough to be quick."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellclassifier.plots.style import colors_of_types, in_a_line
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.numbers import confidence_of
from cellclassifier.report.parts import CellMap
from cellclassifier.report.texts import named, number, percent

MOST_CELLS = 3000
GRID = 1000  # places along each axis
PLANES = ("umap", "pca")


def cell_map(found: Found, known: Known) -> CellMap | None:
    """The plane that the interview drew, each cell with its label and what it was called."""
    table = found.csv("cells_in_plane", "cell", "cell_type")
    if table is None or "interview" not in found.records:
        return None
    if not found.is_of_the_same_data("interview"):
        return None
    plane = next((name for name in PLANES if f"{name}_1" in table and f"{name}_2" in table), None)
    if plane is None or table.empty:
        return None
    if len(table) > MOST_CELLS:
        table = table.iloc[np.sort(np.random.default_rng(0).permutation(len(table))[:MOST_CELLS])]
    named_cells = _with_answers(table, known)
    wrong = named_cells["predicted"].notna() & (
        named_cells["predicted"] != named_cells["cell_type"]
    )
    tested = int(named_cells["predicted"].notna().sum())
    about = (
        f"{number(wrong.sum())} of {number(tested)} test cells are named wrongly "
        f"({percent(wrong.sum() / tested)}) by {in_a_line(known.leader)}: where types touch"
        if tested
        else f"{number(len(table))} cells of {table['cell_type'].nunique()} types"
    )
    types = sorted(
        {*table["cell_type"].astype(str), *named_cells["predicted"].dropna().astype(str)}
    )
    colors = colors_of_types(types)
    return CellMap(
        headline=about,
        how="Point at a cell for its label and what it was called; wheel or + and - zoom, dragging "
        "or arrow keys move, 0 shows all. Distances between far groups mean little.",
        command=found.command("interview"),
        csv="results/cells_in_plane.csv",
        cells=_as_json(named_cells, plane, types, colors),
        legend=tuple((named(name), colors[name]) for name in types),
    )


def _with_answers(table: pd.DataFrame, known: Known) -> pd.DataFrame:
    """The same cells with predicted and confidence, of the first split that tested them."""
    table = table.astype({"cell": str, "cell_type": str})
    if known.rows is None:
        return table.assign(predicted=None, confidence=np.nan)
    rows = known.rows.assign(confidence=confidence_of(known.rows))
    rows = rows[["cell", "predicted", "confidence"]].astype({"cell": str}).drop_duplicates("cell")
    return table.merge(rows, on="cell", how="left")


def _as_json(table: pd.DataFrame, plane: str, types: list[str], colors: dict[str, str]) -> dict:
    axes = table[[f"{plane}_1", f"{plane}_2"]].to_numpy(float)
    axes = np.nan_to_num(axes)
    low, high = axes.min(axis=0), axes.max(axis=0)
    places = np.rint(GRID * (axes - low) / np.maximum(high - low, 1e-9)).astype(int)
    index = {name: i for i, name in enumerate(types)}
    return {
        "plane": plane.upper(),
        "types": [named(name) for name in types],
        "colors": [colors[name] for name in types],
        "names": [named(name) for name in table["cell"]],
        "x": places[:, 0].tolist(),
        "y": (GRID - places[:, 1]).tolist(),
        "label": [index[name] for name in table["cell_type"]],
        "called": [
            index.get(name, -1) if isinstance(name, str) else -1 for name in table["predicted"]
        ],
        "sure": [0 if pd.isna(v) else round(100 * v) for v in table["confidence"]],
    }
