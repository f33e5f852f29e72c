"""What a run did: options, data, seeds, versions, seconds and peak memory, written last."""

from __future__ import annotations

import dataclasses
import logging
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from cellclassifier.output.files import write_json
from cellclassifier.output.folder import Output
from cellclassifier.output.versions import git_commit, versions_of

try:
    import resource
except ImportError:  # on Windows
    resource = None

log = logging.getLogger(__name__)
PACKAGES = ("numpy", "scipy", "pandas", "anndata", "scanpy", "scikit-learn", "matplotlib")
SOURCE = Path(__file__).parents[1]


class RunRecord:
    """What a run did: options, data, seeds, versions, seconds and peak memory per step."""

    def __init__(self, script: str, options: object, output: Output):
        self.script = script
        self.output = output
        self.content = {"script": script, "command": command_line(script)}
        self.content |= {"options": plain(options), "steps": {}}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; repeated steps of one name add up their seconds."""
        reset_peak_memory()
        start = time.perf_counter()
        yield
        step = self.content["steps"].setdefault(name, {"seconds": 0.0, "peak_gib": None})
        step["seconds"] = round(step["seconds"] + time.perf_counter() - start, 3)
        log.debug("%s: %.1f s so far", name, step["seconds"])
        step["peak_gib"] = _largest(step["peak_gib"], peak_memory_gib())

    def write(self, **facts) -> Path:
        """Write results/run_<script>.json, last of all outputs; ``facts`` are added."""
        self.content |= facts
        steps = self.content["steps"].values()
        self.content["peak_gib"] = _largest(*(step["peak_gib"] for step in steps))
        self.content["versions"] = {"python": platform.python_version()} | versions_of(*PACKAGES)
        self.content["git_commit"] = git_commit(SOURCE)
        self.content["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.content["outputs"] = sorted(set(self.output.written))
        path = self.output.folder / "results" / f"run_{self.script}.json"
        write_json(path, self.content)
        return path


def command_line(script: str) -> str | None:
    """What the person typed to run the script; None in a notebook or a test."""
    if Path(sys.argv[0]).stem != script:
        return None
    return shlex.join(["python", f"{script}.py", *sys.argv[1:]])


def reset_peak_memory() -> None:
    """Forget the peak so far (Linux; elsewhere the peak of the process is reported)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_gib() -> float | None:
    """Largest resident size of this process since ``reset_peak_memory``, in GiB.

    None where the system does not tell (Windows).
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20
    except (OSError, IndexError):
        if resource is None:
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**30 if sys.platform == "darwin" else 2**20)


def _largest(*values: float | None) -> float | None:
    """Of the values that are known, to three digits."""
    return max((round(value, 3) for value in values if value is not None), default=None)


def plain(value: object) -> object:
    """Dataclasses, paths and tuples as JSON values."""
    if dataclasses.is_dataclass(value):
        return {key: plain(item) for key, item in dataclasses.asdict(value).items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
