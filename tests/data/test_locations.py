"""The table that says which image shows which place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from test_images import write_stack

from cellclassifier.data.images import ImageFolder
from cellclassifier.data.locations import LOCATIONS, with_locations
from cellclassifier.data.simulated_images import NAMES, REAL_SHARES, SHARES_OF_COUNTS
from cellclassifier.errors import InputError


@pytest.fixture
def images(tmp_path) -> ImageFolder:
    for id_ in ("a", "b", "c"):
        write_stack(tmp_path, id_)
    return ImageFolder.find(tmp_path)


def table(tmp_path, *rows: str, header="Id,Target"):
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_numbers_become_places(tmp_path, images):
    located = with_locations(images, table(tmp_path, "c,25 0", "a,27", "b,16 0 25", "z,3"))
    assert located.images.ids.tolist() == ["a", "b", "c"]
    assert located.locations.tolist() == sorted(LOCATIONS) and located.shown.shape == (3, 28)
    names = [set(located.locations[row]) for row in located.shown]
    assert names[0] == {"Rods & rings"} and names[2] == {"Nucleoplasm", "Cytosol"}
    assert names[1] == {"Cytokinetic bridge", "Nucleoplasm", "Cytosol"}
    assert located.groups is None


def test_groups_and_images_without_a_row(tmp_path, images):
    path = table(tmp_path, "a,0,p1", "c,1,p2", header="Id,Target,plate")
    located = with_locations(images, path, "plate")
    assert located.images.ids.tolist() == ["a", "c"]
    assert located.groups.tolist() == ["p1", "p2"]


@pytest.mark.parametrize("number", ["28", "-1", "1.5", "x", "999", "²"])
def test_a_number_that_is_no_place(tmp_path, images, number):
    path = table(tmp_path, f"a,0 {number}")
    with pytest.raises(InputError, match=r"gives a the location .*expected numbers from 0 to 27"):
        with_locations(images, path)


def test_other_bad_tables(tmp_path, images):
    with pytest.raises(InputError, match="gives a no location"):
        with_locations(images, table(tmp_path, "a, "))
    with pytest.raises(InputError, match=r"names none of the images: it has q, \.\.\."):
        with_locations(images, table(tmp_path, "q,0"))
    with pytest.raises(InputError, match="has no column 'Target': it has Label"):
        with_locations(images, table(tmp_path, "a,0", header="Id,Label"))
    with pytest.raises(InputError, match="has no column 'plate'"):
        with_locations(images, table(tmp_path, "a,0"), "plate")
    with pytest.raises(InputError, match="names the image 'a' twice"):
        with_locations(images, table(tmp_path, "a,0", "a,1"))


@dataclass(frozen=True)
class OnlyIds:
    """Images of which nothing is known but their names."""

    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows) -> OnlyIds:
        return OnlyIds(self.ids[rows])


def test_the_real_table(shared):
    """31,072 images, against another reading; the shares that the simulator has are its."""
    path = shared / "data" / "hpa" / "train.csv"
    if not path.is_file():
        pytest.skip(f"the real table is not at hand: {path} is missing")
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    ids = np.array(sorted(row[0] for row in rows))
    located = with_locations(OnlyIds(ids), path)
    numbers = [LOCATIONS[int(number)] for _, target in rows for number in target.split()]
    shares = {name: numbers.count(name) / len(rows) for name in LOCATIONS}
    found = dict(zip(located.locations, located.shown.mean(axis=0), strict=True))
    assert len(located.images) == 31072 and found == pytest.approx(shares)
    assert located.shown.sum(axis=1).mean() == pytest.approx(1.634, abs=1e-3)
    assert {name: round(float(found[name]), 3) for name in NAMES} == REAL_SHARES
    counts = np.clip(located.shown.sum(axis=1), 1, 3)
    found = [float((counts == n).mean()) for n in (1, 2, 3)]
    assert found == pytest.approx(SHARES_OF_COUNTS, abs=0.005)
