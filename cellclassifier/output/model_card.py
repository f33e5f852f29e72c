"""The README.md of a saved model: what it was trained on, how good it is, and what it is not.

Made from what model.json holds, and nothing else; each section is left out, or says so, where that
holds nothing for it. The front matter is always the same: nothing of a file gets into it.
"""

from __future__ import annotations

from cellclassifier.output.markdown import table, verbatim

FRONT_MATTER = """---
library_name: cellclassifier
tags:
- single-cell
- scrna-seq
- cell-type-annotation
---"""
FOLDER = "path/to/this/folder"
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "cross_entropy": "cross-entropy, nats",
    "mcc": "Matthews correlation",
}
ONE_LABEL = "one label"  # the question of a model of cell types
FEW_CELLS = 20  # test cells of a type, below which its scores say little
SHOWN_GENES = 10


def model_card(description: dict) -> str:
    """Markdown; description: the content of model.json."""
    sections = {
        "How to use it": _usage(description),
        "Trained on": _data(description),
        "Scores": _scores(description),
        "Types": _types(description),
        "How far to believe it": _trust(description),
        "Genes": _genes(description),
        "Limits": _limits(description),
        "Licence": _licence(description),
        "Made with": _versions(description),
    }
    kind = description.get("question", ONE_LABEL)
    what = "Cell types" if kind == ONE_LABEL else kind.capitalize()  # "Several labels"
    title = f"# {what} by {verbatim(description['method'])}"
    parts = [FRONT_MATTER, title, " ".join(description.get("about", []))]
    parts += [f"## {name}\n\n{text}" for name, text in sections.items() if text]
    return "\n\n".join(filter(None, parts)) + "\n"


def _usage(description: dict) -> str:
    load = f'import cellclassifier as cc\n\nmodel = cc.load_model("{FOLDER}")\n'
    if "genes" not in description:
        return f"```python\n{load}model.predict_proba(x)\n```"
    return (
        f"```\ncellclassifier annotate --model {FOLDER} --cells new.h5ad\n```\n\n"
        f"```python\n{load}cc.annotate(adata, model)  # raw counts in adata.X\n```\n\n"
        "It takes raw UMI counts of whole cells, genes named by Ensembl ids or symbols, in any "
        "order. Every cell gets its most probable type, that type's probability, and whether it is "
        "like any type that the model knows (`far`, `known`): look at the last ones first. The "
        "package cellclassifier is needed, and the libraries named at the end."
    )


def _data(description: dict) -> str:
    data, cells = description.get("data", {}), description.get("n_cells", {})
    rows = [("file", verbatim(data["file"]))] if "file" in data else []
    rows += [row for study in data.get("studies", {}).values() for row in _of_study(study)]
    if "sha256" in data:
        rows.append(("SHA-256", verbatim(data["sha256"])))
    if "n_images" in data:
        rows.append(("in the file", f"{data['n_images']:,} images"))
    if "shape" in data:
        rows.append(("in the file", "{:,} cells, {:,} genes".format(*data["shape"])))
    for part, meaning in (("train", "to learn"), ("val", "to choose and calibrate")):
        if part in cells:
            rows.append((f"cells {meaning}", f"{sum(cells[part].values()):,}"))
    if "test" in cells:
        rows.append(("cells to test", f"{sum(cells['test'].values()):,}"))
    if "split" in description:
        rows.append(("split (seed)", str(description["split"])))
    source = (
        "**Source: not recorded.** The program knows the file and not where it comes from: write "
        "the study and its doi, tissue, chemistry, donors, and who gave the labels here."
    )
    return f"{table(('', ''), rows)}\n\n{source}" if rows else source


def _of_study(study: dict) -> list[tuple[str, str]]:
    size = "{:,} cells, {:,} genes".format(*study["shape"])
    file = verbatim(study["file"])
    return [(f"of which {file}", size), (f"SHA-256 of {file}", verbatim(study["sha256"]))]


def _scores(description: dict) -> str:
    scores = description.get("scores", {})
    rows = [
        (label, f"{scores[name]:.3f}", _interval(scores, name))
        for name, label in METRICS.items()
        if scores.get(name) is not None
    ]
    if not rows:
        return "None were handed over when the model was saved."
    text = (
        f"Of {scores['n_cells']:,} test cells of the same file, from which the model neither "
        "learned nor chose anything. The interval (95 %, bootstrap over these cells) says how far "
        "the choice of test cells moves the score; another split, and above all another "
        "laboratory, may move it further.\n\n"
    )
    text += table(("metric", "score", "95 % interval"), rows)
    if "n_cells" in description:
        largest = _of_largest(description)
        text += f"\n\nAlways naming the most frequent type: accuracy {largest:.3f}."
    return text


def _interval(scores: dict, name: str) -> str:
    low, high = scores.get(f"{name}_low"), scores.get(f"{name}_high")
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _of_largest(description: dict) -> float:
    """Share of the test cells that are of the training cells' most frequent type."""
    cells = description["n_cells"]
    largest = max(cells["train"], key=cells["train"].get)
    return cells["test"].get(largest, 0) / sum(cells["test"].values())


