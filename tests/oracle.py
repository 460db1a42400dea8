"""Brute-force point-in-time reading in plain Python: what every engine's answers are compared with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Version:
    """One version of one key. `values` holds every feature, all None for a tombstone."""

    version_id: int
    key: tuple[Any, ...]
    values: Mapping[str, Any]
    event_time: datetime
    recorded_at: datetime
    deleted: bool = False


def as_of(
    versions: Iterable[Version],
    key: tuple[Any, ...],
    t: datetime,
    known: datetime | None = None,
) -> Version | None:
    """The version of `key` that holds at `t`, None where there is none or it is a tombstone.

    Of the versions with event_time <= t (and recorded_at <= known, where given) the latest by (event_time, version_id).
    A key with a None in it has no versions.
    """
    if any(part is None for part in key):
        return None
    best: Version | None = None
    for version in versions:
        if version.key != key or version.event_time > t:
            continue
        if known is not None and version.recorded_at > known:
            continue
        if best is None or (version.event_time, version.version_id) > (best.event_time, best.version_id):
            best = version
    return None if best is None or best.deleted else best


def values_as_of(
    versions: Iterable[Version],
    key: tuple[Any, ...],
    t: datetime,
    features: Iterable[str],
    *,
    max_age: timedelta | None = None,
    defaults: Mapping[str, Any] | None = None,
    known: datetime | None = None,
) -> dict[str, Any]:
    """The features' values of `key` at `t`: None where missing, deleted or older than max_age; then the default."""
    found = as_of(versions, key, t, known)
    if found is not None and max_age is not None and t - found.event_time > max_age:
        found = None
    values = {name: None if found is None else found.values[name] for name in features}
    return {name: (defaults or {}).get(name) if value is None else value for name, value in values.items()}


def live(versions: Iterable[Version]) -> dict[tuple[Any, ...], Version]:
    """History as of infinity: what the live table must hold, by key."""
    newest: dict[tuple[Any, ...], Version] = {}
    for version in versions:
        held = newest.get(version.key)
        if held is None or (version.event_time, version.version_id) > (held.event_time, held.version_id):
            newest[version.key] = version
    return {key: version for key, version in newest.items() if not version.deleted}
