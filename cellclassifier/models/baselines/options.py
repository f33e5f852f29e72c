"""Which baselines there are, readable without scikit-learn."""

from cellclassifier.protocol.options import METHOD_ORDER

# recipes.py says what each of them is.
METHODS = METHOD_ORDER[: METHOD_ORDER.index("soft_vote") + 1]
