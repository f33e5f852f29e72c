"""What an expert will ask at each figure, with answers from the numbers of this run."""

from __future__ import annotations

from cellclassifier.plots.style import in_a_line
from cellclassifier.report import about_results, about_trials
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.parts import Note
from cellclassifier.report.texts import named, percent


def notes_of(name: str, found: Found, known: Known) -> tuple[Note, ...]:
    """Notes of a figure by its name without ending; none for most."""
    makers = {
        "macro_f1_comparison": _metrics,
        "calibration": _calibration,
        "macro_f1_against_seconds": _cost,
        "comparison_scores": _scores,
        "comparison_learning": lambda f, k: about_trials.learning_note(f),
        "comparison_trials": lambda f, k: about_trials.trials_note(f),
        "comparison_agreement": lambda f, k: about_trials.agreement_note(f),
        "binary_rf_auroc": _auroc,
    }
    if name not in makers or (known.scores is None and not name.startswith(("comp", "binary"))):
        return ()
    note = makers[name](found, known)
    return () if note is None else note if isinstance(note, tuple) else (note,)


def _metrics(found: Found, known: Known) -> Note:
    return Note(
        "Does it depend on the metric who is first?",
        f"First are {about_results.metrics_named(known.scores)}.",
    )


def _calibration(found: Found, known: Known) -> Note:
    raw = {name: known.scores.value(name, "ece_raw") for name in known.scores.methods}
    worst = max(raw, key=raw.get)
    after = known.scores.value(worst, "ece")
    return Note(
        "What did calibration change?",
        f"Most for {in_a_line(worst)}: its error fell from {raw[worst]:.3f} to {after:.3f}. One "
        "temperature per model cannot bend a curve, only stretch it.",
    )


def _cost(found: Found, known: Known) -> tuple[Note, ...]:
    return about_results.cost_notes(known.scores)


def _scores(found: Found, known: Known) -> Note | None:
    record = found.records.get("compare", {})
    table = found.csv("comparison_pairs", "metric", "p_holm")
    if table is None or not record:
        return None
    rows = table[table["metric"] == "macro_f1"]
    apart = int((rows["p_holm"] < 0.05).sum())
    return Note(
        "How many of these differences are real?",
        f"{apart} of {len(rows)} pairs are told apart in macro-F1 at 5 % after Holm's correction.",
    )


def _auroc(found: Found, known: Known) -> Note | None:
    needed = ("Cell Type", "Negative Sampling", "AUROC", "Natural AUPRC", "Prevalence")
    table = found.csv("binary_rf_results", *needed)
    if table is None or table["Natural AUPRC"].isna().all():
        return None
    rows = table[table["Negative Sampling"] == "random"].dropna(subset=["Natural AUPRC"])
    if rows.empty:
        return None
    worst = rows.loc[rows["Natural AUPRC"].idxmin()]
    return Note(
        "What is left of this at natural prevalence?",
        f"{named(worst['Cell Type'])} is {percent(worst['Prevalence'])} of the cells: "
        f"its AUROC of {worst['AUROC']:.2f} goes with an average precision of "
        f"{worst['Natural AUPRC']:.2f}.",
    )
