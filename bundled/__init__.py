"""What makes the tables and models that the package carries with it."""
