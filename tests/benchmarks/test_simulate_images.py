"""Simulated images as a folder are what the script reads."""

from __future__ import annotations

import numpy as np

from benchmarks.simulate_images import Config, main
from cellclassifier.data.images import ImageFolder
from cellclassifier.data.locations import with_locations
from cellclassifier.data.simulated_images import simulated


def test_the_folder_holds_what_the_simulator_makes(tmp_path, capsys):
    main(Config(tmp_path / "made", n=6, size=40, seed=3))
    assert "SIMULATED" in capsys.readouterr().out
    images = ImageFolder.find(tmp_path / "made/images")
    located = with_locations(images, tmp_path / "made/train.csv")
    made = simulated(6, 40, 3)
    assert images.ids.tolist() == made.images.ids.tolist()
    for i in range(6):
        np.testing.assert_allclose(images.read(i), made.images.read(i), atol=1e-6)
        names = located.locations[located.shown[i]]
        assert names.tolist() == made.locations[made.shown[i]].tolist()
