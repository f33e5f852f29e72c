"""The same work on one chunk after another, in threads, with results in the chunks' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Chunk, Result = TypeVar("Chunk"), TypeVar("Result")


def in_order(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], jobs: int
) -> Iterator[Result]:
    """Results of ``work`` on every chunk; at most ``jobs`` of them are under way at a time.

    The caller reads chunks and takes results, one at a time, while threads work. Each chunk is
    worked on by itself, with linear algebra in one thread: as with one job, to the last digit.
    """
    with threadpool_limits(1, user_api="blas"):
        if jobs < 2:
            yield from map(work, chunks)
            return
        with ThreadPoolExecutor(jobs) as pool:
            waiting = deque()
            try:
                for chunk in chunks:
                    waiting.append(pool.submit(work, chunk))
                    if len(waiting) > jobs:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:  # an error, or nobody wants the rest
                for future in waiting:
                    future.cancel()
