"""Tree ensembles in SQL: masks where they pay, else a walk for single rows and CASE expressions for many."""

from fsdb.models.backends.sql.trees.ensemble import tree_ensemble
from fsdb.models.backends.sql.trees.form import bulk_after

__all__ = ["bulk_after", "tree_ensemble"]
