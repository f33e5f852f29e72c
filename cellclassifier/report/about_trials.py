"""What compare.py measured: how methods do on harder cells, in sentences with its numbers."""

from __future__ import annotations

import pandas as pd

from cellclassifier.plots.style import NO_GENES, first_word, in_a_line
from cellclassifier.report.about_data import named_long
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.parts import Note
from cellclassifier.report.texts import count, listed, methods, named, per_hundred, percent

COLUMNS = ("method", "trial", "level", "accuracy", "macro_f1", "n_train", "f1_of_rare", "note")
PLAIN = "plain"
NOT_RUN = "not run"  # what the notes of rows without a score begin with
MOST_NAMES, MOST_REASONS = 4, 2
MOST_TWICE = 3  # methods whose two scores are told, largest differences first
SAME_SCORE = 0.005  # macro-F1 in which two measurements of a method differ by rounding
ELSEWHERE = ("groups", "genes", "depth")  # what a file of another laboratory may be like


def trials_of(found: Found) -> pd.DataFrame | None:
    """Rows of results/comparison.csv that were run, of methods that look at genes, or None."""
    if "compare" not in found.records or not found.is_of_the_same_data("compare"):
        return None
    table = found.csv("comparison", *COLUMNS)
    if table is None:
        return None
    table = table[table["macro_f1"].notna() & (table["method"] != NO_GENES)]
    table = table.assign(level=table["level"].fillna("").astype(str))
    return None if table.empty else table


def kept_elsewhere(table: pd.DataFrame) -> pd.Series:
    """Mean macro-F1 over groups left out, missing genes and few counts, best first.

    Of methods that were run in all of those trials that any was.
    """
    rows = table[table["trial"].isin(ELSEWHERE)]
    wide = rows.pivot_table("macro_f1", "method", ["trial", "level"])
    return wide.dropna().mean(axis=1).sort_values(ascending=False, kind="stable")


def elsewhere_sentence(found: Found, chosen: str) -> str:
    """Which method keeps most of its score, empty where it was not measured."""
    table = trials_of(found)
    kept = kept_elsewhere(table) if table is not None else pd.Series(dtype=float)
    if len(kept) < 2:
        return ""
    names = {"genes": "genes missing", "depth": "few counts left", "groups": "groups left out"}
    run = [text for trial, text in names.items() if (table["trial"] == trial).any()]
    best = kept.index[0]
    text = (
        f"With {listed(run)} (one split) {in_a_line(best)} keeps most: macro-F1 {kept[best]:.2f} "
        "in the mean"
    )
    other = chosen in kept.index and chosen != best
    return f"{text}, {in_a_line(chosen)} {kept[chosen]:.2f}." if other else f"{text}."


def what_was_compared(found: Found, known: Known) -> tuple[str, ...]:
    """How many methods compare.py set side by side, and whose scores stand on the page twice."""
    table = trials_of(found)
    if table is None:
        return ()
    plain = table[table["trial"] == PLAIN].assign(split=1)
    compared = plain.groupby("method").agg({"macro_f1": "mean", "split": "size"})
    fewest, most = int(compared["split"].min()), int(compared["split"].max())
    splits = count(most, "split") if fewest == most else f"{fewest} to {most} splits"
    line = f"compare.py: {count(len(compared), 'method')} on the same test cells, on {splits} each."
    kept = elsewhere_sentence(found, known.leader)
    harder = errors_elsewhere(found, known.leader)
    return tuple(filter(None, (line, _twice(found, known, compared), f"{kept} {harder}".strip())))


def _twice(found: Found, known: Known, compared: pd.DataFrame) -> str:
    """Methods whose two scores differ, and what was done otherwise.

    compared: index method, columns macro_f1 and split (how many), of compare.py.
    """
    scores = known.scores
    if scores is None:
        return ""
    both = compared.loc[compared.index.intersection(scores.table.index)]
    both = both.assign(own=[scores.value(method, "macro_f1") for method in both.index])
    gap = (both["own"] - both["macro_f1"]).abs()
    both = both[gap > SAME_SCORE].loc[lambda rows: gap[rows.index].sort_values().index[::-1]]
    said = []
    for method, row in both.head(MOST_TWICE).iterrows():
        script = found.writer_of(method)
        quick = " --quick" if found.is_quick(script) else ""
        said.append(
            f"{in_a_line(method)} {row['own']:.2f} ({named(script)}{quick}, "
            f"{count(scores.splits(method), 'split')}) and {row['macro_f1']:.2f} (compare.py, "
            f"{count(int(row['split']), 'split')})"
        )
    return f"Run twice, with other splits or effort: {'; '.join(said)}." if said else ""


