"""Feeds: what makes rows of a model table out of the rows of another table. Attached tables and shadows are feeds."""

from fsdb.deployments.feeds.feed import locks, removal_locks, remove, settle, status, tables

__all__ = ["locks", "removal_locks", "remove", "settle", "status", "tables"]
