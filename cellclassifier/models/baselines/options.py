"""Which baselines there are, readable without scikit-learn."""

# In the order of tables and plots; recipes.py says what each of them is.
METHODS = (
    "majority",
    "logistic_regression",
    "rank_regression",
    "random_forest",
    "gbdt",
    "soft_vote",
)
