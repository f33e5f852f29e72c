"""What the experiment scripts share: reading cells, splits, features, models, metrics, outputs."""
