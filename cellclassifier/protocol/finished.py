"""Finished parts of a run, kept until they are asked for again; nothing is deleted but on request.

A part (one method on one split, one forest) depends on the cells' content, the options that change
results, the version of this protocol and the method's own version, and on nothing else: neither on
a comment in the code, nor on where the file of cells lies.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.output.files import atomic_folder, file_name, write_json
from cellclassifier.output.processes import is_first
from cellclassifier.output.record import plain
from cellclassifier.protocol.old_names import with_new_names

PROTOCOL_VERSION = 2  # raised when splits, metrics or calibration give other results
TABLES = "tables.json"


class FinishedParts:
    """Folders of finished parts under <output>/.finished/<script>/<key>/.

    fresh: none of them is taken up; a part that is saved again replaces the old one.
    """

    def __init__(self, output: Path, script: str, fresh: bool = False):
        self.folder = Path(output) / ".finished" / script
        self.fresh = fresh

    def path(self, key: str, name: str) -> Path:
        """Where the part ``name`` of the key is kept."""
        return self.folder / key / file_name(name)

    def load(self, key: str, name: str) -> dict[str, pd.DataFrame] | None:
        """The tables that ``save`` kept, or None where the part is not finished."""
        if self.fresh:
            return None
        try:
            tables = json.loads((self.path(key, name) / TABLES).read_text(encoding="utf-8"))
            return {kind: with_new_names(kind, pd.DataFrame(**t)) for kind, t in tables.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def save(self, key: str, name: str, tables: dict[str, pd.DataFrame], write=None) -> Path:
        """Keep a part's tables, to the last digit, and what ``write(folder)`` adds; returns where.

        The folder appears whole, once all of it is written.
        """
        path = self.path(key, name)
        if is_first():
            content = {
                name: table.astype(object).where(table.notna(), None).to_dict("split")
                for name, table in tables.items()
            }
            with atomic_folder(path) as folder:
                if write is not None:
                    write(folder)
                write_json(folder / TABLES, content)
        return path


def key_of(*values: object) -> str:
    """Digest of JSON values, 16 hex digits."""
    text = json.dumps(plain(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_cells(cells: ad.AnnData) -> str:
    """Digest of counts, labels, groups and names, 16 hex digits: alike for alike cells.

    It neither knows the file nor the options that led to these cells. Cells without counts (tokens
    of them are elsewhere) say in uns["counts"] what the digest of how many cells was; of some of
    those cells it is another.
    """
    if cells.X is None:
        known = cells.uns["counts"]
        if cells.n_obs == known["n_cells"]:
            return known["digest"]
        return key_of(known["digest"], cells.obs_names.tolist())
    digest = hashlib.sha256(f"protocol {PROTOCOL_VERSION} {cells.shape}".encode())
    counts = cells.X
    for array, dtype in ((counts.data, "f4"), (counts.indices, "i4"), (counts.indptr, "i8")):
        digest.update(np.ascontiguousarray(array, dtype=dtype))
    texts = {"cells": cells.obs_names, "genes": cells.var_names}
    texts |= {name: cells.obs[name] for name in ("cell_type", "group") if name in cells.obs}
    # As JSON, in which no two lists of texts look alike, whatever signs are in them.
    digest.update(
        json.dumps({name: [*map(str, values)] for name, values in texts.items()}).encode()
    )
    return digest.hexdigest()[:16]


def options_in_key(config: object, *ignored: type) -> dict:
    """The options of a run that change results.

    Left out are fields that one of the ``ignored`` dataclasses has (where outputs go, which cells
    and splits), and fields whose metadata say ``{"changes_results": False}``.
    """
    others = {field.name for kind in ignored for field in dataclasses.fields(kind)}
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in others and field.metadata.get("changes_results", True)
    }
