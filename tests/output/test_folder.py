"""The output folder: where everything goes, and that it comes back as it was."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from conftest import files_of

from cellclassifier.output.folder import Output

TABLE = pd.DataFrame({"method": ["a", "b"], "f1": [0.1 + 0.2, 1 / 3], "n": [3, 4]})


def test_csv_bytes(tmp_path):
    output = Output(tmp_path)
    output.csv("scores", TABLE)
    expected = b"method,f1,n\na,0.300000,3\nb,0.333333,4\n"
    assert (tmp_path / "results/scores.csv").read_bytes() == expected
    assert output.written == ["results/scores.csv"]


def test_a_failed_csv_is_not_listed(tmp_path):
    output = Output(tmp_path)
    with pytest.raises(AttributeError):
        output.csv("scores", None)
    assert output.written == [] and files_of(tmp_path) == set()


def test_figure(tmp_path):
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    Output(tmp_path).figure("confusion_CD8+/CD45RA+", figure)
    (path,) = tmp_path.glob("plots/confusion_CD8_CD45RA_-*.png")
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 3000
    assert not plt.fignum_exists(figure.number)


def test_methods_of_any_name_do_not_mix(tmp_path):
    output = Output(tmp_path)
    names = ("A/B", "A_B", "A B", "../A", "a" * 300)
    for i, name in enumerate(names):
        output.predictions(f"{name}-split42", TABLE.assign(n=i))
    for i, name in enumerate(names):
        assert output.read_predictions(name, [42])["n"].tolist() == [i, i]
    assert len({output.model_folder(name) for name in names}) == len(names)
    assert len(list((tmp_path / "predictions").iterdir())) == len(names)


def test_predictions_come_back(tmp_path):
    output = Output(tmp_path)
    tables = {
        seed: TABLE.assign(split=seed).rename(columns={"f1": "CD8+/CD45RA+ Naive"})
        for seed in (42, 43)
    }
    for seed, table in tables.items():
        output.predictions(f"gbdt-split{seed}", table)
    found = output.read_predictions("gbdt", [42, 43])
    pd.testing.assert_frame_equal(found, pd.concat(tables.values(), ignore_index=True))
    assert files_of(tmp_path / "predictions") == {"gbdt-split42.parquet", "gbdt-split43.parquet"}
