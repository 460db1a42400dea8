"""The operations of fsdb in Alembic files: `op.create_feature_set(…)`, `op.add_feature(…)` and the others.

`register()` makes them known to Alembic, together with the comparison that autogenerate runs. Each call becomes a
change of fsdb.migrate.changes and is made in the migration's own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import psycopg
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import DropIndexOp, DropTableOp, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection as SQLAlchemyConnection

from fsdb import search_path
from fsdb.access.giving import give
from fsdb.catalog.expressions import expression_definition, get_expression
from fsdb.catalog.feature_sets import DURATIONS, get_set
from fsdb.catalog.schedules import get_schedule
from fsdb.catalog.training import get_view
from fsdb.definitions import Feature, FeatureSet, Schedule, TrainingView, Window, WindowSet, fixed_duration
from fsdb.definitions.expressions import Expression
from fsdb.errors import ChangeRefused, UnknownName
from fsdb.migrate import changes, expression_changes, schedule_changes, window_changes
from fsdb.migrate.beside import SCHEMAS, own
from fsdb.migrate.changes import Change, SetAttributes
from fsdb.migrate.diff import diff, type_refusal
from fsdb.migrate.engine import driver
from fsdb.migrate.perform import perform
from fsdb.migrate.reading import read
from fsdb.migrate.registered import feature_definition, set_definition, window_definition
from fsdb.migrate.render import rendered
from fsdb.types import TypeLike, sql_type, widens
from fsdb.windows import get_window_set

PLUGIN = "fsdb"  # as `autogenerate_plugins` of Alembic's context.configure names the comparison
DEFINITIONS = "fsdb_definitions"  # the option of context.configure that holds the definitions to compare with

DROPS = (DropTableOp, DropIndexOp)

OPERATIONS = (
    "create_feature_set",
    "track_table",
    "drop_feature_set",
    "alter_feature_set",
    "follow_table",
    "remake_live_table",
    "add_feature",
    "drop_feature",
    "restore_feature",
    "alter_feature",
    "create_expression",
    "alter_expression",
    "drop_expression",
    "create_training_view",
    "alter_training_view",
    "drop_training_view",
    "create_schedule",
    "alter_schedule",
    "drop_schedule",
    "create_window_set",
    "alter_window_set",
    "drop_window_set",
)


class ChangeOperation(MigrateOperation):
    """A change as Alembic carries it from the comparison to the file."""

    def __init__(self, change: Change) -> None:
        self.change = change

    def reverse(self) -> ChangeOperation:
        """The operation of the downgrade."""
        return ChangeOperation(self.change.reverse())

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """As `alembic check` shows it."""
        return type(self.change).__name__, self.change.sentence

    @classmethod
    def create_feature_set(
        cls,
        operations: Operations,
        name: str,
        *,
        keys: Mapping[str, Any],
        features: Iterable[Feature],
        **attributes: Any,
    ) -> None:
        """Creates a feature set. attributes: max_age, retention, ahead, event_time, description, tags, owner."""
        definition = FeatureSet(name, keys=keys, features=tuple(features), **attributes)
        with _pinned(operations) as connection:
            _performed(connection, changes.CreateFeatureSet(definition))

    @classmethod
    def track_table(
        cls,
        operations: Operations,
        table: str,
        *,
        name: str,
        keys: Mapping[str, Any],
        features: Iterable[Feature],
        **attributes: Any,
    ) -> None:
        """Makes an existing table a feature set. attributes: event_time, max_age, retention, ahead, description, tags, owner."""
        definition = FeatureSet(name, keys=keys, features=tuple(features), tracks=table, **attributes)
        with _pinned(operations) as connection:
            _performed(connection, changes.TrackTable(definition))

    @classmethod
    def drop_feature_set(cls, operations: Operations, name: str) -> None:
        """Drops a feature set with its history; a tracked table stays."""
        with _pinned(operations) as connection:
            _performed(connection, changes.DropFeatureSet(set_definition(get_set(connection, name))))

    @classmethod
    def alter_feature_set(cls, operations: Operations, name: str, **attributes: Any) -> None:
        """Changes max_age, retention, ahead, event_time's rule, description, tags or owner of a set; what is not given stays."""
        with _pinned(operations) as connection:
            before = SetAttributes.of(set_definition(get_set(connection, name)))
            for duration in DURATIONS:
                if duration in attributes:
                    attributes[duration] = fixed_duration(attributes[duration], name, duration)
            _performed(
                connection, changes.AlterFeatureSet(name, before, _replaced(before, attributes, "alter_feature_set"))
            )

    @classmethod
    def follow_table(
        cls,
        operations: Operations,
        name: str,
        *,
        table: str,
        event_time: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        """Takes over what was renamed of a tracked table: the table, its time, and features' columns, old names to new ones."""
        with _pinned(operations) as connection:
            before = set_definition(get_set(connection, name))
            pairs = tuple((columns or {}).items())
            change = changes.FollowTable(name, before.tracks or "", table, (before.event_time, event_time), pairs)
            _performed(connection, change)

    @classmethod
    def remake_live_table(cls, operations: Operations, name: str) -> None:
        """Makes a live table that is gone again from history."""
        with _pinned(operations) as connection:
            _performed(connection, changes.RemakeLiveTable(name))

    @classmethod
    def add_feature(cls, operations: Operations, set_name: str, feature: Feature) -> None:
        """Adds a feature; versions that are there already have NULL for it."""
        with _pinned(operations) as connection:
            _performed(connection, changes.AddFeature(set_name, feature))

    @classmethod
    def drop_feature(cls, operations: Operations, set_name: str, name: str) -> None:
        """Drops a feature; its past stays in history."""
        with _pinned(operations) as connection:
            feature = feature_definition(get_set(connection, set_name).feature(name))
            _performed(connection, changes.DropFeature(set_name, feature))

    @classmethod
    def restore_feature(cls, operations: Operations, set_name: str, feature: Feature) -> None:
        """Takes back the feature dropped last under this name, with its history; adds it where none was dropped."""
        with _pinned(operations) as connection:
            _performed(connection, changes.RestoreFeature(set_name, feature))

    @classmethod
    def alter_feature(cls, operations: Operations, set_name: str, name: str, **attributes: Any) -> None:
        """Changes type (in place, where values stay the same), description, tags, owner or default of a feature."""
        with _pinned(operations) as connection:
            before = feature_definition(get_set(connection, set_name).feature(name))
            if "type" in attributes:
                old, new = before.sql_type, sql_type(attributes.pop("type"), f"feature {name!r}")
                if old != new:
                    _performed(connection, _retyped(set_name, name, old, new))
                    before = replace(before, type=new)
            if attributes:
                _performed(
                    connection, changes.AlterFeature(set_name, before, _replaced(before, attributes, "alter_feature"))
                )

    @classmethod
    def create_expression(
        cls,
        operations: Operations,
        name: str,
        expression: str,
        inputs: Mapping[str, TypeLike] | None = None,
        **attributes: Any,
    ) -> None:
        """Creates an expression. inputs: the columns that a request brings, with their types. attributes: description, tags, owner."""
        definition = Expression(name, expression, dict(inputs or {}), **attributes)
        with _pinned(operations) as connection:
            _performed(connection, expression_changes.CreateExpression(definition))

    @classmethod
    def alter_expression(cls, operations: Operations, name: str, **attributes: Any) -> None:
        """Changes what is given of an expression; the rest stays."""
        with _pinned(operations) as connection:
            before = expression_definition(get_expression(connection, name))
            after = _replaced(before, attributes, "alter_expression")
            _performed(connection, expression_changes.AlterExpression(before, after))

    @classmethod
    def drop_expression(cls, operations: Operations, name: str) -> None:
        """Drops an expression; training sets saved with it stay."""
        with _pinned(operations) as connection:
            definition = expression_definition(get_expression(connection, name))
            _performed(connection, expression_changes.DropExpression(definition))

    @classmethod
    def create_training_view(
        cls,
        operations: Operations,
        name: str,
        *,
        spine: str,
        timestamp: str,
        features: str | Iterable[str],
        **attributes: Any,
    ) -> None:
        """Creates a training view. attributes: label, description, tags, owner."""
        listed = features if isinstance(features, str) else tuple(features)
        view = TrainingView(name, spine=spine, timestamp=timestamp, features=listed, **attributes)
        with _pinned(operations) as connection:
            _performed(connection, changes.CreateTrainingView(view))

    @classmethod
    def alter_training_view(cls, operations: Operations, name: str, **attributes: Any) -> None:
        """Changes what is given of a training view; the rest stays."""
        with _pinned(operations) as connection:
            before = get_view(connection, name)
            after = _replaced(before, attributes, "alter_training_view")
            _performed(connection, changes.AlterTrainingView(before, after))

    @classmethod
    def drop_training_view(cls, operations: Operations, name: str) -> None:
        """Drops a training view; training sets saved from it stay."""
        with _pinned(operations) as connection:
            _performed(connection, changes.DropTrainingView(get_view(connection, name)))

    @classmethod
    def create_schedule(cls, operations: Operations, name: str, *, job: str, cron: str, **attributes: Any) -> None:
        """Schedules a job. attributes: timezone, sets, query, lookback, retries, catch_up, after, description, tags, owner."""
        schedule = Schedule(name, job, cron, **attributes)
        with _pinned(operations) as connection:
            _performed(connection, schedule_changes.CreateSchedule(schedule))

    @classmethod
    def alter_schedule(cls, operations: Operations, name: str, **attributes: Any) -> None:
        """Changes what is given of a schedule; the rest stays, and where it stands in time."""
        with _pinned(operations) as connection:
            before = get_schedule(connection, name).definition
            for listed in ("sets", "after"):
                if listed in attributes:
                    attributes[listed] = tuple(attributes[listed])
            after = _replaced(before, attributes, "alter_schedule")
            _performed(connection, schedule_changes.AlterSchedule(before, after))

    @classmethod
    def drop_schedule(cls, operations: Operations, name: str) -> None:
        """Drops a schedule; the set that it fills stays."""
        with _pinned(operations) as connection:
            _performed(connection, schedule_changes.DropSchedule(get_schedule(connection, name).definition))

    @classmethod
    def create_window_set(
        cls,
        operations: Operations,
        name: str,
        *,
        events: str,
        keys: Mapping[str, str],
        features: Iterable[Window],
        **attributes: Any,
    ) -> None:
        """Creates a set of features that are computed from events. attributes: offset, step, description, tags, owner."""
        definition = WindowSet(name, events=events, keys=keys, features=tuple(features), **attributes)
        with _pinned(operations) as connection:
            _performed(connection, window_changes.CreateWindowSet(definition))

    @classmethod
    def alter_window_set(cls, operations: Operations, name: str, **attributes: Any) -> None:
        """Changes features, description, tags or owner of a window set; what is not given stays."""
        with _pinned(operations) as connection:
            before = window_definition(get_window_set(connection, name))
            fixed = sorted({"events", "keys", "offset", "step"} & set(attributes))
            if fixed:
                raise ChangeRefused(
                    f"{fixed[0]} of window set {name} does not change: create a set of another name, and drop this one."
                )
            _performed(
                connection, window_changes.AlterWindowSet(before, _replaced(before, attributes, "alter_window_set"))
            )

    @classmethod
    def drop_window_set(cls, operations: Operations, name: str) -> None:
        """Drops a window set; its events stay."""
        with _pinned(operations) as connection:
            _performed(connection, window_changes.DropWindowSet(window_definition(get_window_set(connection, name))))


def register() -> None:
    """Makes operations and comparison known to Alembic. Calling it again does nothing."""
    if hasattr(Operations, OPERATIONS[0]):
        return
    for name in OPERATIONS:
        Operations.register_operation(name)(ChangeOperation)
    renderers.dispatch_for(ChangeOperation)(_rendered)
    plugin = Plugin(PLUGIN)
    plugin.add_autogenerate_comparator(_leave_out_schemas, "schema", priority=DispatchPriority.FIRST)
    plugin.add_autogenerate_comparator(_compare, "autogenerate", priority=DispatchPriority.LAST)


def _leave_out_schemas(
    _context: AutogenContext, _upgrade: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    """Runs before Alembic looks into the schemas (include_schemas=True), so that it does not even read fsdb's own."""
    schemas -= SCHEMAS
    return PriorityDispatchResult.CONTINUE


def _compare(context: AutogenContext, upgrade: UpgradeOps) -> PriorityDispatchResult:
    """The comparison: the definitions are the whole truth, so what they no longer name is dropped.

    Runs last. Where Alembic compares the user's own tables too, what is fsdb's among them is left out; a tracked table is let go of
    before it may be dropped, and tracked after it may be created.
    """
    definitions = context.opts.get(DEFINITIONS)
    if not definitions or context.connection is None:
        raise ChangeRefused(
            f"Autogenerate has nothing to compare with: hand the definitions to context.configure({DEFINITIONS}=[…]) in env.py."
        )
    connection = driver(context.connection)
    with search_path.pinned(connection):
        difference = diff(read(connection), definitions, prune=True)
        default_schema = context.dialect.default_schema_name if context.dialect else None
        fsdbs = own(connection, definitions, default_schema)
    if difference.refusals:
        raise ChangeRefused(" ".join(difference.refusals))
    others = fsdbs.without(upgrade.ops)
    made = [operation for operation in others if not isinstance(operation, DROPS)]
    dropped = [operation for operation in others if isinstance(operation, DROPS)]
    upgrade.ops[:] = [*made, *(ChangeOperation(change) for change in difference.changes), *dropped]
    return PriorityDispatchResult.CONTINUE


def _rendered(context: AutogenContext, operation: ChangeOperation) -> list[str]:
    lines = rendered(operation.change, str(context.opts["alembic_module_prefix"] or ""))
    if any("fsdb." in line for line in lines):
        context.imports.add("import fsdb")
    return ["\n".join(lines)]


@contextmanager
def _pinned(operations: Operations) -> Iterator[psycopg.Connection[Any]]:
    """The connection of a migration, whose other statements are its user's: for the block under fsdb's own search path."""
    connection = _psycopg(operations.get_bind())
    with search_path.pinned(connection):
        yield connection


def _performed(connection: psycopg.Connection[Any], change: Change) -> None:
    """Makes one change, and gives the rights on what it makes."""
    perform(connection, change)
    give(connection)


def _psycopg(bind: object) -> psycopg.Connection[Any]:
    if not isinstance(bind, SQLAlchemyConnection):
        raise ChangeRefused(
            "Operations on feature sets read the database while they run and cannot be written as an SQL script: run them online."
        )
    connection = driver(bind)
    if connection.autocommit:
        raise ChangeRefused(
            "Operations on feature sets need a transaction, and env.py connects with isolation level AUTOCOMMIT: leave that out."
        )
    if connection.info.transaction_status == TransactionStatus.IDLE:
        # SQLAlchemy has begun without telling the server; psycopg's own transaction blocks must become savepoints of that.
        bind.exec_driver_sql("SELECT")
    return connection


def _retyped(set_name: str, name: str, old: str, new: str) -> Change:
    if widens(old, new):
        return changes.WidenFeature(set_name, name, old, new)
    if widens(new, old):
        return changes.NarrowFeature(set_name, name, old, new)
    raise ChangeRefused(type_refusal(f"{set_name}.{name}", old, new))


def _replaced(before: Any, attributes: dict[str, Any], operation: str) -> Any:
    known = {field.name for field in fields(before)} - {"name", "type"}
    unknown = sorted(set(attributes) - known)
    if unknown:
        raise UnknownName(f"op.{operation} does not know {', '.join(unknown)}: it takes {', '.join(sorted(known))}.")
    if "tags" in attributes:
        attributes["tags"] = tuple(attributes["tags"])
    return replace(before, **attributes)
