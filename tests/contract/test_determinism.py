"""The same seed gives the same bits: twice, with other threads, in another process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from contract.registry import EVERY, SYSTEMS, fitted, new_inputs, saved_in, trained

pytestmark = pytest.mark.usefixtures("in_package")


@pytest.fixture(params=EVERY)
def name(request):
    return request.param


def test_a_seed_gives_one_model_whatever_the_threads(name):
    model = SYSTEMS[name].new()
    model.use_jobs(2)
    x = new_inputs(name)
    found = fitted(name, model).outputs(x).probabilities
    np.testing.assert_array_equal(found, trained(name).outputs(x).probabilities)
    assert model.calibration_ == trained(name).calibration_


def test_the_callers_random_numbers_stay_as_they_are(name):
    torch.manual_seed(7)
    before, of_numpy = torch.get_rng_state(), np.random.get_state()[1].tolist()
    fitted(name, SYSTEMS[name].new())
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == of_numpy


def test_rows_do_not_depend_on_their_neighbours(name):
    """One by one and in another order, but for the last digits of sums in single precision."""
    model, x = trained(name), new_inputs(name)
    expected = model.predict_proba(x)
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_allclose(model.predict_proba(x[order].copy()), expected[order], atol=1e-6)
    for i in (0, 49):
        alone = model.predict_proba(x[i : i + 1].copy())
        np.testing.assert_allclose(alone, expected[i : i + 1], atol=1e-6)


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
import tiny_models
sys.modules[tiny_models.PLACE] = tiny_models
from cellclassifier.interface import Classifier
from contract import registry
for name in registry.EVERY:
    x = registry.new_inputs(name)
    loaded = Classifier.load(Path(sys.argv[1]) / name)
    np.save(f"{name}-loaded.npy", loaded.predict_proba(x))
    np.save(f"{name}-fitted.npy", registry.fitted(name).predict_proba(x))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Folder of what another process predicts, with loaded models and with its own."""
    with pytest.MonkeyPatch.context():
        folders = {saved_in(tmp_path_factory, name).parent for name in EVERY}
    (saved,), folder = folders, tmp_path_factory.mktemp("elsewhere")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, str(saved)],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "7"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("how", ["loaded", "fitted"])
def test_another_process_gives_the_same_bits(elsewhere, name, how):
    expected = trained(name).predict_proba(new_inputs(name))
    np.testing.assert_array_equal(np.load(elsewhere / f"{name}-{how}.npy"), expected)
