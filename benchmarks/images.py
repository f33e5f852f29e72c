"""Remake docs/images, the README's plots, from a run on the embedded sample (make images)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, run_measured, script
from benchmarks.data_sets import REPORTED_SEED

IMAGES = {
    "multiclass_baselines.py": ("metrics", "confusion_soft_vote"),
    "binary_rf.py": ("binary_rf_markers",),
}


def main() -> None:
    """Run the scripts on the embedded sample and copy the plots that the README shows."""
    target = ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    # An empty working folder: no cells.npy there, so that everyone gets the same pictures.
    with tempfile.TemporaryDirectory() as folder:
        for name, plots in IMAGES.items():
            command = script(str(ROOT / name), "--seed", REPORTED_SEED, "--output", folder)
            run_measured(command, cwd=folder)
            for plot in plots:
                shutil.copy(Path(folder) / "plots" / f"{plot}.png", target)
                print(target / f"{plot}.png")


if __name__ == "__main__":
    main()
