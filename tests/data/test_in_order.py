"""Chunks are worked on in threads, and results come in the chunks' order, whatever fails."""

from __future__ import annotations

import threading
import time

import pytest

from cellclassifier.data.in_order import in_order


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_order_whoever_is_first(jobs):
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return 2 * number

    assert list(in_order(slow_at_first, range(20), jobs)) == list(range(0, 40, 2))


def test_chunks_are_read_as_they_are_needed():
    read, lock, under_way, most = [], threading.Lock(), [0], [0]

    def chunks():
        for number in range(30):
            read.append(number)
            yield number

    def work(number: int) -> int:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.001)
        with lock:
            under_way[0] -= 1
        return number

    for taken, _ in enumerate(in_order(work, chunks(), 3)):
        assert len(read) <= taken + 4
    assert most[0] <= 3


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_in_a_thread_is_the_callers(jobs):
    def work(number: int) -> int:
        if number == 4:
            raise ValueError("no counts")
        return number

    with pytest.raises(ValueError, match="no counts"):
        list(in_order(work, range(10), jobs))
