"""What a training set must hold, row by row, from the brute-force as-of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.oracle import Version, values_as_of


@dataclass(frozen=True)
class History:
    """The versions of a feature set, its keys and features, and how it is read."""

    keys: tuple[str, ...]
    features: Mapping[str, str]
    versions: Sequence[Version]
    max_age: timedelta | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


def expected(
    spine: Sequence[Mapping[str, Any]], timestamp: str, histories: Sequence[History], known: str | datetime = "now"
) -> list[dict[str, Any]]:
    """The spine's rows with each history's features under their output names (`features`: name to output name)."""
    rows = []
    for row in spine:
        at = row[timestamp]
        moment = at if known == "then" else known if isinstance(known, datetime) else None
        result = dict(row)
        for history in histories:
            values = values_as_of(
                history.versions,
                tuple(row[key] for key in history.keys),
                at,
                history.features,
                max_age=history.max_age,
                defaults=history.defaults,
                known=moment,
            )
            result.update({output: values[name] for name, output in history.features.items()})
        rows.append(result)
    return rows


def matched_rows(
    spine: Sequence[Mapping[str, Any]], timestamp: str, histories: Sequence[History], known: str | datetime = "now"
) -> list[int]:
    """For how many rows each history has a version that holds, is no tombstone and is not too old."""
    counts = []
    for history in histories:
        count = 0
        for row in spine:
            at = row[timestamp]
            by = at if known == "then" else known if isinstance(known, datetime) else None
            key = tuple(row[name] for name in history.keys)
            past = [
                v
                for v in history.versions
                if v.key == key and None not in key and v.event_time <= at and (by is None or v.recorded_at <= by)
            ]
            newest = max(past, key=lambda v: (v.event_time, v.version_id), default=None)
            if newest is not None and not newest.deleted:
                count += history.max_age is None or at - newest.event_time <= history.max_age
        counts.append(count)
    return counts


def late_values(spine: Sequence[Mapping[str, Any]], timestamp: str, histories: Sequence[History]) -> int:
    """How many values "now" takes from versions recorded after the row's own timestamp."""
    count = 0
    for row in spine:
        at = row[timestamp]
        for history in histories:
            key = tuple(row[name] for name in history.keys)
            if any(part is None for part in key):
                continue
            past = [v for v in history.versions if v.key == key and v.event_time <= at]
            newest = max(past, key=lambda v: (v.event_time, v.version_id), default=None)
            if newest is None or newest.deleted or newest.recorded_at <= at:
                continue
            if history.max_age is None or at - newest.event_time <= history.max_age:
                count += len(history.features)
    return count
