"""The talk: sections in order, each of the figures and tables that are there."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath

from cellclassifier.plots.style import NO_GENES
from cellclassifier.report import (
    about_answers,
    about_data,
    about_errors,
    about_others,
    about_ready,
    about_results,
    about_trials,
)
from cellclassifier.report.about_new_cells import annotated_table
from cellclassifier.report.about_results import Known
from cellclassifier.report.catalogue import (
    HOW_OF_OTHERS,
    KINDS,
    MOST_OF_A_SCRIPT,
    Kind,
    is_elsewhere,
    kind_of,
)
from cellclassifier.report.cell_map import cell_map
from cellclassifier.report.figure_notes import notes_of
from cellclassifier.report.found import Found
from cellclassifier.report.images import read_image
from cellclassifier.report.numbers import scores_of
from cellclassifier.report.parts import Figure, Page, Part, Section
from cellclassifier.report.texts import named

LARGEST_PAGE = 2_900_000  # bytes of all figures together
TITLE = "Naming cells by their RNA"


def make_page(folder: Path, records: Path, title: str = TITLE) -> Page:
    """Everything that is in an output folder, in the order of a talk.

    records: the folder of figures that were measured beforehand (docs/records); title: of
    the talk. Raises InputError where no script was run.
    """
    found = Found(Path(folder))
    found.main  # noqa: B018 (raises where nothing was run)
    known = _known(found)
    figures = Figures(found, known)
    sections = (
        Section(
            "short",
            "In two minutes",
            parts=(about_answers.in_two_minutes(found, known, records),),
        ),
        _data(found, known, figures),
        about_data.protocol_section(found),
        _results(found, known, figures),
        _cost(found, figures),
        _errors(found, known, figures),
        _unknown(found, figures, records),
        _images(found, figures),
        about_others.limits_section(found, known),
        about_others.next_section(found, known),
        about_others.runs_section(found),
    )
    sections = tuple(s for s in sections if s.parts or s.paragraphs or s.missing)
    when = datetime.now().astimezone().strftime("%d %B %Y, %H:%M")
    return Page(named(title), named(found.main["data"].get("file", "")), when, sections)


def _known(found: Found) -> Known:
    scores = scores_of(found)
    if scores is None:
        return Known(None)
    leader = scores.chosen
    if leader == NO_GENES:
        return Known(scores, leader)
    rows = found.predictions(leader, found.main.get("seeds") or ())
    return Known(scores, leader, rows)


def _data(found: Found, known: Known, figures: Figures) -> Section:
    parts = _there(about_data.data_table(found), cell_map(found, known), *figures.of("data"))
    return Section(
        "data",
        "The question and the data",
        about_data.data_paragraphs(found),
        parts,
        about_others.scripts_not_run(found, "interview"),
    )


def _results(found: Found, known: Known, figures: Figures) -> Section:
    table = known.scores and about_results.score_table(found, known.scores)
    trust = known.scores and about_results.trust_table(found, known)
    parts = _there(table, *figures.of("results"), trust, *figures.others())
    missing = about_others.scripts_not_run(found, "multiclass_baselines", "compare")
    missing += about_trials.missing_lines(found)
    paragraphs = about_results.what_stands_here(found, known)
    paragraphs += about_trials.what_was_compared(found, known)
    return Section("results", "Results", paragraphs, parts, missing)


def _cost(found: Found, figures: Figures) -> Section:
    parts = _there(*figures.of("cost"), about_results.cost_table(found))
    return Section("cost", "Cost", parts=parts)


def _errors(found: Found, known: Known, figures: Figures) -> Section:
    tables = about_errors.confused_table(found, known), about_errors.hard_cells_table(found)
    missing = about_others.scripts_not_run(found, "binary_rf")
    parts = _there(tables[0], *figures.of("errors"), tables[1])
    return Section("errors", "Errors and their biology", parts=parts, missing=missing)


def _unknown(found: Found, figures: Figures, records: Path) -> Section:
    tables = about_others.unknown_table(records), about_others.laboratory_table(records)
    of_studies = about_ready.ready_table(about_ready.ready_model())
    parts = _there(of_studies, annotated_table(found), *tables, *figures.of("unknown"))
    missing = ()
    if "annotate" not in found.records:
        missing = ("No new cells were named here: cellclassifier annotate --help",)
    title = "Unknown cells and other laboratories"
    return Section("unknown", title, parts=parts, missing=missing)


def _images(found: Found, figures: Figures) -> Section:
    """Another question: where proteins are in images of cells."""
    if "protein_atlas" not in found.records:
        return Section("images", "Proteins in images")
    told = "The same protocol on images, several answers each."
    if found.records["protein_atlas"].get("simulated"):
        told += " These images are simulated: the figures show the way, and no result."
    return Section("images", "Proteins in images", (told,), tuple(figures.of("images")))


def _there(*parts: Part | None) -> tuple[Part, ...]:
    return tuple(part for part in parts if part is not None)


class Figures:
    """The figures of an output folder, read when a section asks for them, up to a size in all."""

    def __init__(self, found: Found, known: Known):
        self.found, self.known, self.left = found, known, LARGEST_PAGE
        names = [
            PurePosixPath(o) for r in found.records.values() for o in r["outputs"] if _is_plot(o)
        ]
        self.kinds = {path.stem: kind_of(path.stem, known.leader) for path in names}

    def of(self, section: str) -> list[Figure]:
        """Those of one section, in the order of the catalogue."""
        found = []
        for kind in (kind for kind in KINDS if kind.section == section):
            names = sorted(name for name, own in self.kinds.items() if own is kind)
            found += [self._read(name, kind) for name in names[: kind.most]]
        return [figure for figure in found if figure is not None]

    def others(self) -> list[Figure]:
        """Those that the catalogue does not know, a few of each script."""
        names = [n for n, kind in self.kinds.items() if kind is None and not is_elsewhere(n)]
        by_script: dict[str, list[str]] = {}
        for name in names:
            script = self.found.script_of(f"plots/{name}.png") or ""
            by_script.setdefault(script, []).append(name)
        kind = Kind("", "results", HOW_OF_OTHERS)
        shown = [name for own in by_script.values() for name in sorted(own)[:MOST_OF_A_SCRIPT]]
        return [figure for name in shown if (figure := self._read(name, kind)) is not None]

    def _read(self, name: str, kind: Kind) -> Figure | None:
        file = f"plots/{name}.png"
        script = self.found.script_of(file) or ""
        if script and not self.found.is_of_the_same_data(script):
            return None
        image = read_image(self.found.folder / file)
        if image is None:
            self.found.unreadable.append(file)
            return None
        if len(image.uri) > self.left:
            self.found.unreadable.append(f"{file} (the page would be too large)")
            return None
        self.left -= len(image.uri)
        return Figure(
            headline=named_line(image.title or name.replace("_", " ")),
            how=kind.how,
            command=self.found.command(script) if script else "",
            csv=f"results/{kind.csv}" if kind.csv else "",
            notes=notes_of(name, self.found, self.known),
            uri=image.uri,
            width=image.width,
            height=image.height,
            file=file,
        )


def named_line(text: str) -> str:
    """A finding on one line."""
    return about_data.named_long(text)


def _is_plot(output: object) -> bool:
    """Whether an entry of a record is a figure directly in plots/, whatever else is in it."""
    if not isinstance(output, str):
        return False
    path = PurePosixPath(output)
    return len(path.parts) == 2 and path.parts[0] == "plots" and path.suffix == ".png"
