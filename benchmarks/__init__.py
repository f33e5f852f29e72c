"""Measurements that back the README's figures; each module prints one table."""
