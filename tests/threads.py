"""A watch on what threads change of the whole process: warning filters, pandas options."""

from __future__ import annotations

import threading
import warnings

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits


def watch_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what any thread but the main one changes from now on; changes fail nothing here.

    Filters, options and limits belong to the process: a thread that sets and restores them takes
    them away from the others in between, and leaves behind what it found in the midst of another.
    Allowed are filters that turn a warning into an error, which scikit-learn's checks of input add
    for categories that nothing gives: whatever the order of threads, no filter is lost by these.
    """
    seen: list[str] = []

    def watch(place, name: str) -> None:
        original = getattr(place, name)

        def watched(*arguments, **options):
            action = arguments[0] if arguments else options.get("action")
            if threading.current_thread() is not threading.main_thread() and action != "error":
                seen.append(f"{getattr(place, '__name__', place)}.{name}")
            return original(*arguments, **options)

        monkeypatch.setattr(place, name, watched)

    for name in ("resetwarnings", "simplefilter", "filterwarnings"):
        watch(warnings, name)
    watch(pd, "set_option")
    watch(pd.option_context, "__enter__")
    watch(threadpool_limits, "__init__")
    return seen
