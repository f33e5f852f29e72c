"""The output folder of a run: CSVs, figures, predictions and models, and where each goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.output.files import (
    safe_name,
    write_csv,
    write_figure,
    write_parquet,
    write_text,
)
from cellclassifier.output.processes import is_first

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
        """Write plots/<name>.png and close the figure; "/" in a name becomes "_"."""
        self._write(f"plots/{safe_name(name)}.png", write_figure, figure)

    def predictions(self, name: str, table: pd.DataFrame) -> None:
        """Write predictions/<name>.parquet."""
        self._write(f"predictions/{name}.parquet", write_parquet, table)

    def read_predictions(self, method: str, splits) -> pd.DataFrame:
        """The predictions of a method on all ``splits``, one below the other."""
        folder = self.folder / "predictions"
        names = [f"{method}-split{split}.parquet" for split in splits]
        return pd.concat([pd.read_parquet(folder / name) for name in names], ignore_index=True)

    def model_folder(self, method: str) -> Path:
        """The folder of a method's saved model (a model's own ``save`` replaces it whole)."""
        self.written.append(f"models/{method}")
        return self.folder / "models" / method

    def _write(self, relative: str, write: Callable[[Path, object], None], content) -> None:
        if is_first():
            write(self.folder / relative, content)
        self.written.append(relative)
