"""Measurements that back the README's figures; each module prints one table."""

import cellclassifier  # noqa: F401 - says how OpenMP threads wait, which torch reads when it loads
