"""Plans: what would change, what uses it, and what stands in the way. Applying one is a single transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection, errors

from fsdb.access.giving import give
from fsdb.errors import ChangeRefused
from fsdb.migrate.changes import AddFeature, Change, DropFeature, DropFeatureSet, RestoreFeature, WidenFeature
from fsdb.migrate.diff import Definition, diff
from fsdb.migrate.reading import lock, read
from fsdb.migrate.standing import standing
from fsdb.migrate.uses import Uses, uses
from fsdb.sql import query
from fsdb.table import Table

LOCKS_OF_A_SET = 80  # dropping one locks its tables, indexes, sequence, types, triggers, functions and views
OF_FEATURES = (
    AddFeature,
    DropFeature,
    RestoreFeature,
    WidenFeature,
)  # after which the query of a batch set may not fit


@dataclass(frozen=True)
class Step:
    """A change with what uses the thing that it changes."""

    change: Change
    uses: Uses

    @property
    def obstacle(self) -> str | None:
        """Why the change cannot be made now, or None."""
        return self.uses.obstacle(self.change)


@dataclass(frozen=True)
class Plan:
    """The steps in the order in which they are made; `refusals` are wishes that are not fulfilled in place."""

    steps: tuple[Step, ...]
    refusals: tuple[str, ...]
    definitions: tuple[Definition, ...] = field(repr=False)
    prune: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """What would change."""
        return tuple(step.change for step in self.steps)

    @property
    def destructive(self) -> tuple[Change, ...]:
        """The changes that need to be confirmed."""
        return tuple(change for change in self.changes if change.destructive)

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Every reason for which applying would be refused, confirmation aside."""
        return self.refusals + tuple(step.obstacle for step in self.steps if step.obstacle)

    def __bool__(self) -> bool:
        """Whether there is anything to do or to say."""
        return bool(self.steps or self.refusals)

    @property
    def table(self) -> Table:
        """One row a change: what it does, whether it destroys, what uses the thing, what is in the way."""
        rows: list[tuple[Any, ...]] = [
            (step.change.sentence, step.change.destructive, str(step.uses), step.obstacle or "") for step in self.steps
        ]
        rows += [("", False, "", refusal) for refusal in self.refusals]
        return Table.of(("change", "destructive", "used_by", "refused"), rows, title="Plan")

    def __rich__(self) -> Any:
        return self.table.__rich__() if self else "Nothing to change: the database is as defined."

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return repr(self.table) if self else "Nothing to change: the database is as defined."

    def _repr_html_(self) -> str:
        return self.table._repr_html_() if self else f"<p>{self}</p>"

    def to_dicts(self) -> list[dict[str, Any]]:
        """The table's rows for JSON, each with the kind and the name of what changes."""
        kinds = [(type(step.change).__name__, step.change.subject) for step in self.steps] + [("", "")] * len(
            self.refusals
        )
        return [
            {"kind": kind, "name": name, **row} for (kind, name), row in zip(kinds, self.table.to_dicts(), strict=True)
        ]


def plan(connection: Connection[Any], definitions: Sequence[Definition], prune: bool = False) -> Plan:
    """What would make the database as defined. Sets and views that no definition names stay, or go with `prune`."""
    found = read(connection)
    difference = diff(found, definitions, prune)
    difference = standing(connection, difference, [d.name for d in definitions if d.name in found.sets])
    steps = tuple(Step(change, uses(connection, change, difference.changes)) for change in difference.changes)
    return Plan(steps, difference.refusals, tuple(definitions), prune)


def apply(
    connection: Connection[Any], planned: Plan, allow_destructive: bool = False, *, most_drops: int | None = None
) -> bool:
    """Makes the changes of a plan in the connection's transaction: all of them or, on any error, none. Gives whether that was all.

    Nothing is left to do where another session has made the same changes since. most_drops: how many sets are dropped at most;
    further ones, which come last, are left for another plan and transaction.

    Raises ChangeRefused where something is in the way, where destructive changes are not allowed, and where the
    database has changed since the plan was made.
    """
    from fsdb import jobs
    from fsdb.migrate import locking  # with every part of fsdb, which making a plan does not wait for
    from fsdb.migrate.perform import perform

    lock(connection)
    now = plan(connection, planned.definitions, planned.prune)
    if planned and not now:
        return True  # another session made the same changes meanwhile
    if now.changes != planned.changes:
        raise ChangeRefused("The database has changed since this plan was made: make a new plan and look at it again.")
    if now.obstacles:
        raise ChangeRefused(" ".join(now.obstacles))
    if now.destructive and not allow_destructive:
        raise ChangeRefused(
            f"Not applied, because it would lose something: {' '.join(change.sentence for change in now.destructive)} "
            "Allow it with allow_destructive=True (fsdb apply --yes)."
        )
    left = [change for change in now.changes if isinstance(change, DropFeatureSet)][most_drops:] if most_drops else []
    made = [change for change in now.changes if change not in left]
    try:
        locking.take(connection, made)
        for change in made:
            perform(connection, change)
        jobs.check_again(connection, {change.set_name for change in made if isinstance(change, OF_FEATURES)})
        if made:
            give(connection)
    except errors.OutOfMemory as error:
        raise ChangeRefused(
            f"{len(made)} changes in one transaction are more than the server's lock table holds: apply fewer definitions at a time, "
            f"or raise max_locks_per_transaction and restart the server ({error.diag.message_primary})."
        ) from error
    return not left


def most_drops(connection: Connection[Any]) -> int:
    """How many sets can be dropped in one transaction, each under some eighty locks, in half of the server's lock table."""
    row = connection.execute(query("migrate/catalog", "lock_table")).fetchone()
    return max(1, int(row[0]) // (2 * LOCKS_OF_A_SET)) if row else 1
