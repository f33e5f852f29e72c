"""Fine-tuning that is killed at any moment ends with the same bytes; other bytes are told."""

from __future__ import annotations

import os
from random import Random

import pandas as pd
import pytest

from benchmarks import kills

SEED = os.environ.get("CELLCLASSIFIER_KILL_SEED", "0")  # others kill at other moments


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path):
    command = kills.command_in(tmp_path / "data")
    trained_for = kills.seconds_of_training(command, tmp_path / "whole")
    rng = Random(f"kills {SEED}")
    for i in range(2):
        kills.kill_and_resume(command, tmp_path / f"{i}", rng, trained_for)
        assert kills.differing(tmp_path / "whole", tmp_path / f"{i}") == []
    whole = tmp_path / "whole"
    compared = [*whole.glob("predictions/*"), *whole.glob("models/geneformer/*.safetensors")]
    assert len(compared) == 2 and len(list(whole.glob("results/**/*.csv"))) > 5


def test_other_bytes_are_told(tmp_path):
    for name, score, seconds in (("a", 0.5, 1), ("b", 0.5, 2), ("c", 0.25, 1)):
        (tmp_path / name / "results").mkdir(parents=True)
        table = pd.DataFrame({"accuracy": [score], "fit_seconds": [seconds]})
        table.to_csv(tmp_path / name / "results/scores.csv", index=False)
        (tmp_path / name / "predictions").mkdir()
        (tmp_path / name / "predictions/x.parquet").write_bytes(name.encode() * (name == "c"))
    assert kills.differing(tmp_path / "a", tmp_path / "b") == []
    both = ["predictions/x.parquet", "results/scores.csv"]
    assert kills.differing(tmp_path / "a", tmp_path / "c") == both
    (tmp_path / "b/predictions/x.parquet").unlink()
    assert kills.differing(tmp_path / "a", tmp_path / "b") == both[:1]
