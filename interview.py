"""What is in a file of cells, and where do its labels come from?

    python interview.py                                   # cells.npy, else the embedded sample
    python interview.py --cells my.h5ad --label-key louvain --umap

Prints a short table and one sentence about the labels, also for files that the other scripts
refuse, and says what is suspicious about them. Outputs, under model_output/:

    results/data_summary.csv             every number of the table: quantity, statistic, value
    results/data_remarks.csv             what is suspicious, and the sentence: topic, remark
    results/cells_per_type.csv           cells, share, median counts and genes of every type
    results/cell_type_terms.csv          the Cell Ontology term of every label, and its broader name
    results/cells_per_type_and_group.csv, results/group_mixing.csv (--group-key)
                                         types by group, and whether types split by group
    plots/cells_per_type.png, plots/counts_and_genes.png
    plots/pca.png (and umap.png)         cells coloured by type, and by group
    results/cells_in_plane.csv           where each cell lies there
    plots/type_similarity.png            correlation of the types' mean profiles
    results/run_interview.json
"""

from __future__ import annotations

import logging
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellclassifier import cli, data, interview, output, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.errors import InputError
from cellclassifier.options import CommonOptions, available_cores, require_positive

if TYPE_CHECKING:
    import anndata as ad
    import pandas as pd

    from cellclassifier.interview.inspect import Inspected
    from cellclassifier.interview.numbers import Numbers

WIDTH = 100  # of the printed table
INDENT = 28  # of its values
MOST_GROUPS = 8  # beside each other in the printed table
BLANK = " " * INDENT
log = logging.getLogger("cellclassifier.interview")


@dataclass(frozen=True)
class Config(CellsOptions, CommonOptions):
    """Options of the interview."""

    umap: bool = False
    """also draw a UMAP (a minute more)"""


def main(config: Config) -> pd.DataFrame:
    """Show what the file holds; returns the printed table: quantity, value."""
    require_positive(config, "jobs")
    protocol.seeds_from(config.seed, 1, "1")
    out = output.Output(config.output)
    record = output.RunRecord("interview", config, out)

    log.info("Reading the cells ...")
    with record.step("read"):
        inspected = interview.inspect_cells(config)
    log.info("Counting %s cells by type ...", f"{inspected.cells.n_obs:,}")
    with record.step("summary"):
        numbers = interview.numbers_of_file(inspected)
        table = interview.data_summary(inspected, numbers)
        types = interview.cells_per_type(inspected)
        terms = interview.terms_of(types["cell_type"], config.cell_types)
        _draw_numbers(inspected, types, out)

    with record.step("types"):
        rows, found = _about_types(config, inspected, out)
        for row in [interview.about_terms(terms), *rows]:
            table.loc[len(table)] = row

    out.csv("cells_per_type", types)
    out.csv("cell_type_terms", terms)
    out.csv("data_summary", interview.as_table(numbers | found))
    out.csv("data_remarks", interview.data_remarks(inspected, rows))
    record.write(data=inspected.source, seeds=[config.seed])
    tables = [each.round(3).to_string(index=False) for each in (types, terms)]
    log.log(output.RESULT, "%s\n\n%s", "\n\n".join(tables), _wrapped(table))
    log.log(output.RESULT, "Outputs: %s", config.output.resolve())
    return table


def _draw_numbers(inspected: Inspected, types: pd.DataFrame, out: output.Output) -> None:
    """How many cells each type has, and how many counts and genes its cells have."""
    out.figure("cells_per_type", plots.interview.cell_numbers(types))
    cells, what = inspected.cells, "counts" if inspected.has_counts else "values"
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    totals, n_genes = data.features.total_counts(cells.X), cells.X.getnnz(axis=1)
    figure = plots.interview.violins(totals, n_genes, labels, types["cell_type"], what)
    out.figure("counts_and_genes", figure)


def _about_types(
    config: Config, inspected: Inspected, out: output.Output
) -> tuple[list[tuple[str, str]], Numbers]:
    """Draw the types beside each other; rows and numbers on groups and the labels' origin."""
    rows = interview.about_droplets(inspected.cells) if inspected.has_counts else []
    try:
        cells = inspected.comparable()
        shown = _draw_types(config, cells, out)
        if config.group_key:
            rows += _about_groups(config, cells, shown, out)
        log.info("Asking where the labels come from (%s cells) ...", f"{cells.n_obs:,}")
        jobs = config.jobs or available_cores()
        origin = interview.origin_of_labels(cells, config.seed, jobs)
    except InputError as error:
        return [*rows, ("labels", f"not examined: {error}")], {}
    return rows + interview.label_rows(origin), interview.numbers_of_labels(origin)


def _draw_types(config: Config, cells: ad.AnnData, out: output.Output) -> ad.AnnData:
    """Which types are alike, and whether cells of a type lie together; returns the cells shown."""
    log.info("Comparing the types ...")
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    profiles = data.features.mean_profiles(cells, labels)
    order = data.features.similarity_order(profiles)
    out.figure("type_similarity", plots.interview.similarity(profiles, order))
    shown, agreement = interview.embedded(cells, config.seed, config.umap)
    groups = cells.obs["group"].rename(config.group_key) if config.group_key else None
    for key, name in (("X_pca", "pca"), ("X_umap", "umap")):
        if key in shown.obsm:
            figure = plots.cells_in_plane(shown, key, agreement, interview.N_NEIGHBORS, groups)
            out.figure(name, figure)
    out.csv("cells_in_plane", interview.plane_table(shown))
    return shown


def _about_groups(
    config: Config, cells: ad.AnnData, shown: ad.AnnData, out: output.Output
) -> list[tuple[str, str]]:
    """Types beside groups, in tables; rows of the summary on whether they are mixed."""
    log.info("Comparing groups (--group-key %s) ...", config.group_key)
    table = interview.types_by_group(cells)
    groups = cells.obs["group"].loc[shown.obs_names].to_numpy(str)
    labels = shown.obs["cell_type"].to_numpy(str)
    mixing = interview.group_mixing(shown.obsm["X_pca"], labels, groups, config.seed)
    out.csv("cells_per_type_and_group", table)
    out.csv("group_mixing", mixing)
    wide = table.pivot_table("n_cells", "cell_type", "group", fill_value=0, aggfunc="sum")
    log.info(
        "%s",
        wide.iloc[:, :MOST_GROUPS].rename(index=data.printable, columns=data.printable).to_string(),
    )
    return interview.sentences(table, mixing, config.group_key)


def _wrapped(table: pd.DataFrame) -> str:
    """The table as text, long values wrapped beside their names."""
    rows = [
        textwrap.fill(value, WIDTH, initial_indent=f"{name:<{INDENT}}", subsequent_indent=BLANK)
        for name, value in table.itertuples(index=False)
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
