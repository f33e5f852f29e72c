"""Results and cost: which method, how sure, at what price."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cellclassifier.plots.findings import not_told_apart, span, within
from cellclassifier.plots.style import LOWER_IS_BETTER, NO_GENES, first_word, in_a_line
from cellclassifier.report.found import Found
from cellclassifier.report.numbers import SURE, Scores, Trust, trust_of
from cellclassifier.report.parts import Note, Table
from cellclassifier.report.texts import (
    SPACE,
    count,
    listed,
    methods,
    named,
    number,
    percent,
    seconds,
)

DASH = "–\N{WORD JOINER}"  # at which no line ends
HEADER = ("method", "macro-F1", "95 %", "accuracy", "MCC", "calib. error", "fit", "by, splits", "")
HOW_SURE = "The confidence of every cell is in predictions/, and annotate writes it for new cells."


@dataclass(frozen=True)
class Known:
    """All that the sections are told of the methods; rows: test cells of the one in front."""

    scores: Scores | None
    leader: str = ""
    rows: pd.DataFrame | None = None

    @property
    def trust(self) -> Trust | None:
        """What the leader's confidence is worth."""
        return None if self.rows is None or self.rows.empty else trust_of(self.rows)


def score_table(found: Found, scores: Scores) -> Table:
    """A row per method, best first."""
    rows = []
    for method in scores.table.index:
        low, high = scores.span(method, "macro_f1")
        rows.append(
            (
                in_a_line(method).replace(" ", SPACE),
                f"{scores.value(method, 'macro_f1'):.3f}",
                f"{low:.2f}{DASH}{high:.2f}",
                f"{scores.value(method, 'accuracy'):.3f}",
                f"{scores.value(method, 'mcc'):.3f}",
                f"{scores.value(method, 'ece'):.3f}",
                seconds(scores.value(method, "fit_seconds")),
                made_by(found, scores, method),
                verdict(scores, method),
            )
        )
    return Table(
        headline=leading_sentence(scores),
        how="Means over splits. In front: the best and those not told apart from it (paired "
        "bootstrap over splits and test cells, corrected for all pairs by Holm). Rows of fewer "
        "splits or of a quick run are first looks, and not judged.",
        command=found.command(found.main_script),
        csv="results/paired_comparison.csv",
        notes=result_notes(scores),
        header=HEADER,
        rows=tuple(rows),
    )


def what_stands_here(found: Found, known: Known) -> tuple[str, ...]:
    """Which methods stand in the table of scores, and on how many splits."""
    scores = known.scores
    if scores is None:
        return ()
    n = scores.splits(scores.judged[0])
    told = f"{count(len(scores.judged), 'method')} saw the same {count(n, 'split')}"
    partial = [name for name in scores.methods if scores.is_partial(name)]
    if partial:
        told += f", {methods(partial)} fewer: these stand in the table, and are not judged"
    return (f"Scores of the scripts: {told}.",)


def made_by(found: Found, scores: Scores, method: str) -> str:
    """Which script measured a method, how, and on how many splits."""
    script = found.writer_of(method)
    quick = " --quick" if found.is_quick(script) else ""
    return f"{named(script)}{quick}, {scores.splits(method)}"


def verdict(scores: Scores, method: str) -> str:
    """What the comparison says of a method."""
    if scores.is_partial(method):
        return "not judged"
    return "in front" if method in scores.leading else ""


def leading_sentence(scores: Scores) -> str:
    """Who leads, or that nobody does."""
    names, leading = scores.judged, scores.leading
    values = span(pd.Series([scores.value(name, "macro_f1") for name in leading]))
    if len(names) == 1:
        return f"{first_word(names[0])}: macro-F1 {values} on test cells"
    if len(leading) == 1:
        second = f"the next, {in_a_line(names[1])}, {scores.value(names[1], 'macro_f1'):.2f}"
        return f"{first_word(leading[0])} is best: macro-F1 {values}; {second}"
    return f"{not_told_apart(leading, names)}: macro-F1 {values} on test cells"


