"""Colours of types and methods: the same everywhere, and told apart by colour-blind readers."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from cellclassifier.plots.style import METHOD_COLORS, color_of_method
from cellclassifier.plots.type_colors import PALETTE, colors_of_types

SORTED = [
    "CD14+ Monocyte",
    "CD19+ B",
    "CD34+",
    "CD4+ T Helper2",
    "CD4+/CD25 T Reg",
    "CD4+/CD45RA+/CD25- Naive T",
    "CD4+/CD45RO+ Memory",
    "CD56+ NK",
    "CD8+ Cytotoxic T",
    "CD8+/CD45RA+ Naive Cytotoxic",
    "Dendritic",
]
PBMC3K = [
    "Naive CD4 T",
    "Memory CD4 T",
    "CD14+ Mono",
    "B",
    "CD8 T",
    "FCGR3A+ Mono",
    "NK",
    "DC",
    "Platelet",
]
IFNB = [
    "CD14 Mono",
    "CD4 Naive T",
    "CD4 Memory T",
    "CD16 Mono",
    "B",
    "CD8 T",
    "T activated",
    "NK",
    "DC",
    "B Activated",
    "Mk",
    "pDC",
    "Eryth",
]
# Machado, Oliveira and Fernandes 2009 (doi 10.1109/TVCG.2009.113), severity 1, of linear RGB.
NORMAL = np.eye(3)
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def cielab(color: str, vision=NORMAL) -> np.ndarray:
    """L*, a*, b* (D65) of a colour as somebody sees it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(vision) @ linear, 0, 1)
    to_xyz = [[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07217], [0.01933, 0.11919, 0.9503]]
    xyz = (np.array(to_xyz) @ seen) / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors, vision=NORMAL) -> float:
    """Smallest distance in CIELAB of two of the colours; 2.3 is a just noticeable difference."""
    seen = [cielab(color, vision) for color in colors]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


def test_cielab_is_that_of_known_colours():
    np.testing.assert_allclose(cielab("#FFFFFF"), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(cielab("#FF0000"), [53.24, 80.09, 67.20], atol=0.02)


@pytest.mark.parametrize("types", [SORTED, PBMC3K, IFNB], ids=["sorted", "pbmc3k", "ifnb"])
def test_types_of_blood_are_told_apart_whatever_the_eye(types):
    colors = colors_of_types(types).values()
    assert nearest(colors) > 25
    for vision in BLINDNESS.values():
        assert nearest(colors, vision) > 14


def test_methods_and_other_names_are_told_apart_whatever_the_eye():
    for colors, apart in ((METHOD_COLORS.values(), 12), (PALETTE[:12], 12), (PALETTE, 6)):
        assert min(nearest(colors, vision) for vision in (NORMAL, *BLINDNESS.values())) > apart


@pytest.mark.parametrize(
    "spellings",
    [
        ("CD14+ Mono", "CD14 Mono", "CD14+ Monocyte", "CD14+ Monocytes", "CL:0000860"),
        ("Naive CD4 T", "CD4 Naive T", "CD4+/CD45RA+/CD25- Naive T", "naive CD4+ T cells"),
        ("B", "B cell", "B cells", "CD19+ B"),
        ("NK", "CD56+ NK", "natural killer cell", "CL:0000623"),
        ("FCGR3A+ Mono", "CD16 Mono", "non-classical monocyte"),
        ("DC", "Dendritic", "dendritic cell", "Dendritic cells"),
    ],
)
def test_a_type_has_one_colour_in_every_spelling(spellings):
    assert len(set(colors_of_types(spellings).values())) == 1


def test_a_types_colour_depends_on_no_other_type_of_the_table():
    everything = {**colors_of_types(SORTED), **colors_of_types(PBMC3K), **colors_of_types(IFNB)}
    for types in (SORTED, PBMC3K, IFNB, ["NK"], [*SORTED, "Neuron", "Astro"]):
        found = colors_of_types(reversed(types))
        assert all(found[name] == everything[name] for name in types if name in everything)


def test_names_out_of_the_table_are_told_apart_as_long_as_there_are_colours():
    names = [f"cluster {i}" for i in range(len(PALETTE))]
    colors = colors_of_types(names)
    assert len(set(colors.values())) == len(PALETTE)
    assert colors == colors_of_types(reversed(names))
    many = colors_of_types(f"cluster {i}" for i in range(3 * len(PALETTE)))
    assert np.bincount([PALETTE.index(color) for color in many.values()]).max() == 3


def test_the_same_colours_come_in_another_run():
    """Digests, unlike Python's own hashes, do not differ between runs."""
    code = "from cellclassifier.plots.style import color_of_method, colors_of_types\n"
    code += "print(colors_of_types(['Astro', 'L2/3', 'NK']), color_of_method('mine'))"
    run = [sys.executable, "-c", code]
    seeds = [{**os.environ, "PYTHONHASHSEED": seed} for seed in "12"]
    first, second = (subprocess.check_output(run, env=env, text=True) for env in seeds)
    assert first == second
    assert first.strip().endswith(color_of_method("mine"))


def test_labels_of_the_reference_data_have_the_colours_of_their_terms(shared):
    table = pd.read_csv(shared / "data" / "cell_type_terms.csv")
    table = table[~table["label"].isin(["T activated", "B Activated"])]  # states, not terms
    labels, terms = table["label"], table["term"]
    colors = colors_of_types([*labels, *terms])
    assert labels.map(colors).tolist() == terms.map(colors).tolist()
    assert not set(colors.values()) & set(PALETTE)
