"""Unknown cells and other laboratories, limits, and what next."""

from __future__ import annotations

from pathlib import Path

from cellclassifier.plots.style import in_a_line
from cellclassifier.report.about_data import remarks_of
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.parts import Note, Section, Table
from cellclassifier.report.records import read_record
from cellclassifier.report.texts import named, number, percent

UNKNOWN, ACROSS = "unknown_types", "across"
ACROSS_KEYS = {"data", "label", "cells", "named", "far", "between", "broad"}
MOST_LABELS = 8
SCRIPTS = {
    "interview": "what is in the file, and where its labels come from",
    "multiclass_baselines": "six methods on the same splits",
    "binary_rf": "one type or not, and by which genes",
    "finetune_geneformer": "a transformer on ranked genes",
    "cellular": "one space for the cells of all batches",
    "cellama": "cells as sentences of their genes, named by the sentences' vectors",
    "spoticell": "cells as pictures of their genes, also when most are missing",
    "protein_atlas": "where proteins are in images of cells",
    "compare": "every method side by side, and in trials",
}


def unknown_table(records: Path) -> Table | None:
    """How well cells of types that were never seen are told, from a record of the repository."""
    record = read_record(records, UNKNOWN)
    rows = [_refused(row) for row in record.get("rows", ()) if row.get("data") == "all"]
    rows = [row for row in rows if row is not None]
    if not rows:
        return None
    best = max(rows, key=lambda row: row["auroc"])
    caught, refused, word = percent(best["caught"]), percent(best["refused"]), best["word"]
    return Table(
        headline=f"Of cells of a type never seen, {in_a_line(best['method'])} calls {caught} "
        f"{word}, and {refused} of known cells",
        how="Measured beforehand, not in this run: every type was left out of training in turn; "
        "AUROC is how well unknown cells are ranked before known ones.",
        command=f"{record['command']} ({record['date']})",
        csv=f"docs/records/{UNKNOWN}.json",
        notes=(
            Note(
                "What if my sample has a type that the model never saw?",
                f"Then {caught} of its cells are called {word}; the others get the name of the "
                "nearest known type, often with a low confidence.",
            ),
        ),
        header=("method", "AUROC", f"new types called {word}", f"known cells called {word}"),
        rows=tuple(
            (
                in_a_line(row["method"]),
                f"{row['auroc']:.2f}",
                percent(row["caught"]),
                percent(row["refused"]),
            )
            for row in rows
        ),
    )


def _refused(row: dict) -> dict | None:
    """A row with the share of known cells that are refused; None where it lacks a number."""
    word = "far" if "known_far" in row else "unknown"  # as records named it before
    refused = row.get("known_far", row.get("known_refused"))
    numbers = {"auroc": row.get("auroc"), "caught": row.get("caught"), "refused": refused}
    if any(not isinstance(value, int | float) for value in numbers.values()):
        return None
    return {"method": str(row.get("method", "")), "word": word, **numbers}


def laboratory_table(records: Path) -> Table | None:
    """What a model of sorted cells says of another laboratory's cells, from a record."""
    record = read_record(records, ACROSS)
    rows = [row for row in record.get("rows", ()) if row.keys() >= ACROSS_KEYS]
    if not rows:
        return None
    rows = [row for row in rows if row["data"] == rows[0]["data"]]
    n_cells = sum(row["cells"] for row in rows)
    far, between = (sum(r["cells"] * r[key] for r in rows) / n_cells for key in ("far", "between"))
    file = str(rows[0]["data"]).split(" (")[0]
    return Table(
        headline=f"Trained on one laboratory alone, a model finds {percent(far)} of "
        f"{number(n_cells)} cells of another ({named(file)}) far, {percent(between)} between types",
        how="Measured beforehand, and not of the ready model, which learned from three studies: a "
        "model of the sorted cells names cells of another laboratory; a row is one of that file's "
        "largest labels. Broad: what it says where fine names are unsure.",
        command=f"{record['command']} ({record['date']})",
        csv=f"docs/records/{ACROSS}.json",
        notes=(
            Note(
                "Would you trust these names?",
                f"The broad ones: {percent(between)} of the cells lie between types, which is the "
                "model saying that a fine name is a guess there.",
            ),
        ),
        header=("its label", "cells", "most often named", "broad", "far", "between"),
        rows=tuple(
            (
                named(row["label"]),
                number(row["cells"]),
                named(row["named"]),
                named(row["broad"]),
                percent(row["far"]),
                percent(row["between"]),
            )
            for row in rows[:MOST_LABELS]
        ),
    )


