"""One module per file format, each with a function from a path to a ``CellSource``."""