def _types(description: dict) -> str:
    cells, names = description.get("n_cells", {}), description["types"]
    if not cells:
        return "\n".join(f"- {verbatim(name)}" for name in names)
    of_test = {row["cell_type"]: row for row in description.get("per_type", [])}
    rows = [
        (
            verbatim(name),
            *(f"{cells[part].get(name, 0):,}" for part in cells),
            *(_digits(of_test.get(name, {}).get(key)) for key in ("precision", "recall", "f1")),
        )
        for name in names
    ]
    header = ("type", *(f"cells: {part}" for part in cells), "precision", "recall", "F1")
    return f"{table(header, rows)}\n\nPrecision, recall and F1 are of the test cells."


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _trust(description: dict) -> str:
    scores = description.get("scores", {})
    lines = [_of_calibration(description["calibration"])]
    if scores.get("ece") is not None and scores.get("ece_raw") is not None:
        lines[0] += (
            f" Expected calibration error of the test cells: {scores['ece']:.3f}, without "
            f"calibration {scores['ece_raw']:.3f}."
        )
    if description.get("tells_far_cells"):
        lines.append(
            "Cells that are like no type it knows are marked (`far`; `known` is false). The limit "
            "is set so that about 5 % of cells of known types are marked, too, in a file of "
            f"{_where_far_was_learned(description)}. How many cells of other types it catches was "
            "not measured for this model; of those that resemble a type it knows it misses most."
        )
    if description.get("tells_unknown_cells"):
        lines.append(
            "Cells that it is less sure of than of 95 % of the validation cells of their type are "
            "marked, too (`between`): between two types it knows, or a near relative of one. In "
            "another laboratory's file that may be many; their broader name is safer."
            if description.get("tells_far_cells")
            else "Cells that are unlike the validation cells are marked (`known` is false), about "
            "5 % of new cells of known types among them; in files of other laboratories far more."
        )
    elif not description.get("tells_far_cells"):
        lines.append("It does not tell cells of unknown types: each gets a name that it knows.")
    return "\n".join(f"- {line}" for line in lines)


def _where_far_was_learned(description: dict) -> str:
    if description.get("data", {}).get("studies"):
        return "another study, as every study of the training cells was to the others"
    return "the same laboratory; other laboratories' files were not learned from"


def _of_calibration(calibration: dict) -> str:
    temperature = calibration["temperature"]
    if calibration.get("val_ece_before") is None:
        return "Probabilities are not calibrated: there were no validation cells."
    if temperature == 1:
        return "Calibration on the validation cells left the probabilities as they were."
    return f"Probabilities are calibrated on the validation cells (temperature {temperature:.2f})."


def _genes(description: dict) -> str:
    genes = description.get("genes", [])
    weight = description.get("importance", [])
    if not genes:
        return ""
    text = f"It looks at {len(genes):,} genes, chosen from the training cells."
    if max(weight) > min(weight):
        places = sorted(range(len(genes)), key=lambda place: -weight[place])[:SHOWN_GENES]
        names = [f"{verbatim(description['symbols'][i])} ({weight[i]:.1%})" for i in places]
        text += f" Those that it leans on most: {', '.join(names)}."
    return text


def _limits(description: dict) -> str:
    lines = [
        "One file taught it. Cells of another laboratory, chemistry, tissue, disease or species "
        "differ from those in ways that no score above has seen.",
        "It knows the names above and no others: no finer ones, nor that a cell is a doublet, "
        "dying, or an empty droplet. The broader name of a cell that it is unsure of "
        "(`broad`) comes from the Cell Ontology, for names that are found there.",
        "The labels it learned from are taken for true. Whatever was wrong in them is learned, and "
        "scored as right. If they were computed from the same counts, the scores say how well it "
        "copies that computation.",
    ]
    if description.get("group_key"):
        lines.append(f"No group of {verbatim(description['group_key'])} is in two parts.")
    else:
        lines.append(
            "Cells were split one by one: those of one donor or batch may be among training and "
            "test cells alike, and scores of new donors lower."
        )
    n_test = description.get("n_cells", {}).get("test", {})
    few = [name for name, n_cells in n_test.items() if n_cells < FEW_CELLS]
    if few:
        names = ", ".join(map(verbatim, few))
        lines.append(f"Fewer than {FEW_CELLS} test cells, so that scores say little: {names}.")
    lines.append("It was made for research, and tested for nothing else.")
    return "\n".join(f"- {line}" for line in lines)


def _licence(description: dict) -> str:
    lines = ["- The program: MIT."]
    if description.get("licence_of_weights"):
        lines.append(f"- The weights it started from: {description['licence_of_weights']}.")
    lines.append(
        "- The cells, and with them what may be done with this model: **unknown**. Ask whoever "
        "gave them to you before you pass it on."
    )
    return "\n".join(lines)


def _versions(description: dict) -> str:
    made = description.get("made_with", {})
    lines = [f"{name} {version}" for name, version in made.items() if version]
    needed = [f"{name} {version}" for name, version in description["versions"].items()]
    lines.append(f"libraries that it needs: {', '.join(needed)}")
    if description.get("hyperparameters"):
        chosen = [f"{name} {value}" for name, value in description["hyperparameters"].items()]
        lines.append(f"hyperparameters: {verbatim(', '.join(chosen))}")
    return "\n".join(f"- {line}" for line in lines) + (
        "\n\nThis card was made from `model.json` beside it when the model was saved. It may be "
        "edited: the seal on the other files does not cover it. A run that saves the model again "
        "writes it anew, so keep an edited one in a copy of the folder."
    )
