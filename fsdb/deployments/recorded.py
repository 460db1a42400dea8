"""What a release gave to its model: read again from the versions that the rows of a model table recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.access.rows import require_all
from fsdb.catalog.deployments import RegisteredDeployment, Release, ReleaseInput, ReleaseSet
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.deployments.scoring import set_read
from fsdb.engines.postgres.lookup import duration, typed_literal
from fsdb.errors import NotReproducible
from fsdb.models.input_types import base_type, has_no_nan, kind_of
from fsdb.sql import joined, query, with_values
from fsdb.types import type_sql
from fsdb.windows.reading import version

FILE = "deployments/recorded"


@dataclass(frozen=True)
class Recorded:
    """SQL over a row `p` of the model table: joins to the versions that it recorded, an expression for each input in order
    of the release's, and a condition that one of the versions is gone."""

    reads: Composed
    inputs: tuple[Composable, ...]
    missing: Composed


@dataclass(frozen=True)
class RecordedRows:
    """Rows of a model table in order of prediction_id, as columns.

    missing: whether a version that the row recorded is gone. inputs: by name; numbers are int or float. results: as asked for.
    """

    predictions: list[int]
    missing: list[bool]
    inputs: dict[str, list[Any]]
    results: dict[str, list[Any]]


def recorded(release: Release, sets: Mapping[str, RegisteredSet]) -> Recorded:
    """How a release's inputs are read again."""
    aliases = {read.feature_set: Identifier(f"s{number}") for number, read in enumerate(release.sets, start=1)}
    reads: list[Composable] = []
    missing: list[Composable] = [Literal(False)]
    for read in release.sets:
        of = {"read": aliases[read.feature_set], "version_column": Identifier(read.version_column)}
        owner = sets[read.feature_set]
        if owner.windows is not None:
            reads.append(_computed(release, read, owner, aliases[read.feature_set]))
            continue
        keys = [query(FILE, "key", read=of["read"], key=Identifier(key)) for key in owner.keys]
        reads.append(query(FILE, "read", history=owner.history, keys=joined(keys, ""), **of))
        missing.append(query(FILE, "missing", **of))
    inputs = tuple(_input(release, given, aliases) for given in release.inputs)
    return Recorded(joined(reads, ""), inputs, joined(missing, " OR "))


def recorded_rows(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    predictions: Sequence[int],
    results: Sequence[str] = (),
) -> RecordedRows:
    """The rows of these predictions that the release made, with what it gave to its model for each.

    results: columns of the model table to give, too. Raises psycopg.DataError where an input is no float64.
    """
    require_all(
        connection,
        [sets[one.feature_set].versions_of for one in release.sets],
        f"Reading what {deployed.name} recorded",
    )
    text = recorded(release, sets)
    kinds: dict[str, list[str]] = {"fractions": [], "integers": [], "texts": []}
    casts: dict[str, list[Composable]] = {kind: [] for kind in kinds}
    for given, value in zip(release.inputs, text.inputs, strict=True):
        kind, cast = _cast(given, value)
        kinds[kind].append(given.name)
        casts[kind].append(cast)
    statement = query(
        FILE,
        "rows",
        table=deployed.table,
        reads=text.reads,
        missing=text.missing,
        results=joined([query(FILE, "as_recorded", column=Identifier(name)) for name in results], ""),
        release=Literal(release.release),
        **{kind: joined(columns) for kind, columns in casts.items()},
    )
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(with_values(statement), {"predictions": list(predictions)}).fetchall()
    inputs = {
        name: [row[at][place] for row in rows]
        for at, kind in enumerate(kinds, start=2)
        for place, name in enumerate(kinds[kind])
    }
    return RecordedRows(
        [row[0] for row in rows],
        [row[1] for row in rows],
        {given.name: inputs[given.name] for given in release.inputs},
        {name: [row[5 + place] for row in rows] for place, name in enumerate(results)},
    )


def _computed(release: Release, read: ReleaseSet, owner: RegisteredSet, alias: Identifier) -> Composed:
    """The windows once more, over the events as the prediction's pin has them."""
    if owner.reach is not None:
        raise NotReproducible(
            f"Versions of {owner.versions_of} before {owner.reach} have left PostgreSQL for its columnar copy, and windows of predictions of then "
            "cannot be computed without them."
        )
    described = set_read(release, read, owner, {given.name: given.name for given in release.inputs})
    assert described.windows is not None
    keys: list[Composable] = [Identifier("p", key) for key in owner.keys]
    seen = query("windows/windows", "pinned", pin=Identifier("p", read.version_column))
    computed = version(described.windows, owner.history, keys, Identifier("p", "scored_at"), seen)
    return query(FILE, "computed", read=alias, computed=computed, version_column=Identifier(read.version_column))


def _cast(given: ReleaseInput, value: Composable) -> tuple[str, Composed]:
    """In which array an input comes, and as what."""
    if base_type(given.type) == "boolean":
        return "integers", query(FILE, "as_boolean", value=value)
    if kind_of(given.type) == "text":
        return "texts", query(FILE, "as_text", value=value)
    text, kind = ("as_integer", "integers") if has_no_nan(given.type) else ("as_number", "fractions")
    return kind, query(FILE, text, value=value, type=type_sql(given.type))


def _input(release: Release, given: ReleaseInput, aliases: Mapping[str, Identifier]) -> Composable:
    if given.feature_set is None or given.history_column is None:
        return query(FILE, "request", column=Identifier(given.column))
    (read,) = (read for read in release.sets if read.feature_set == given.feature_set)
    if read.computed:
        value = SQL("{}.{}").format(aliases[read.feature_set], Identifier(given.history_column))
        if given.default_value is None:
            return value
        return query(FILE, "with_default", value=value, default=typed_literal(given.default_value, given.type))
    fresh = (
        query(FILE, "fresh", read=aliases[read.feature_set], max_age=duration(read.max_age)) if read.max_age else None
    )
    value = query(
        FILE,
        "feature",
        read=aliases[read.feature_set],
        column=Identifier(given.history_column),
        fresh=joined([fresh] if fresh else [], ""),
    )
    if given.default_value is None:
        return value
    return query(FILE, "with_default", value=value, default=typed_literal(given.default_value, given.type))
