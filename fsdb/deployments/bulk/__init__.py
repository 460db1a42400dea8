"""Scoring many rows in one call: what inserting each of them would give, without a row of the model table unless asked for."""

from fsdb.deployments.bulk.score import record_together, score

__all__ = ["record_together", "score"]