def limits_section(found: Found, known: Known) -> Section:
    """What these numbers do not say."""
    shape = found.main["data"].get("shape") or (0, 0)
    lines = [
        f"These are {number(shape[0])} cells of one file. Another donor, chemistry or laboratory "
        "is another question: scores there are lower, and confidence is too high.",
    ]
    remarks = remarks_of(found)
    if "labels" in remarks:
        lines.append("A score can be no better than the labels: see where they come from, above.")
    if not (found.main.get("options") or {}).get("group_key"):
        lines.append(
            "Cells were split at random within types, so that cells of one donor are in all parts."
        )
    if known.scores is not None:
        few = known.scores.table.loc[known.leader]
        lines.append(
            f"{number(few['n_cells'])} test cells in {number(few['n_splits'])} splits: intervals "
            "say how far a score may be off by chance; smaller differences are no finding."
        )
    return Section("limits", "Limits", tuple(lines))


def next_section(found: Found, known: Known) -> Section:
    """What would answer the open questions, as commands."""
    lines = []
    if known.scores is not None and len(known.scores.leading) > 1:
        lines.append(
            f"{len(known.scores.leading)} methods are not told apart: more cells, or more splits "
            "(--n-splits 10), would."
        )
    if not (found.main.get("options") or {}).get("group_key"):
        lines.append("With --group-key donor the scores are those of a new donor.")
    lines.append("To name new cells of human blood: cellclassifier annotate --cells new.h5ad")
    lines.append(
        "To train on labelled cells of your own: python multiclass_baselines.py --cells "
        "labelled.h5ad (--label-key, if labels are under a name of yours)."
    )
    lines.append(
        "To name cells like those of this page: cellclassifier annotate --model "
        f"{named(found.folder.name)}/models/{known.leader or 'METHOD'} --cells new.h5ad"
    )
    return Section("next", "What next", tuple(lines))


def runs_section(found: Found) -> Section:
    """What was run on these cells, and what was not."""
    rows, missing = [], []
    for script, about in SCRIPTS.items():
        if script not in found.records:
            missing.append(f"{script}.py was not run here ({about}): python {script}.py")
    for script, record in found.records.items():
        source = record.get("data") if isinstance(record.get("data"), dict) else {}
        commit = str(record.get("git_commit") or "")[:8]
        rows.append((named(found.command(script)), named(source.get("file", "")), named(commit)))
        if source and not found.is_of_the_same_data(script):
            missing.append(
                f"{script}.py was last run on other cells ({named(source.get('file', ''))}): its "
                "figures are of those."
            )
    missing += [f"{named(name)} cannot be read and was left out." for name in found.unreadable]
    table = Table(
        headline=f"{len(rows)} scripts made this page",
        how="The same command on the same cells gives the same scores again, seconds aside; with "
        "--budget it depends on the time which parts were run.",
        csv="results/run_….json",
        header=("command", "cells", "commit"),
        rows=tuple(rows),
    )
    return Section("runs", "What was run", parts=(table,), missing=tuple(dict.fromkeys(missing)))


def scripts_not_run(found: Found, *scripts: str) -> tuple[str, ...]:
    """A line for each of these scripts that was not run."""
    return tuple(
        f"{script}.py was not run: python {script}.py"
        for script in scripts
        if script not in found.records
    )
