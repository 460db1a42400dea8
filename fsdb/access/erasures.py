"""The records of erasures: what was erased, and what cannot be verified or replayed any more because of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from fsdb.sql import query

FILE = "access/erasures"


@dataclass(frozen=True)
class Erasure:
    """An erasure as it is told: its number, when, of which set and why. rows: of a training set's spine, where one was asked for."""

    number: int
    at: datetime
    operation: str
    feature_set: str
    why: str
    rows: int = 0

    def __str__(self) -> str:
        what = "entities" if self.operation == "erase" else "versions"
        return (
            f"erasure {self.number} took {what} out of {self.feature_set} at {self.at:%Y-%m-%d %H:%M:%S%z} ({self.why})"
        )


def insert(
    connection: Connection[Any],
    operation: str,
    feature_set: str,
    entities: int,
    why: str,
    counts: Mapping[str, int],
    *,
    versions: Sequence[int],
    predictions: Mapping[str, Sequence[int]],
    training_sets: Mapping[str, int],
    files: str | None,
) -> int:
    """Leaves the record in the erasure's own transaction, and returns its number. predictions: ids by deployment; training_sets: rows
    taken out by name; files: the history table whose copy is to be written anew."""
    values = {"operation": operation, "feature_set": feature_set, "entities": entities, "why": why}
    number = _rows(connection, "insert", values | {"counts": Jsonb(dict(counts))})[0][0]
    connection.execute(
        query(FILE, "insert_versions"), {"erasure": number, "feature_set": feature_set, "versions": list(versions)}
    )
    for deployment, ids in predictions.items():
        values = {"erasure": number, "deployment": deployment, "predictions": list(ids)}
        connection.execute(query(FILE, "insert_predictions"), values)
    for name, rows in training_sets.items():
        connection.execute(query(FILE, "insert_training_set"), {"erasure": number, "training_set": name, "rows": rows})
    if files is not None:
        values = {"erasure": number, "feature_set": feature_set, "history_table": files}
        connection.execute(query(FILE, "insert_files"), values)
    return int(number)


def pending(connection: Connection[Any], feature_set: str | None = None) -> dict[str, str]:
    """Sets of which an erasure has still to write the copy's files anew, each with its history table. A set may be gone meanwhile."""
    return dict(_rows(connection, "pending", {"feature_set": feature_set}))


def pending_versions(connection: Connection[Any], feature_set: str) -> NDArray[np.int64]:
    """The version_ids that are to leave a set's files, in order."""
    ranges = _rows(connection, "pending_versions", {"feature_set": feature_set})
    parts = [np.arange(low, high, dtype=np.int64) for low, high in ranges]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def finished(connection: Connection[Any], feature_set: str) -> None:
    """Notes that the files of a set hold nothing any more that was erased."""
    connection.execute(query(FILE, "finished"), {"feature_set": feature_set})


def of_training_set(connection: Connection[Any], name: str) -> list[Erasure]:
    """The erasures because of which a saved training set cannot be verified."""
    return _erasures(connection, "of_training_set", {"name": name})


def of_prediction(connection: Connection[Any], deployment: str, prediction_id: int) -> list[Erasure]:
    """The erasures that took a prediction out, or versions that it was made from."""
    if not -(2**63) <= prediction_id < 2**63:
        return []
    return _erasures(connection, "of_prediction", {"deployment": deployment, "prediction": prediction_id})


def since(connection: Connection[Any], feature_sets: Sequence[str], snapshot: str, own: int | None) -> list[Erasure]:
    """Erasures of these sets that a snapshot, a pg_snapshot with its own transaction, does not see."""
    values = {"feature_sets": list(feature_sets), "snapshot": snapshot, "own": None if own is None else str(own)}
    return _erasures(connection, "since", values)


def _erasures(connection: Connection[Any], name: str, values: Mapping[str, Any]) -> list[Erasure]:
    return [Erasure(*row) for row in _rows(connection, name, values)]


def _rows(connection: Connection[Any], name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query(FILE, name), values).fetchall()
