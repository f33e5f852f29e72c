"""In two minutes: which method, how often it is wrong, and what gives that away."""

from __future__ import annotations

from pathlib import Path

from cellclassifier.plots.style import first_word, in_a_line
from cellclassifier.report.about_results import Known
from cellclassifier.report.about_trials import elsewhere_sentence, errors_elsewhere
from cellclassifier.report.found import Found
from cellclassifier.report.numbers import SURE, Scores, confused
from cellclassifier.report.parts import Answers
from cellclassifier.report.texts import methods, named, per_hundred, percent, seconds


def in_two_minutes(found: Found, known: Known) -> Answers | None:
    """The three questions of somebody with a sample of their own."""
    if known.scores is None:
        return None
    answers = (
        (
            "Which method for my own PBMC sample?",
            (*which_method(known.scores, found.folder), *elsewhere(found, known.scores)),
        ),
        ("How often will it be wrong?", how_often(found, known)),
        ("How would I notice?", how_to_notice(known)),
    )
    return Answers(
        headline=short_answer(known),
        how="All numbers are of test cells of this run; a sample of another laboratory is harder.",
        command=found.command(found.script_of("results/summary.csv") or "multiclass_baselines"),
        csv="results/summary.csv",
        answers=answers,
    )


def short_answer(known: Known) -> str:
    """All three answers in a sentence."""
    wrong = per_hundred(1 - known.scores.value(known.leader, "accuracy"))
    answer = f"{first_word(known.leader)}: wrong on about {wrong} of 100 cells like these"
    if known.trust is None:
        return answer
    return (
        f"{answer}; the fifth it is least sure of holds {percent(known.trust.caught)} of its errors"
    )


def which_method(scores: Scores, folder: Path) -> tuple[str, ...]:
    """The one in front, or the cheapest of those that are not told apart."""
    leading, chosen = scores.leading, scores.chosen
    if len(leading) == 1:
        first = f"{first_word(chosen)}: on these cells it is told apart from all others."
    else:
        others = methods(name for name in leading if name != chosen)
        first = (
            f"{first_word(chosen)}: the cheapest ({seconds(scores.value(chosen, 'fit_seconds'))} "
            f"to fit) of those that are not told apart on these cells; the others are {others}."
        )
    name = f"{named(folder.name)}/models/{scores.chosen}"
    return (
        f"{first} Train it on cells of your own laboratory where you can.",
        f"cellclassifier annotate --model {name} --cells yours.h5ad",
    )


def elsewhere(found: Found, scores: Scores) -> tuple[str, ...]:
    """Which one for files that are unlike this one, where compare.py measured it."""
    sentence = elsewhere_sentence(found, scores.chosen)
    return (sentence,) if sentence else ()


def how_often(found: Found, known: Known) -> tuple[str, ...]:
    """Errors among test cells, and which."""
    scores, leader = known.scores, known.leader
    low, high = (1 - value for value in reversed(scores.span(leader, "accuracy")))
    wrong = 1 - scores.value(leader, "accuracy")
    between = f" (95 % interval {per_hundred(low)} to {per_hundred(high)})" if low != high else ""
    lines = [
        f"About {per_hundred(wrong)} of 100 cells{between}, for cells like those of this file, by "
        f"{in_a_line(leader)}."
    ]
    lines += filter(None, [errors_elsewhere(found, leader)])
    if known.rows is not None:
        errors = confused(known.rows)
        if len(errors.pairs):
            worst = errors.pairs.iloc[0]
            lines.append(
                f"Most often {named(worst.label)} is called {named(worst.predicted)} "
                f"({percent(worst.share)} of its cells)."
            )
        if errors.within is not None:
            lines.append(f"{percent(errors.within)} of the errors stay within a lineage.")
    return tuple(lines)


def how_to_notice(known: Known) -> tuple[str, ...]:
    """What confidence gives away."""
    trust = known.trust
    if trust is None:
        return ("Its predictions are not there, so that this page cannot tell.",)
    return (
        f"By the confidence: cells with {percent(SURE)} or more ({percent(trust.sure)} of them) "
        f"are wrong in {percent(trust.sure_wrong)} of cases, all others in "
        f"{percent(trust.unsure_wrong)}. The fifth of the cells with the lowest confidence holds "
        f"{percent(trust.caught)} of all errors: look at those.",
        "cellclassifier annotate marks new cells that are like no type it knows (far), and those "
        "between types; many of either in one cluster mean a type that the model never saw.",
    )
