"""Where and how outputs are written: CSV, predictions, figures, run record; always whole files."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

FOLDERS = ("results", "plots", "predictions", "models")
PACKAGES = ("numpy", "scipy", "pandas", "anndata", "scanpy", "scikit-learn", "matplotlib")
SOURCE = Path(__file__).parents[1]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, moved into place if the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class Output:
    """The output folder of a run; remembers what was written into it."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.written: list[str] = []

    def csv(self, name: str, table: pd.DataFrame) -> None:
        """Write results/<name>.csv, six decimals, the same bytes for the same table."""
        self._write(f"results/{name}.csv", write_csv, table)

    def text(self, name: str, content: str) -> None:
        """Write results/<name>.txt."""
        self._write(f"results/{name}.txt", write_text, content)

    def figure(self, name: str, figure: Figure) -> None:
        """Write plots/<name>.png and close the figure; "/" in a name becomes "_"."""
        self._write(f"plots/{safe_name(name)}.png", write_figure, figure)

    def predictions(self, name: str, table: pd.DataFrame) -> None:
        """Write predictions/<name>.parquet."""
        self._write(f"predictions/{name}.parquet", write_parquet, table)

    def read_predictions(self, method: str, splits) -> pd.DataFrame:
        """The predictions of a method on all ``splits``, one below the other."""
        folder = self.folder / "predictions"
        names = [f"{method}-split{split}.parquet" for split in splits]
        return pd.concat([pd.read_parquet(folder / name) for name in names], ignore_index=True)

    def model_folder(self, method: str) -> Path:
        """The folder of a method's saved model (a model's own ``save`` replaces it whole)."""
        self.written.append(f"models/{method}")
        return self.folder / "models" / method

    def _write(self, relative: str, write: Callable[[Path, object], None], content) -> None:
        write(self.folder / relative, content)
        self.written.append(relative)


class RunRecord:
    """What a run did: options, data, seeds, versions, seconds and peak memory per step."""

    def __init__(self, script: str, options: object, output: Output):
        self.script = script
        self.output = output
        self.content = {"script": script, "options": _plain(options), "steps": {}}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; repeated steps of one name add up their seconds."""
        reset_peak_memory()
        start = time.perf_counter()
        yield
        step = self.content["steps"].setdefault(name, {"seconds": 0.0, "peak_gib": 0.0})
        step["seconds"] = round(step["seconds"] + time.perf_counter() - start, 3)
        step["peak_gib"] = max(step["peak_gib"], round(peak_memory_gib(), 3))

    def write(self, **facts) -> Path:
        """Write results/run_<script>.json, last of all outputs; ``facts`` are added."""
        self.content |= facts
        self.content["peak_gib"] = max(step["peak_gib"] for step in self.content["steps"].values())
        self.content["versions"] = {"python": platform.python_version()} | versions_of(*PACKAGES)
        self.content["git_commit"] = _git_commit()
        self.content["outputs"] = sorted(set(self.output.written))
        path = self.output.folder / "results" / f"run_{self.script}.json"
        write_json(path, self.content)
        return path


class FinishedParts:
    """Finished (method, split) results of an interrupted run, taken up by the next one.

    They are valid for one ``key`` (see ``run_key``); parts of any other key are removed, since
    their predictions will be overwritten.
    """

    def __init__(self, output: Output, script: str, key: str, fresh: bool = False):
        self.output = output
        base = output.folder / ".finished" / script
        self.folder = base / key
        if base.exists():
            for other in base.iterdir():
                if fresh or other != self.folder:
                    shutil.rmtree(other)

    def load(self, name: str, needs: Iterable[str] = ()) -> dict[str, pd.DataFrame] | None:
        """The tables that ``save`` kept, or None when the part is not finished.

        needs: files, relative to the output folder, without which it does not count as finished.
        """
        if not all((self.output.folder / file).exists() for file in needs):
            return None
        path = self.folder / f"{safe_name(name)}.json"
        try:
            tables = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return {key: pd.DataFrame(**table) for key, table in tables.items()}

    def save(self, name: str, tables: dict[str, pd.DataFrame]) -> None:
        """Keep the tables of a finished part; floats survive to the last digit."""
        content = {
            key: table.astype(object).where(table.notna(), None).to_dict("split")
            for key, table in tables.items()
        }
        write_json(self.folder / f"{safe_name(name)}.json", content)


def run_key(*values: object) -> str:
    """Digest of everything that determines a result: options, data, and this package's source."""
    digest = hashlib.sha256(json.dumps(_plain(values), sort_keys=True).encode())
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def versions_of(*packages: str) -> dict[str, str]:
    """The installed version of each package."""
    return {name: importlib.metadata.version(name) for name in packages}


def safe_name(name: str) -> str:
    """A type's or method's name as part of a file name."""
    return name.replace("/", "_")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index atomically, six decimals."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")


def write_figure(path: Path, figure: Figure) -> None:
    """Write a PNG atomically, and close the figure."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, bbox_inches="tight")
    plt.close(figure)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index atomically."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_text(path: Path, content: str) -> None:
    """Write text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(content)


def write_json(path: Path, content: object) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def reset_peak_memory() -> None:
    """Forget the peak so far (Linux; elsewhere the peak of the process is reported)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_gib() -> float:
    """Largest resident size of this process since ``reset_peak_memory``, in GiB."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**30 if sys.platform == "darwin" else 2**20)


def _plain(value: object) -> object:
    """Dataclasses, paths and tuples as JSON values."""
    if dataclasses.is_dataclass(value):
        return {key: _plain(item) for key, item in dataclasses.asdict(value).items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _git_commit() -> str | None:
    command = ["git", "-C", str(SOURCE), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
