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


class ThreadedForest(RandomForestClassifier):
    """scikit-learn's forest, to the last digit, that may predict in threads of one process."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> ThreadedForest:
        """Grow the trees on ``n_jobs`` threads; to be called by the main thread."""
        with parallel_config(backend=BareThreads()):
            return super().fit(X, y)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Mean over the trees, added up in the calling thread, (n_cells, n_types).

        X: (n_cells, n_genes) float32. A sum in the order in which threads finish would differ in
        the last digit from run to run.
        """
        total = np.zeros((len(X), len(self.classes_)))
        for tree in self.estimators_:
            total += tree.predict_proba(X, check_input=False)
        return total / len(self.estimators_)
