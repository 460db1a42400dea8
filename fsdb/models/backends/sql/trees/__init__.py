"""Tree ensembles in SQL: masks where they pay, else a walk, and for statements of many rows CASE expressions."""

from fsdb.models.backends.sql.trees.ensemble import tree_ensemble
from fsdb.models.backends.sql.trees.form import bulk_after

__all__ = ["bulk_after", "tree_ensemble"]
