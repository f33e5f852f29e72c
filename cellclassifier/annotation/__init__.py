"""A trained model and new cells: matched genes, predictions, files."""
