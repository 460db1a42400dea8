"""Registered schedules and the record of their runs: reading them from the catalog and writing them to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL

from fsdb import clock
from fsdb.catalog.nearest import nearest
from fsdb.definitions import Schedule
from fsdb.errors import InvalidData, UnknownName
from fsdb.sql import query
from fsdb.table import Table

FILE = "catalog/schedules"
MOST_RUNS = 100  # shown where nobody says how many


@dataclass(frozen=True)
class RegisteredSchedule:
    """A schedule as the catalog knows it, and where it stands.

    reads: feature sets whose tables the query reads. done_until: the end of the last slot that is done. coming: the ends of the next
    slots, as far as they are worked out. attempt: how many runs in a row have failed. next_try: before it nothing is tried again.
    """

    definition: Schedule
    search_path: str
    reads: tuple[str, ...]
    paused_at: datetime | None
    done_until: datetime
    coming: tuple[datetime, ...]
    attempt: int
    next_try: datetime | None

    @property
    def name(self) -> str:
        """The schedule's name."""
        return self.definition.name

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What a slot waits for where there are schedules of these names."""
        return tuple(sorted({*self.definition.after, *self.reads} - {self.name}))


@dataclass(frozen=True)
class Run:
    """What became of one run of a schedule. rows and changed: of a batch job what the query gave, and what of it were new versions."""

    schedule: str
    job: str
    since: datetime | None
    until: datetime
    outcome: str
    rows: int | None
    changed: int | None
    error: str | None
    attempt: int
    next_try: datetime | None
    started_at: datetime
    duration: timedelta


def list_schedules(connection: Connection[Any], names: Sequence[str] | None = None) -> dict[str, RegisteredSchedule]:
    """The registered schedules by name, in order of name; only those of `names` that exist, where given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "list"), {"names": None if names is None else list(names)}).fetchall()
    return {row["name"]: _registered(row) for row in rows}


def get_schedule(connection: Connection[Any], name: str) -> RegisteredSchedule:
    """The registered schedule of that name. Raises UnknownName with the nearest names."""
    found = list_schedules(connection, [name.removeprefix("public.")])
    if not found:
        raise UnknownName(f"There is no schedule {name!r}.{nearest(name, list(list_schedules(connection)))}")
    return next(iter(found.values()))


def lock_schedule(connection: Connection[Any], name: str) -> RegisteredSchedule | None:
    """The schedule, whose row is this transaction's until it ends; None where another session has it, or it is gone."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query(FILE, "lock"), {"name": name}).fetchone()
    return None if row is None else _registered(row)


def put_schedule(
    connection: Connection[Any],
    definition: Schedule,
    statement: str | None,
    search_path: str,
    reads: Sequence[str],
    done_until: datetime,
) -> None:
    """Registers a schedule, or writes its definition anew: then it stays paused, and where it stands."""
    values = {
        **vars(definition),
        "feature_set": definition.name if definition.query is not None else None,
        "sets": list(definition.sets),
        "after": list(definition.after),
        "tags": list(definition.tags),
        "statement": statement,
        "search_path": search_path,
        "reads": list(reads),
        "done_until": done_until,
    }
    connection.execute(query(FILE, "put"), values)


def delete_schedule(connection: Connection[Any], name: str) -> None:
    """Removes a schedule; its runs stay."""
    connection.execute(query(FILE, "delete"), {"name": name})


def write_coming(connection: Connection[Any], name: str, began: datetime | None, coming: Sequence[datetime]) -> None:
    """Writes the ends of the next slots, and when the first of them begins."""
    connection.execute(query(FILE, "coming"), {"name": name, "began": began, "coming": list(coming)})


def write_done(connection: Connection[Any], name: str, done_until: datetime, coming: Sequence[datetime]) -> None:
    """Writes that the slots up to a moment are done: nothing has failed since."""
    connection.execute(query(FILE, "done"), {"name": name, "done_until": done_until, "coming": list(coming)})


def write_failed(connection: Connection[Any], name: str, attempt: int, next_try: datetime) -> None:
    """Writes that a slot has failed so often in a row, and when it is tried again."""
    connection.execute(query(FILE, "failed"), {"name": name, "attempt": attempt, "next_try": next_try})


def write_paused(connection: Connection[Any], name: str, paused: bool, now: datetime) -> None:
    """Pauses a schedule from now on, or lets it run again."""
    connection.execute(query(FILE, "pause"), {"name": name, "paused_at": now if paused else None})


def record_run(connection: Connection[Any], run: Run) -> None:
    """Writes a run down."""
    connection.execute(query(FILE, "record"), vars(run))


def last_error(connection: Connection[Any], name: str) -> str | None:
    """Why the last run of a schedule failed; None where it did not, or the caller may not read that."""
    if connection.execute(query(FILE, "sees_errors")).fetchone() != (True,):
        return None
    row = connection.execute(query(FILE, "last_error"), {"name": name}).fetchone()
    return None if row is None else row[0]


def standing(connection: Connection[Any]) -> dict[str, str]:
    """Where each schedule stands, in words: its last run, and when it runs next."""
    rows = connection.execute(query(FILE, "standing"), {"now": clock.now(connection)}).fetchall()
    return dict(rows)


def schedules_table(connection: Connection[Any], now: datetime) -> Table:
    """Every schedule with where it stands at a moment."""
    return _table(connection, "table", {"now": now}, "Schedules")


def runs_table(connection: Connection[Any], schedule: str | None, most: int) -> Table:
    """The runs of one schedule or of all, the newest first. Raises InvalidData for a number of lines that is none."""
    if not 0 <= most < 2**63:
        raise InvalidData(f"most={most} is not a number of lines: give 0 or more.")
    return _table(connection, "runs", {"schedule": schedule, "most": most}, "Runs")


def _table(connection: Connection[Any], name: str, values: dict[str, Any], title: str) -> Table:
    """What a database says of an error may quote rows: who may not read it sees none."""
    sees = connection.execute(query(FILE, "sees_errors")).fetchone() == (True,)
    error = SQL("r.error") if sees else SQL("NULL::text")
    parts = {"columns": SQL("r.started_at, r.outcome, r.rows, r.duration, {} AS error").format(error)}
    shown = {"error": SQL("r.error")} | parts if name == "table" else {"error": error}
    cursor = connection.execute(query(FILE, name, **shown), values)
    assert cursor.description is not None
    return Table.of([column.name for column in cursor.description], cursor.fetchall(), title)


def _registered(row: dict[str, Any]) -> RegisteredSchedule:
    seconds = row["lookback_seconds"]
    # Its parts were checked when they were written; a zone that this machine does not know is told where it is needed.
    definition = object.__new__(Schedule)
    definition.__dict__.update(
        name=row["name"],
        job=row["job"],
        cron=row["cron"],
        timezone=row["timezone"],
        sets=tuple(row["sets"]),
        query=row["query"],
        lookback=None if seconds is None else timedelta(seconds=seconds),
        retries=row["retries"],
        catch_up=row["catch_up"],
        after=tuple(row["after"]),
        description=row["description"],
        tags=tuple(row["tags"]),
        owner=row["owner"],
    )
    return RegisteredSchedule(
        definition,
        row["search_path"],
        tuple(row["reads"]),
        row["paused_at"],
        row["done_until"],
        tuple(row["coming"]),
        row["attempt"],
        row["next_try"],
    )
