"""Random forests in threads, without what scikit-learn does to the filters of warnings there.

Its own parallel loop clears and refills the warning filters around every tree. These belong to the
whole process: a thread that does so takes them away from the others, and scikit-learn itself warns
where it finds none (https://github.com/scikit-learn/scikit-learn/issues/32631 is a case of that).
"""

from __future__ import annotations

import numpy as np
from joblib import parallel_config
from joblib.parallel import ThreadingBackend
from sklearn.ensemble import RandomForestClassifier


class BareThreads(ThreadingBackend):
    """Threads that run scikit-learn's tasks without the wrapper that changes warning filters."""

    def submit(self, func, callback=None):
        """Run a batch of tasks, (function, arguments, options) each."""
        func.items = [(_bare(task), *arguments) for task, *arguments in func.items]
        return super().submit(func, callback)


def _bare(task):
    is_wrapped = hasattr(task, "with_config_and_warning_filters")
    return task.function if is_wrapped else task


def grow(forest: RandomForestClassifier, features, labels: np.ndarray) -> RandomForestClassifier:
    """Fit a forest on its own ``n_jobs`` threads; to be called by the main thread."""
    with parallel_config(backend=BareThreads()):
        return forest.fit(features, labels)


def mean_vote(forest: RandomForestClassifier, features: np.ndarray) -> np.ndarray:
    """The forest's ``predict_proba`` in the calling thread, (n_cells, n_types).

    features: (n_cells, n_genes) float32.
    """
    total = np.zeros((len(features), len(forest.classes_)))
    for tree in forest.estimators_:
        total += tree.predict_proba(features, check_input=False)
    return total / len(forest.estimators_)
