"""In two minutes: which method, how often it is wrong, and what gives that away."""

from __future__ import annotations

from pathlib import Path

from cellclassifier.plots.style import first_word, in_a_line
from cellclassifier.report.about_ready import how_often_far, how_often_wrong, ready_model, span
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.numbers import SURE, Scores, confused
from cellclassifier.report.parts import Answers
from cellclassifier.report.texts import named, per_hundred, percent, seconds

READY = "cellclassifier annotate --cells yours.h5ad"


def in_two_minutes(found: Found, known: Known, records: Path) -> Answers:
    """The three questions of somebody with a sample of their own."""
    answers = (
        ("Which method for my own PBMC sample?", which_method(known.scores, found.folder)),
        ("How often will it be wrong?", how_often(known)),
        ("How would I notice?", how_to_notice(known, records)),
    )
    return Answers(
        headline=short_answer(),
        how="The ready model was measured beforehand, by leaving out whole studies; the other "
        "numbers are of test cells of this run.",
        command=found.command(found.main_script),
        csv="docs/records/studies.json, results/summary.csv",
        answers=answers,
    )


def short_answer() -> str:
    """All three answers in a sentence."""
    ready = ready_model()
    if ready is None:
        return "New blood: the ready model; far, between and broad names tell where not to trust it"
    return (
        f"New blood: the ready model, wrong on {span(1 - v for v in ready.right)} of 100 cells of "
        "laboratories it never saw; far, between and broad names say where"
    )


def which_method(scores: Scores | None, folder: Path) -> tuple[str, ...]:
    """The ready model, and when to train one of one's own: the cheapest of those in front."""
    lines = (
        "The ready model. It needs no training, and names 8 common types of human blood, CD4 and "
        "CD8 T cells among them. Raw counts go in, a table comes out (model_output/annotations/):",
        READY,
    )
    if scores is None:
        return lines
    chosen = scores.chosen
    alone = "told apart from all others" if len(scores.leading) == 1 else "the cheapest to fit"
    cost = seconds(scores.value(chosen, "fit_seconds"))
    return (
        *lines,
        "Train your own where you have labelled cells, need finer types or have another tissue. On "
        f"this page's cells: {in_a_line(chosen)}, {alone} ({cost}) of the methods in front.",
        f"cellclassifier annotate --model {named(folder.name)}/models/{chosen} --cells yours.h5ad",
    )


def how_often(known: Known) -> tuple[str, ...]:
    """Of the ready model elsewhere, and of this run's among its own test cells, and which."""
    lines = [*how_often_wrong(ready_model())]
    if known.scores is None:
        return tuple(lines)
    scores, leader = known.scores, known.leader
    low, high = (1 - value for value in reversed(scores.span(leader, "accuracy")))
    wrong = 1 - scores.value(leader, "accuracy")
    between = f" (95 % interval {per_hundred(low)} to {per_hundred(high)})" if low != high else ""
    lines.append(
        f"{first_word(leader)}, trained on this page's cells: about {per_hundred(wrong)} of 100 "
        f"cells{between} of the same file; elsewhere more."
    )
    if known.rows is not None:
        errors = confused(known.rows)
        if len(errors.pairs):
            worst = errors.pairs.iloc[0]
            lines.append(
                f"Most often {named(worst.label)} is called {named(worst.predicted)} "
                f"({percent(worst.share)} of its cells)."
            )
    return tuple(lines)


def how_to_notice(known: Known, records: Path) -> tuple[str, ...]:
    """What annotate writes beside every name, and what confidence gives away."""
    lines = [
        "annotate writes beside every name whether the cell is far (less like any type than 95 of "
        "100 known cells) or between types (less sure than 95 of 100), and a broad name. A cluster "
        "of far cells is a type that it never saw; where many lie between, use the broad names.",
        how_often_far(records),
    ]
    trust = known.trust
    if trust is not None:
        sure_wrong, caught = percent(trust.sure_wrong), percent(trust.caught)
        lines.append(
            f"By confidence, in this page's file ({in_a_line(known.leader)}): {sure_wrong} of test "
            f"cells with {percent(SURE)} or more are wrong; the fifth with the lowest holds "
            f"{caught} of all errors. Elsewhere confidence is too high."
        )
    return tuple(filter(None, lines))
