"""What a model was fitted on: the columns of its training set, where they come from, and the saved set's hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredFeature


@dataclass(frozen=True)
class Bound:
    """What a model's input may be bound to: a column of this type, and the feature that it comes from, if it does."""

    type: str
    feature: RegisteredFeature | None


def bound_columns(connection: Connection[Any], training_set: Any, estimator: Any) -> dict[str, Bound]:
    return {}


def rows(training_set: Any, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    return []


def saved(connection: Connection[Any], training_set: Any, name: str) -> tuple[str | None, str | None]:
    return None, None
