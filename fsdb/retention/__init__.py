"""Retention: versions that were superseded long ago leave PostgreSQL, once their columnar copy is verified to hold them."""

from fsdb.retention.past import as_of
from fsdb.retention.removal import limited, retain
from fsdb.retention.result import RetentionResult, SetRetention

__all__ = ["RetentionResult", "SetRetention", "as_of", "limited", "retain"]
