"""Point-in-time reading in PostgreSQL itself: one index descent per spine row and feature set."""

from fsdb.engines.postgres.join import PostgresEngine
from fsdb.engines.postgres.lookup import lookup

__all__ = ["PostgresEngine", "lookup"]