def result_notes(scores: Scores) -> tuple[Note, ...]:
    """What is asked about the scores."""
    best = scores.judged[0]
    notes = [
        Note(
            "Is the first one really better than the second?",
            "Of the pairs with the first method, "
            f"{len(scores.judged) - len(scores.leading)} of {len(scores.judged) - 1} are told "
            "apart at 5 % after Holm's correction; where it says “not told apart”, other cells and "
            "splits may turn the order round.",
        ),
        Note(
            "Why macro-F1 and not accuracy?",
            f"{first_word(best)} has an accuracy of {scores.value(best, 'accuracy'):.2f} and a "
            f"macro-F1 of {scores.value(best, 'macro_f1'):.2f}: the gap is the rare types, which "
            "accuracy hardly sees.",
        ),
    ]
    if NO_GENES in scores.table.index:
        notes.append(
            Note(
                "What would no model at all score?",
                f"Naming every cell after the most frequent type: accuracy "
                f"{scores.value(NO_GENES, 'accuracy'):.2f}, macro-F1 "
                f"{scores.value(NO_GENES, 'macro_f1'):.2f}.",
            )
        )
    return tuple(notes)


def trust_table(found: Found, known: Known) -> Table | None:
    """What the confidence is worth, by its level."""
    if known.trust is None:
        return None
    trust, leader = known.trust, known.leader
    n_sure = round(trust.sure * trust.n_cells)
    rows = (
        (f"confidence {percent(SURE)} or more", number(n_sure), percent(trust.sure_wrong)),
        ("less", number(trust.n_cells - n_sure), percent(trust.unsure_wrong)),
        ("all", number(trust.n_cells), percent(trust.n_wrong / max(1, trust.n_cells))),
    )
    return Table(
        headline=f"Looking at the fifth of cells that {in_a_line(leader)} is least sure of finds "
        f"{percent(trust.caught)} of its errors",
        how=HOW_SURE,
        command=found.command(found.writer_of(leader)),
        csv=f"predictions/{leader}-split….parquet",
        notes=(
            Note(
                "Are the probabilities calibrated, and on which cells?",
                "By one temperature, fitted on the validation cells of each split. Its error on "
                f"test cells is {known.scores.value(leader, 'ece'):.3f}; before calibration it was "
                f"{known.scores.value(leader, 'ece_raw'):.3f}.",
            ),
        ),
        header=("test cells with", "cells", "wrong"),
        rows=rows,
    )


def cost_table(found: Found) -> Table | None:
    """Seconds and memory of every script that was run."""
    rows = []
    for script, record in found.records.items():
        steps = record.get("steps") if isinstance(record.get("steps"), dict) else {}
        spent = sum(step.get("seconds") or 0 for step in steps.values() if isinstance(step, dict))
        peak = record.get("peak_gib")
        gib = f"{peak:.2f} GiB" if isinstance(peak, int | float) else ""
        rows.append(
            (
                f"{script}.py",
                spent,
                gib,
            )
        )
    if not rows:
        return None
    dearest = max(rows, key=lambda row: row[1])
    return Table(
        headline=f"All scripts together took {seconds(sum(row[1] for row in rows))}, "
        f"{dearest[0]} the most ({seconds(dearest[1])})",
        how="Seconds of the last run of each script, figures included; parts that were taken up "
        "from an earlier run cost nothing.",
        command="",
        csv="results/run_….json",
        header=("script", "seconds", "peak memory"),
        rows=tuple((named(script), f"{spent:.1f}", gib) for script, spent, gib in rows),
    )


def cost_notes(scores: Scores) -> tuple[Note, ...]:
    """What is asked about cost."""
    times = {name: scores.value(name, "fit_seconds") for name in scores.methods}
    cheap, dear = min(times, key=times.get), max(times, key=times.get)
    if cheap == dear:
        return ()
    gain = scores.value(dear, "macro_f1") - scores.value(cheap, "macro_f1")
    return (
        Note(
            "What does the dearest method buy?",
            f"{first_word(dear)} takes {times[dear] / max(times[cheap], 1e-3):,.0f} times as long "
            f"as {in_a_line(cheap)} and scores {abs(gain):.3f} {'more' if gain > 0 else 'less'} in "
            "macro-F1.",
        ),
    )


def metrics_named(scores: Scores) -> str:
    """Which method is first by which metric, in a sentence, for a note."""
    first = {}
    for metric in ("accuracy", "macro_f1", "mcc", *LOWER_IS_BETTER, "ece"):
        if f"{metric}_mean" in scores.table:
            first.setdefault(scores.ranked(metric)[0], []).append(within(metric))
    return listed(f"{in_a_line(name)} by {listed(by)}" for name, by in first.items())