def errors_elsewhere(found: Found, chosen: str) -> str:
    """How often a method is wrong where genes or counts are missing, or groups were left out."""
    table = trials_of(found)
    if table is None:
        return ""
    wrong = 1 - table[table["method"] == chosen].set_index(["trial", "level"])["accuracy"]
    said = []
    for trial, text in (("genes", "{} of the genes missing"), ("depth", "{} of the counts left")):
        if trial in wrong.index and len(own := wrong[trial]):
            level = sorted(own.index, key=float)[len(own) // 2]
            said.append(f"{per_hundred(own[level])} with {text.format(percent(float(level)))}")
    if "groups" in wrong.index:
        said.append(f"{per_hundred(wrong['groups'].max())} for the hardest group left out")
    if not said:
        return ""
    return f"Of 100 of its cells {in_a_line(chosen)} names wrongly {listed(said)}."


def missing_lines(found: Found) -> tuple[str, ...]:
    """Rows of the comparison that were not run: a line per reason, the last for all others."""
    table = found.csv("comparison", *COLUMNS)
    if table is None or "compare" not in found.records:
        return ()
    notes = table.loc[table["note"].notna(), ["method", "note"]].astype(str)
    notes = notes[notes["note"].str.startswith(NOT_RUN)]
    reasons = list(notes.groupby("note", sort=False)["method"])
    shown = reasons if len(reasons) <= MOST_REASONS else reasons[: MOST_REASONS - 1]
    lines = [
        f"compare.py, {_who(names)}: {named_long(note)} ({count(len(names), 'row')})."
        for note, names in shown
    ]
    if further := [name for _, names in reasons[len(shown) :] for name in names.unique()]:
        lines.append(f"Not set beside: {methods(further)} (results/comparison.csv says why).")
    return tuple(lines)


def _who(names: pd.Series) -> str:
    names = names.unique()
    return named(methods(names)) if len(names) <= MOST_NAMES else count(len(names), "method")


def learning_note(found: Found) -> Note | None:
    """Would more cells help? By how much the last step of each curve rose."""
    table = trials_of(found)
    rows = table[table["trial"] == "learning"] if table is not None else pd.DataFrame()
    if len(rows) == 0:
        return None
    gains = {}
    for method, own in rows.sort_values("n_train").groupby("method"):
        if len(own) > 1:
            gains[method] = own["macro_f1"].iloc[-1] - own["macro_f1"].iloc[-2]
    if not gains:
        return None
    best, worst = max(gains, key=gains.get), min(gains, key=gains.get)
    return Note(
        "Would more cells help?",
        f"From the last size but one to all training cells {in_a_line(best)} gained "
        f"{gains[best]:+.3f} in macro-F1, {in_a_line(worst)} {gains[worst]:+.3f}; one split, so "
        "that steps of 0.02 may be chance.",
    )


def trials_note(found: Found) -> Note | None:
    """How much noise of labels costs, and whom it costs least."""
    table = trials_of(found)
    if table is None:
        return None
    wide = table[table["trial"].isin(("learning", "noise"))]
    clean = wide[(wide["trial"] == "learning") & (wide["level"].astype(str).isin(("1", "1.0")))]
    noisy = wide[wide["trial"] == "noise"]
    if clean.empty or noisy.empty:
        return None
    level = max(noisy["level"], key=float)
    both = pd.DataFrame(
        {
            "clean": clean.groupby("method")["macro_f1"].mean(),
            "noisy": noisy[noisy["level"] == level].groupby("method")["macro_f1"].mean(),
        }
    ).dropna()
    if both.empty:
        return None
    loss = (both["clean"] - both["noisy"]).sort_values(kind="stable")
    return Note(
        "What do wrong labels cost?",
        f"With {percent(float(level))} of the training labels swapped within their lineage "
        f"{in_a_line(loss.index[0])} loses {loss.iloc[0]:.3f} of macro-F1, "
        f"{in_a_line(loss.index[-1])} {loss.iloc[-1]:.3f}. {first_word(loss.index[0])} is least "
        "disturbed.",
    )


def agreement_note(found: Found) -> Note | None:
    """How often two methods make the same error."""
    needed = ("method_a", "method_b", "both_wrong", "same_error")
    table = found.csv("comparison_agreement", *needed)
    if table is None or table.empty or "compare" not in found.records:
        return None
    wrong, same = table["both_wrong"].mean(), table["same_error"].mean()
    if not wrong:
        return None
    return Note(
        "Do they err alike, or would a vote help?",
        f"Two methods are both wrong on {percent(wrong)} of the cells on average, and give the "
        f"same wrong answer in {percent(same / wrong)} of those: a vote cannot mend these.",
    )
