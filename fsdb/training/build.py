"""Building training sets: from a view, from a spine of the caller's, or from the features' own history."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal

from psycopg import Connection
from psycopg.sql import Composable

from fsdb.asof import NOW, THEN, AsOf, At, Column, Known, Snapshot, snapshots
from fsdb.asof.binding import as_keys
from fsdb.asof.computing import bind_choice
from fsdb.catalog import training as catalog
from fsdb.catalog.choice import Choice, resolve_choice
from fsdb.db import Database
from fsdb.definitions import TrainingView
from fsdb.engines import query_log, router
from fsdb.errors import InvalidData, InvalidDefinition
from fsdb.exchange import files
from fsdb.exchange.queries import describe, query_text
from fsdb.exchange.timezones import zone_of
from fsdb.history import hold_history
from fsdb.history.reach import hold
from fsdb.training import entities
from fsdb.training.coverage import coverage
from fsdb.training.log import note_built
from fsdb.training.saved_asof import known_of, snapshot_of
from fsdb.training.spine import take, take_rows
from fsdb.training.spine_rows import rows_of
from fsdb.training.training_set import TrainingSet

Values = Literal["history", "current"]


def build(
    connection: Connection[Any],
    view: TrainingView | str | None = None,
    *,
    spine: Any = None,
    features: str | Sequence[str] | None = None,
    timestamp: str | None = None,
    label: str | None = None,
    known: str | datetime = "now",
    engine: str = "auto",
    timezone: str | tzinfo | None = None,
    values: Values = "history",
    database: Database | None = None,
) -> TrainingSet:
    """A training set: the spine's rows in order, each with the features as of its own timestamp.

    view: a TrainingView or the name of a registered one; or else spine (an SQL query, a pandas, polars or Arrow table, or Parquet or CSV files: the
    path of one, a list of paths, a pattern of names, or a folder as a Path), features ("set.feature"; "set.*" or "set" for all of a set's) and timestamp, a column of type timestamptz; of a naive one `timezone` tells the zone, by name, as an offset or as a tzinfo. The sets' keys
    bind to the spine's columns by name. Without view and spine the entities' own history is the spine: a row for each
    moment at which one of the chosen sets (all of the same keys) had a new version, or with values="current" a row for each entity, now.

    known: "now" (every version that is committed), "then" (those recorded by each row's timestamp), a datetime with a time
    zone (those recorded by then), or the name of a saved training set: of the versions that there were when it was built, those that
    count by its own known.

    Everything is read at one snapshot, in the caller's transaction, whose own changes count; nothing is left behind in
    the database but a line of fsdb.query_log. Raises InvalidDefinition, InvalidData and UnknownName.
    """
    chosen_view = _the_view(connection, view, spine, features, timestamp)
    if chosen_view is not None:
        spine, features, timestamp = chosen_view.spine, chosen_view.features, chosen_view.timestamp
        label = chosen_view.label if label is None else label
    router.check(engine)
    which, pinned = _known(connection, known)
    zone = zone_of(timezone)
    with connection.transaction(force_rollback=True):
        snapshots.adopt(connection)
        hold(connection)
        listed = _listed(features)
        hold_history(connection, _checked_choice(resolve_choice(connection, listed)).owners)
        choice = resolve_choice(connection, listed)
        text = spine if isinstance(spine, str) and not files.is_file(spine) else None
        if spine is None:
            if timestamp or label:
                raise InvalidDefinition("timestamp and label name columns of a spine: give spine= as well.")
            source: Composable = entities.spine(connection, choice.read, values)
            columns, timestamp = describe(connection, source, "spine", users=False), entities.TIMESTAMP
        elif text is not None:
            source = query_text(text)
            columns = describe(connection, source, "spine")
        else:
            rows, columns = rows_of(spine, choice.owners, timestamp, zone)
        timestamp = _checked(columns, timestamp, label)
        as_read = as_keys(choice.owners, columns)
        reads, outputs, computed, shown = bind_choice(choice, as_read)
        if spine is None or text is not None:
            taken, seen = take(connection, source, columns, timestamp, zone, as_read, users=text is not None)
        else:
            taken, seen = take_rows(rows, columns, timestamp), snapshots.now(connection)
        described = AsOf(taken, reads, outputs, which, pinned or seen, computed, shown)
        answer = router.run(connection, described, engine)
        covered = coverage(connection, described, answer.result)
    query_log.write(connection, answer.routing)
    built = TrainingSet(
        answer.result,
        described,
        label,
        answer.routing,
        view=None if chosen_view is None else chosen_view.name,
        spine=text,
        database=database,
        coverage=covered,
    )
    return note_built(built)


def _the_view(
    connection: Connection[Any],
    view: TrainingView | str | None,
    spine: Any,
    features: str | Sequence[str] | None,
    timestamp: str | None,
) -> TrainingView | None:
    if view is None:
        return None
    if spine is not None or features or timestamp is not None:
        raise InvalidDefinition(
            "A training view has its own spine, timestamp and features: give either the view or these."
        )
    return view if isinstance(view, TrainingView) else catalog.get_view(connection, view)


def _checked_choice(choice: Choice) -> Choice:
    """Raises InvalidDefinition where nothing that is chosen reads a feature: then there is nothing to be read as of a moment."""
    if not choice.read:
        raise InvalidDefinition(
            f"{choice.expressions[0].name} reads no feature, and a training set reads at least one: choose a feature as well."
        )
    return choice


def _listed(features: str | Sequence[str] | None) -> list[str]:
    listed = [features] if isinstance(features, str) else list(features or ())
    if not listed:
        raise InvalidDefinition("No features were chosen: name at least one as 'set.feature'.")
    return listed


def _checked(columns: Sequence[Column], timestamp: str | None, label: str | None) -> str:
    names = [column.name for column in columns]
    if timestamp is None:
        raise InvalidDefinition(
            f"Which of the spine's columns is its timestamp? Name it with timestamp= (it has {', '.join(names)})."
        )
    if label is not None and label not in names:
        raise InvalidDefinition(
            f"The spine has no column {label!r}, which you named as the label (it has {', '.join(names)})."
        )
    return timestamp


def _known(connection: Connection[Any], known: str | datetime) -> tuple[Known, Snapshot | None]:
    if isinstance(known, datetime):
        if known.utcoffset() is None:
            raise InvalidData(f"known={known} has no time zone: give a datetime with tzinfo, such as datetime.UTC.")
        return At(known), None
    if known in ("now", "then"):
        return (NOW if known == "now" else THEN), None
    if not isinstance(known, str):
        raise InvalidData(
            f"known={known!r} is not a moment: give 'now', 'then', a datetime, or a saved training set's name."
        )
    saved = catalog.get_saved(connection, known)
    return known_of(saved), snapshot_of(saved)
