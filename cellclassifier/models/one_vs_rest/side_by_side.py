"""Many forests side by side: in threads here, or by the workers of a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend

Result = TypeVar("Result")


def side_by_side(
    function: Callable[..., Result], arguments: Iterable[tuple], jobs: int
) -> Iterator[Result]:
    """Call ``function`` with every one of ``arguments``; yields results as they finish.

    Threads, since growing trees releases Python's lock. Any ``joblib.parallel_config`` around the
    call is respected, its n_jobs included (see binary_rf.py for a Dask cluster).
    """
    jobs = get_active_backend()[1] or jobs
    tasks = (delayed(_alone)(function, *one) for one in arguments)
    parallel = Parallel(n_jobs=jobs, prefer="threads", return_as="generator_unordered")
    with warnings.catch_warnings():  # scikit-learn's checks in threads may leave one filter more
        yield from parallel(tasks)


def _alone(function: Callable[..., Result], *arguments) -> Result:
    with parallel_config(backend="sequential"):  # a forest in a Dask worker would call for workers
        return function(*arguments)
