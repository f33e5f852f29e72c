"""What `finetune_geneformer.py --quick` reaches on the embedded sample, from scratch.

python -m benchmarks.quick_fine_tuning             # prints a table
python -m benchmarks.quick_fine_tuning --record    # also writes a record for the docs
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import ROOT, print_table, run_measured, run_record, script
from benchmarks.data_sets import REPORTED_SEED, SAMPLE
from benchmarks.records import write_record

COMMAND = "python -m benchmarks.quick_fine_tuning"


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """of the split"""

    record: bool = False
    """also write docs/records/geneformer_quick.json"""


def main(config: Config) -> None:
    """Print the scores of every part."""
    # An empty working folder: neither cells.npy nor pretrained weights are there.
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quick", "--from-scratch", "--seed", config.seed, "--output", folder]
        run_measured(script(str(ROOT / "finetune_geneformer.py"), *options), cwd=folder)
        scores = pd.read_csv(Path(folder) / "results" / "scores" / "geneformer.csv")
        data = run_record(Path(folder), "finetune_geneformer")["data"]
    table = scores[["part", "n_cells", "accuracy", "macro_f1", "ece"]]
    print_table("quick fine-tuning: embedded sample", table.set_index("part").round(3))
    if config.record:
        files = {SAMPLE.name: data}
        print(write_record("geneformer_quick", COMMAND, table, [config.seed], files))


if __name__ == "__main__":
    main(tyro.cli(Config))
