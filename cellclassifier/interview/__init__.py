"""What is in a file, and where its labels come from."""
