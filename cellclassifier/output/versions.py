"""Which versions of libraries are installed, under whichever name they came."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import cellclassifier

SOURCE = Path(__file__).parents[1]
# Libraries that are published under several names, by the one that exists for every platform. The
# CPU build of XGBoost is the same library, and there is none for macOS.
BUILDS = {"xgboost": ("xgboost", "xgboost-cpu")}


def version_of(library: str) -> str | None:
    """The installed version of a library, without what tells builds apart ("+cpu"), or None."""
    build = installed_build(library)
    return build and importlib.metadata.version(build).partition("+")[0]


def installed_build(library: str) -> str | None:
    """The name under which a library is installed, or None."""
    return next(filter(_is_installed, BUILDS.get(library, (library,))), None)


def library_of(build: str) -> str:
    """The library that a distribution is a build of, in most cases itself."""
    return next((library for library, builds in BUILDS.items() if build in builds), build)


def versions_of(*libraries: str) -> dict[str, str]:
    """The installed version of each library; PackageNotFoundError for one that is not there."""
    found = {library: version_of(library) for library in libraries}
    missing = [library for library, version in found.items() if version is None]
    if missing:
        raise importlib.metadata.PackageNotFoundError(missing[0])
    return found


def made_with() -> dict[str, str | None]:
    """Versions of this program, with its commit, and of Python."""
    return {
        "cellclassifier": cellclassifier.__version__,
        "commit": git_commit(),
        "python": platform.python_version(),
    }


def git_commit(source: Path = SOURCE) -> str | None:
    """Of the clone that this runs from; an installed package lies in nobody's repository."""
    if not (source.parent / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _is_installed(build: str) -> bool:
    try:
        importlib.metadata.version(build)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # ValueError: an empty name
        return False
    return True
