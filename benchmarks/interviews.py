"""Where labels come from, as interview.py decides it, on real files (and on a given one).

python -m benchmarks.interviews                    # prints a table
python -m benchmarks.interviews --record           # also writes docs/records/interview.json
python -m benchmarks.interviews --cells cells.npy
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import print_table, shared_data
from benchmarks.data_sets import PBMC3K, REPORTED_SEED, SAMPLE, SORTED
from benchmarks.records import write_record
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interview.label_origin import origin_of_labels
from cellclassifier.options import available_cores

COMMAND = "python -m benchmarks.interviews"
SENTENCES = {
    "computed": "computed from these counts",
    "measured": "measured, or judged from other genes",
    "open": "left open",
}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    cells: Path | None = None
    """a file; default: the real ones beside the repository and the embedded sample"""

    seed: int = REPORTED_SEED
    """of subsamples and folds"""

    record: bool = False
    """also write docs/records/interview.json"""


def main(config: Config) -> None:
    """Print what recovers the labels of every file, and what follows."""
    rows, files = [], {}
    for name, path in _files(config.cells).items():
        cells = read_cells(CellsOptions(cells=path))
        origin = origin_of_labels(cells, config.seed, available_cores())
        files[name] = cells.uns["source"]
        data = f"{name}: {origin.n_cells:,} cells, {origin.n_genes:,} genes"
        rows.append({"data": data} | asdict(origin) | {"sentence": SENTENCES[origin.verdict]})
    table = pd.DataFrame(rows)
    print_table("interviews: what recovers the labels", table.set_index("data").round(3))
    if config.record:
        print(write_record("interview", COMMAND, table, [config.seed], files))


def _files(given: Path | None) -> dict[str, Path | None]:
    if given:
        return {given.stem: given}
    real = {"ifnb": "ifnb_2800.h5ad", SORTED.name: SORTED.file, PBMC3K.name: PBMC3K.file}
    found = {name: shared_data(file) for name, file in real.items()}
    return {SAMPLE.name: None} | {name: path for name, path in found.items() if path}


if __name__ == "__main__":
    main(tyro.cli(Config))
