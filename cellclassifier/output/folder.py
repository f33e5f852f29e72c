"""The output folder of a run: CSVs, figures, predictions and models, and where each goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.output.files import (
    file_name,
    write_figure,
    write_parquet,
    write_text,
)
from cellclassifier.output.processes import is_first
from cellclassifier.output.tables import write_csv

log = logging.getLogger(__name__)
FOLDERS = ("results", "plots", "predictions", "models")


class Output:
    """The output folder of a run; remembers what was written into it.

    Of several processes only the first one writes.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.written: list[str] = []

    def csv(self, name: str, table: pd.DataFrame) -> None:
        """Write results/<name>.csv, six decimals, the same bytes for the same table."""
        self._write(f"results/{name}.csv", write_csv, table)

    def text(self, name: str, content: str) -> None:
        """Write results/<name>.txt."""
        self._write(f"results/{name}.txt", write_text, content)

    def figure(self, name: str, figure: Figure) -> None:
        """Write plots/<name>.png and close the figure; the name as ``file_name`` makes it."""
        self._write(f"plots/{file_name(name)}.png", write_figure, figure)

    def predictions(self, name: str, table: pd.DataFrame) -> None:
        """Write predictions/<name>.parquet; the name as ``file_name`` makes it."""
        self._write(predictions_of(name), write_parquet, table)

    def read_predictions(self, method: str, splits) -> pd.DataFrame:
        """The predictions of a method on all ``splits``, one below the other."""
        paths = [self.folder / predictions_of(f"{method}-split{split}") for split in splits]
        return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)

    def model_folder(self, method: str) -> Path:
        """The folder of a method's saved model (a model's own ``save`` replaces it whole)."""
        self.written.append(f"models/{file_name(method)}")
        return self.folder / "models" / file_name(method)

    def _write(self, relative: str, write: Callable[[Path, object], None], content) -> None:
        if is_first():
            write(self.folder / relative, content)
            log.debug("written: %s", relative)
        self.written.append(relative)


def predictions_of(name: str) -> str:
    """Where the predictions of a method and split, or of another name, are in an output folder."""
    return f"predictions/{file_name(name)}.parquet"
