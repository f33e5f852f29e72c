"""Which versions of libraries are installed, under whichever name they came."""

from __future__ import annotations

import importlib.metadata

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


def _is_installed(build: str) -> bool:
    try:
        importlib.metadata.version(build)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # ValueError: an empty name
        return False
    return True
