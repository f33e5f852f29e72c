"""Pickled files read as data only, never as code."""
