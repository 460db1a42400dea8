"""One entity of one feature set as of a moment, as SQL: the piece that joins, views, vectors and scoring triggers share."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import NOW, At, FeatureRead, Known, SetRead, Snapshot, Then
from fsdb.config import HISTORY_SCHEMA
from fsdb.sql import joined, query
from fsdb.types import type_sql
from fsdb.windows.reading import version

FILE = "engines/postgres"
_VERSION, _CAST, _AS = SQL("version."), SQL("::"), SQL(" AS ")  # parts of texts that are made by the thousand


def lookup(
    read: SetRead,
    keys: Sequence[Composable],
    at: Composable,
    known: Known = NOW,
    snapshot: Snapshot | None = None,
) -> Composed:
    """A SELECT that gives one row, always: the entity's features by output name, then version_id, event_time, recorded_at, found.

    keys: an expression for each key of the set, in order, of a type that compares with the key's. at: the moment, an
    expression of type timestamptz. Both may refer to anything outside but the names `version`, `always` and `v`.
    Features have max_age and defaults applied. version_id, event_time and recorded_at are those of the version that
    the values come from: NULL where there is none, where it is a tombstone, and where it is older than max_age.
    found tells whether the entity is there: its newest version as of the moment, of any age, is not a tombstone.
    """
    columns = [
        *(
            SQL("{} AS {}").format(value, Identifier(f.output))
            for f, value in zip(read.features, values(read, "v"), strict=True)
        ),
        *(
            SQL("{} AS {}").format(_fresh("v", name), Identifier(name))
            for name in ("version_id", "event_time", "recorded_at")
        ),
        SQL("coalesce(v.found, false) AS found"),
    ]
    return query(FILE, "lookup", outputs=joined(columns), newest=newest(read, keys, at, known, snapshot))


def newest(
    read: SetRead,
    keys: Sequence[Composable],
    at: Composable,
    known: Known = NOW,
    snapshot: Snapshot | None = None,
) -> Composed:
    """A SELECT of at most one row, the version that holds: f1…fn, version_id, event_time, recorded_at, found, fresh.

    It is to be left-joined LATERAL; `values` turns its row, or the lack of one, into what comes out.
    """
    payload = [Composed([kept(f), _AS, Identifier(f"f{number}")]) for number, f in enumerate(read.features, start=1)]
    return newest_with(payload, read, keys, at, known, snapshot)


def newest_with(
    payload: Sequence[Composable],
    read: SetRead,
    keys: Sequence[Composable],
    at: Composable,
    known: Known = NOW,
    snapshot: Snapshot | None = None,
) -> Composed:
    """As `newest`, with the expressions of `payload`, over `version`, in place of f1…fn."""
    columns: list[Composable] = [
        *payload,
        SQL("version.version_id, version.event_time, version.recorded_at, NOT version.deleted AS found"),
        SQL("{} AS fresh").format(_is_fresh(read.max_age, at)),
    ]
    history = Identifier(HISTORY_SCHEMA, read.history_table)
    counts = Composed([*_known(known, at), *seen(read.versions_of, snapshot)])
    if read.windows is not None:
        return query(
            FILE, "computed", columns=joined(columns), computed=version(read.windows, history, keys, at, counts)
        )
    compared = [
        SQL("version.{} OPERATOR(pg_catalog.=) {}").format(Identifier(binding.column), key)
        for binding, key in zip(read.keys, keys, strict=True)
    ]
    return query(
        FILE, "newest", columns=joined(columns), history=history, keys=joined(compared, " AND "), at=at, known=counts
    )


def values(read: SetRead, alias: str) -> list[Composable]:
    """What comes out for each feature, given the alias under which `newest` is left-joined: aged values NULL, then defaults.

    A tombstone's features are NULL in history itself.
    """
    return [_value(read, feature, f"f{number}", alias) for number, feature in enumerate(read.features, start=1)]


def kept(feature: FeatureRead) -> Composed:
    """A feature's value in the row `version` of its history table."""
    return Composed([_VERSION, Identifier(feature.column), _CAST, type_sql(feature.type)])


def late(alias: str, at: Composable) -> Composed:
    """Whether a value comes from a version that the database did not have yet at the moment."""
    return SQL("coalesce({v}.fresh AND {v}.recorded_at > {at}, false)").format(v=Identifier(alias), at=at)


def matched(alias: str) -> Composed:
    """1 where a version holds that is not too old, else 0."""
    return SQL("coalesce({}.fresh, false)::integer").format(Identifier(alias))


def duration(length: timedelta) -> Composed:
    """An interval of fixed length: in microseconds, since an interval's days are longer or shorter where clocks change."""
    return SQL("{}::interval").format(Literal(f"{length // timedelta(microseconds=1)} microseconds"))


def typed_literal(text: str | None, kind: str) -> Composed:
    """A constant of a type given by PostgreSQL's name; None is NULL."""
    return SQL("{}::{}").format(Literal(text), type_sql(kind))


def _value(read: SetRead, feature: FeatureRead, column: str, alias: str) -> Composable:
    value = fresh_value(read, alias, column)
    if feature.default is None:
        return value
    return SQL("coalesce({}, {})").format(value, typed_literal(feature.default, feature.type))


def fresh_value(read: SetRead, alias: str, column: str) -> Composable:
    """A column of the version that holds, NULL where that is older than max_age."""
    return Identifier(alias, column) if read.max_age is None else _fresh(alias, column)


def _fresh(alias: str, column: str) -> Composed:
    return SQL("CASE WHEN {} THEN {} END").format(Identifier(alias, "fresh"), Identifier(alias, column))


def _is_fresh(max_age: timedelta | None, at: Composable) -> Composed:
    if max_age is None:
        return Composed([SQL("NOT version.deleted")])
    return SQL(
        "NOT version.deleted AND version.event_time OPERATOR(pg_catalog.>=) ({} OPERATOR(pg_catalog.-) {})"
    ).format(at, duration(max_age))


def _known(known: Known, at: Composable) -> list[Composed]:
    if isinstance(known, Then):
        return [query(FILE, "recorded_by", moment=at)]
    if isinstance(known, At):
        moment = typed_literal(known.moment.isoformat(), "timestamp with time zone")
        return [query(FILE, "recorded_by", moment=moment)]
    return []


def seen(feature_set: str, snapshot: Snapshot | None) -> list[Composed]:
    """The condition that the snapshot saw the row `version` of the set's history, beginning with AND; nothing without a snapshot."""
    if snapshot is None:
        return []
    restored = snapshot.restored.get(feature_set, 0)
    return [
        query(
            FILE,
            "in_snapshot",
            high=Literal(snapshot.high.get(feature_set, 0)),
            snapshot=Literal(snapshot.text),
            restored=query(FILE, "restored", version=Literal(restored)) if restored else SQL(""),
            own=SQL("") if snapshot.own is None else query(FILE, "own", own=Literal(str(snapshot.own))),
        )
    ]
