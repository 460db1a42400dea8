"""Rows from frames, files and queries into a feature set: in bulk, each change once, late ones where they belong."""

from fsdb.ingest.backfill import backfill
from fsdb.ingest.ingest import IngestResult, ingest
from fsdb.ingest.several import ingest_several

__all__ = ["IngestResult", "backfill", "ingest", "ingest_several"]
