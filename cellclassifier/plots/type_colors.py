"""One colour per cell type, in every figure and every run.

Types of the blood have fixed colours, near relatives in near hues (T cells blue, B cells red,
monocytes orange, dendritic cells pink); any other name takes one from a palette by its digest.
Both tables were searched for: within its lineage's hues, or from anywhere, each colour lies as far
as possible from those that it stands beside, in CIELAB, as seen with full colour vision and with
protanopia, deuteranopia and tritanopia (simulated as by Machado et al. 2009, doi
10.1109/TVCG.2009.113). tests/plots/test_colors.py measures it. In grey, labels tell types apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

# By term of the Cell Ontology (https://obofoundry.org/ontology/cl, CC BY 4.0).
TERM_COLORS = {
    "CL:0000084": "#6BA3D1",  # T cell
    "CL:0000624": "#1167A6",  # CD4 T
    "CL:0000895": "#BCC4FF",  # naive CD4 T
    "CL:0000897": "#1E3091",  # memory CD4 T
    "CL:0001204": "#1E3091",  # CD45RO+ memory CD4 T
    "CL:0000492": "#53608D",  # T helper
    "CL:0000792": "#8A97F4",  # regulatory T
    "CL:0000625": "#3DBFB9",  # CD8 T
    "CL:0000794": "#05765D",  # cytotoxic CD8 T
    "CL:0000900": "#78E0D5",  # naive CD8 T
    "CL:0000623": "#6743D9",  # natural killer
    "CL:0000236": "#CA1B03",  # B
    "CL:0000786": "#800604",  # plasma cell
    "CL:0000576": "#DE8705",  # monocyte
    "CL:0000860": "#FEA60F",  # classical monocyte
    "CL:0001054": "#FEA60F",  # CD14+ monocyte
    "CL:0000875": "#A68E4A",  # non-classical (CD16+) monocyte
    "CL:0000451": "#F15186",  # dendritic
    "CL:0000784": "#8A206F",  # plasmacytoid dendritic
    "CL:0008001": "#D7D77A",  # haematopoietic precursor (CD34+)
    "CL:0000556": "#1A1D1F",  # megakaryocyte
    "CL:0000233": "#343332",  # platelet
    "CL:0000764": "#86493D",  # erythroid
}
# Terms of usual labels, whose words stand in the order of the alphabet: see `_spelling`.
TERMS = {
    "t": "CL:0000084",
    "cd4 t": "CL:0000624",
    "alpha beta cd4 positive t": "CL:0000624",
    "cd4 naive t": "CL:0000895",
    "cd25 cd4 cd45ra naive t": "CL:0000895",
    "cd4 memory t": "CL:0000897",
    "cd4 cd45ro memory": "CL:0000897",
    "cd4 helper2 t": "CL:0000492",
    "cd4 helper t": "CL:0000492",
    "helper t": "CL:0000492",
    "cd25 cd4 reg t": "CL:0000792",
    "reg t": "CL:0000792",
    "treg": "CL:0000792",
    "regulatory t": "CL:0000792",
    "cd8 t": "CL:0000625",
    "alpha beta cd8 positive t": "CL:0000625",
    "cd8 cytotoxic t": "CL:0000794",
    "cytotoxic t": "CL:0000794",
    "cd8 naive t": "CL:0000900",
    "cd45ra cd8 cytotoxic naive": "CL:0000900",
    "nk": "CL:0000623",
    "cd56 nk": "CL:0000623",
    "killer natural": "CL:0000623",
    "b": "CL:0000236",
    "b cd19": "CL:0000236",
    "plasma": "CL:0000786",
    "plasmablast": "CL:0000786",
    "mono": "CL:0000576",
    "cd14 mono": "CL:0000860",
    "classical mono": "CL:0000860",
    "cd16 mono": "CL:0000875",
    "fcgr3a mono": "CL:0000875",
    "classical mono non": "CL:0000875",
    "mono nonclassical": "CL:0000875",
    "dc": "CL:0000451",
    "dendritic": "CL:0000451",
    "conventional dendritic": "CL:0000451",
    "pdc": "CL:0000784",
    "dendritic plasmacytoid": "CL:0000784",
    "cd34": "CL:0008001",
    "hspc": "CL:0008001",
    "hematopoietic precursor": "CL:0008001",
    "mk": "CL:0000556",
    "megakaryocyte": "CL:0000556",
    "platelet": "CL:0000233",
    "eryth": "CL:0000764",
    "erythroid": "CL:0000764",
    "erythroid lineage": "CL:0000764",
}
STATE_COLORS = {"activated t": "#6C81FD", "activated b": "#F3C2A1"}  # states have no term
PALETTE = [
    "#0C6CAA",
    "#EFC011",
    "#863025",
    "#39DCC6",
    "#BBC27A",
    "#7A3AE8",
    "#604055",
    "#BB6406",
    "#E797FE",
    "#B37874",
    "#229DAD",
    "#807DF2",
    "#D45648",
    "#552FA8",
    "#D6C154",
    "#971E88",
    "#AF4E81",
    "#9BC89C",
    "#A50F0A",
    "#774E48",
    "#BDAFDD",
    "#8A87D0",
    "#A79F70",
    "#E78A21",
    "#C79A4B",
    "#7AA5A3",
    "#5C8446",
    "#124C7C",
    "#A02AC9",
    "#5F7BAA",
    "#097C86",
    "#6C6C25",
]
WORDS = {"monocyte": "mono", "cell": ""}  # as `_spelling` writes them


def colors_of_types(types: Iterable[str]) -> dict[str, str]:
    """A colour for each type's name: labels in any usual spelling, or Cell Ontology ids.

    Types of the tables have the same colour always. Any other has its own colour of the palette,
    or the next free one where another of these types has that, too: figures and files agree if
    they are given the same types, so ask for all that a model knows. Above 32 such types colours
    come again.
    """
    names = sorted(set(types))
    colors = {name: color for name in names if (color := _known_color(name))}
    taken = list(colors.values())
    for name in names:
        if name not in colors:
            colors[name] = _free_color(name, taken)
            taken.append(colors[name])
    return colors


def _known_color(name: str) -> str | None:
    spelling = _spelling(name)
    return STATE_COLORS.get(spelling) or TERM_COLORS.get(TERMS.get(spelling, name))


def _spelling(name: str) -> str:
    """A label's words in order, in one case and number: "CD14+ Monocytes" is "cd14 mono"."""
    words = (word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", name.casefold()))
    return " ".join(sorted(filter(None, (WORDS.get(word, word) for word in words))))


def _free_color(name: str, taken: list[str]) -> str:
    """The palette's colour at the name's digest, or the first one after it that is taken least."""
    start = stable_index(name, len(PALETTE))
    return min(PALETTE[start:] + PALETTE[:start], key=taken.count)


def stable_index(name: str, n: int) -> int:
    """A number from 0 to n - 1 that is the same for a name in every run."""
    return int.from_bytes(sha256(name.encode("utf-8", "replace")).digest()[:8], "big") % n
