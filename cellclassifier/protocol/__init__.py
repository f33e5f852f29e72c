"""What makes numbers comparable: splits, metrics, evaluation."""
