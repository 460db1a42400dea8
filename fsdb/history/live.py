"""What a set needs of its live table, held against the table that is there: why one cannot be tracked, and what became of one since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import FeatureSet
from fsdb.sql import query
from fsdb.types import KEY_TYPES, base_name, widens

FILE = "history/live"
TIME_TYPE = "timestamp with time zone"
_KINDS = {
    "p": ("a partitioned table", "copy it into a feature set"),
    "v": ("a view", "track the tables below it"),
    "m": ("a materialized view", "track the tables below it"),
    "f": ("a foreign table", "track it where its rows are"),
}
_OTHER_KIND = ("not a table", "name a table")


@dataclass(frozen=True)
class Problem:
    """One thing for which history cannot follow a table.

    said: what is the case, in words that follow "Table t" or stand alone. refusal: what to do where the table is to be tracked.
    advice: what to do where it is a set's already. kind: missing, renamed or standing (a column without which there can be no
    trigger is gone); column (a feature's), type, key; or table, which is all else.
    """

    kind: str
    said: str
    refusal: str
    advice: str
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.said}: {self.advice}."


@dataclass(frozen=True)
class Needs:
    """What a set needs of its live table: that it is there, with these columns, as one whose every change its triggers see.

    set_name and history_table are None for a set that is yet to be made.
    """

    schema: str
    name: str
    keys: Mapping[str, str]
    features: Mapping[str, str]
    time: str | None
    tracked: bool
    set_name: str | None = None
    history_table: str | None = None

    @classmethod
    def of(cls, registered: RegisteredSet) -> "Needs":
        """What a registered set needs."""
        return cls(
            registered.live_schema,
            registered.live_table,
            registered.keys,
            {feature.name: feature.type for feature in registered.features},
            registered.event_time_column,
            registered.tracked,
            registered.name,
            registered.history_table,
        )

    @classmethod
    def of_definition(cls, definition: FeatureSet) -> "Needs":
        """What a definition that tracks a table needs of it."""
        assert definition.tracks is not None
        schema, name = table_of(definition.tracks)
        features = {feature.name: feature.sql_type for feature in definition.features}
        return cls(schema, name, definition.sql_keys, features, definition.event_time, tracked=True)

    @property
    def table(self) -> str:
        """The table as users write it."""
        return shown(self.schema, self.name)

    @property
    def columns(self) -> list[str]:
        """Every column that the triggers name."""
        return [*self.keys, *self.features, *([self.time] if self.time is not None else [])]


@dataclass(frozen=True)
class LiveTable:
    """The table that a set lives on, as it is. facts: a row of the text `relations`; columns and unique keys by name."""

    facts: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]] = field(repr=False)
    unique_keys: tuple[tuple[tuple[str, ...], bool, bool], ...] = field(repr=False)

    @property
    def table(self) -> str:
        """The table as users write it."""
        return shown(self.facts["schema"], self.facts["name"])

    @property
    def is_own(self) -> bool:
        """Whether it is under its name the table that fsdb made or was given for the set, not another one in its place."""
        return bool(
            self.facts["named"] and self.facts["kind"] == "r" and (self.facts["bears"] or self.facts["remembered"])
        )

    def now_called(self, column: str) -> str | None:
        """What a column that the triggers name is called now, where it bears another name; None where it is not there."""
        if column in self.columns:
            return None
        return next((name for name, found in self.columns.items() if found["former"] == column), None)


def table_of(tracks: str) -> tuple[str, str]:
    """Schema and name of a tracked table; without a dot it is in public."""
    schema, _, relation = tracks.rpartition(".")
    return schema or "public", relation


def shown(schema: str, name: str) -> str:
    """A table as users write it: without the schema where that is public."""
    return name if schema == "public" else f"{schema}.{name}"


def find(connection: Connection[Any], needs: Needs) -> LiveTable | None:
    """The table that bears the set's triggers, else the one of its name; None where there is neither."""
    history, function = None, None
    if needs.history_table is not None:
        history = Identifier(HISTORY_SCHEMA, needs.history_table).as_string()
        function = f"{Identifier(HISTORY_SCHEMA, f'{needs.history_table}:inserted').as_string()}()"
    given = {
        "schema": needs.schema,
        "name": needs.name,
        "feature_set": needs.set_name,
        "history": history,
        "function": function,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "relations"), given).fetchall()
        if not rows:
            return None
        facts = max(rows, key=lambda row: (row["bears"], row["named"]))
        of_table = {"oid": facts["oid"], "feature_set": needs.set_name}
        columns = cursor.execute(query(FILE, "columns"), of_table).fetchall()
        unique = cursor.execute(query(FILE, "unique_keys"), of_table).fetchall()
    keys = tuple((tuple(row["columns"]), row["is_primary"], row["immediate"]) for row in unique)
    return LiveTable(facts, {row["name"]: row for row in columns}, keys)


def plain(connection: Connection[Any], names: Sequence[str] | None = None) -> set[str]:
    """Of the named sets, or of all, those whose live tables are plainly as they are needed; the others are to be looked at one by one."""
    found = connection.execute(query(FILE, "plain"), {"names": None if names is None else list(names)})
    return {name for (name,) in found}


def problems(connection: Connection[Any], needs: Needs) -> list[Problem]:
    """Everything for which history cannot follow the table; none where all is well."""
    return list(held_against(needs, find(connection, needs)))


def held_against(needs: Needs, live: LiveTable | None) -> Iterator[Problem]:
    """The problems of a table that was looked up already."""
    if live is None:
        yield _missing(needs)
        return
    if not live.facts["named"]:
        yield _renamed(needs, live)
    of_table = list(_of_table(needs, live))
    yield from of_table
    if live.facts["kind"] == "r":
        yield from _of_columns(needs, live)
        yield from _of_keys(needs, live)


def remember_columns(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Keeps by number which columns the set's triggers are compiled for; one that the table has not stays as it was kept."""
    needs = Needs.of(registered)
    given = {"feature_set": registered.name, "live": registered.live.as_string(), "names": needs.columns}
    connection.execute(query(FILE, "forget_columns"), given)
    connection.execute(query(FILE, "remember_columns"), given)


def _missing(needs: Needs) -> Problem:
    advice = "run fsdb upgrade, which makes it again from history"
    if needs.tracked:
        advice = f"restore it from a backup and run fsdb repair {needs.set_name}, or drop the feature set"
    refusal = f"There is no table {needs.table} to track: check its name, and write its schema if not public."
    return Problem("missing", f"Table {needs.table} is gone", refusal, advice)


def _renamed(needs: Needs, live: LiveTable) -> Problem:
    back = f"rename it back to {needs.table}"
    advice = (
        f"define feature set {needs.set_name} with tracks={live.table!r} and apply that, or {back}"
        if needs.tracked
        else back
    )
    return Problem("renamed", f"Table {needs.table} is called {live.table} now", back, advice)


def _of_table(needs: Needs, live: LiveTable) -> Iterator[Problem]:
    facts = live.facts
    table, mend = live.table, f"then run fsdb repair {needs.set_name}"

    def problem(said: str, refusal: str, advice: str) -> Problem:
        return Problem("table", f"Table {table} is {said}", refusal, advice)

    if facts["kind"] != "r":
        said, refusal = _KINDS.get(facts["kind"], _OTHER_KIND)
        yield problem(said, refusal, f"make it a plain table, {mend}")
        return
    if facts["persistence"] != "p":
        said = "temporary or unlogged and would lose its rows"
        yield problem(said, "track a permanent table", f"ALTER TABLE {table} SET LOGGED")
    if facts["parent"] is not None or facts["child"] is not None:
        yield _inheritance(live, mend)
    if needs.set_name is None and not facts["owned"]:
        said = f"owned by {facts['owner']}, and only the owner of a table can give it fsdb's triggers"
        advice = f"connect as {facts['owner']}, or as a member of the role that owns it"
        yield problem(said, advice, advice)
    if facts["hidden"]:
        said = f"under row security that hides rows from {facts['writer']}, by whose rights history is written"
        advice = (
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, or ALTER ROLE {facts['writer']} BYPASSRLS as a superuser"
        )
        yield problem(said, advice, f"{advice}; {mend}")
    if facts["subscription"] is not None:
        said = f"fed by subscription {facts['subscription']}, whose writes fire no triggers once a statement"
        where = "track it in the database that publishes it"
        yield problem(said, where, f"{where} and drop the set here; or drop the subscription, {mend}")
    if facts["later_trigger"] is not None and not needs.tracked:
        name = facts["later_trigger"]
        said = f"under trigger {name}, which comes after fsdb's and can change or drop rows that fsdb has settled"
        advice = f"ALTER TRIGGER … ON {table} RENAME TO a name that comes before '~fsdb_' in the alphabet"
        yield problem(said, advice, f"{advice}, {mend}")
    if facts["rule"] is not None:
        said = f"under rule {facts['rule']}, which puts other statements in the place of its changes"
        advice = f"make a trigger of it and DROP RULE {facts['rule']} ON {table}"
        yield problem(said, advice, f"{advice}, {mend}")


def _inheritance(live: LiveTable, mend: str) -> Problem:
    table, parent = live.table, live.facts["parent"]
    copy = "copy it into a feature set"
    seen_in_part = "part of an inheritance tree, whose rows triggers see only in part"
    if live.facts["is_partition"]:
        said = f"a partition of {parent}, and writes through that table fire none of its triggers"
        advice = f"ALTER TABLE {parent} DETACH PARTITION {table}, {mend}"
    elif parent is not None:
        said, advice = f"{seen_in_part}: a child of {parent}", f"ALTER TABLE {table} NO INHERIT {parent}, {mend}"
    else:
        child = live.facts["child"]
        said, advice = f"{seen_in_part}: the parent of {child}", f"ALTER TABLE {child} NO INHERIT {table}, {mend}"
    return Problem("table", f"Table {table} is {said}", copy, advice)


def _of_columns(needs: Needs, live: LiveTable) -> Iterator[Problem]:
    wanted = {**needs.keys, **needs.features}
    if needs.time is not None:
        wanted[needs.time] = TIME_TYPE
    for name, kind in wanted.items():
        column = live.columns.get(name)
        if column is None:
            yield _column_gone(needs, live, name)
        elif column["former"] not in (None, name):
            yield _another(needs, live, name)
        elif column["generated"]:
            said = f"Column {name!r} of {live.table} is a generated column, which triggers cannot see in time"
            yield Problem("column", said, "leave it out", "drop its expression: ALTER COLUMN … DROP EXPRESSION", name)
        elif column["type"] != kind and not (needs.set_name is not None and widens(column["type"], kind)):
            yield _retyped(needs, live, name, kind)


def _column_gone(needs: Needs, live: LiveTable, name: str) -> Problem:
    part = "key" if name in needs.keys else "feature" if name in needs.features else "event time"
    refusal = f"it has {', '.join(live.columns)}"
    kind = "column" if part == "feature" else "standing"
    now = live.now_called(name)
    if now is None:
        back = f"add it to {live.table} again"
        other = f", or take the feature out of the definition of {needs.set_name}" if part == "feature" else ""
        said = f"Table {live.table} has no column {name!r}"
        return Problem(
            kind, f"{said}, the {part} of {needs.set_name}" if needs.set_name else said, refusal, back + other, name
        )
    said = f"Column {name!r} of {live.table}, the {part} of {needs.set_name}, is called {now!r} now"
    back = f"rename it back: ALTER TABLE {live.table} RENAME COLUMN {now} TO {name}"
    can_follow = needs.tracked and part != "key"
    follow = f"name it {now!r} in the definition of {needs.set_name} and apply that, or " if can_follow else ""
    return Problem(kind, said, refusal, follow + back, name)


def _another(needs: Needs, live: LiveTable, name: str) -> Problem:
    former = live.columns[name]["former"]
    said = f"Column {name!r} of {live.table} is another one than it was: the one that was called {former!r}"
    advice = f"rename the columns back, or drop feature {name!r} from the definition of {needs.set_name}, apply that, and add it again"
    return Problem("column", said, advice, advice, name)


def _retyped(needs: Needs, live: LiveTable, name: str, kind: str) -> Problem:
    found = live.columns[name]["type"]
    if name == needs.time:
        said = f"Column {name!r} of {live.table} is {found}, not a plain timestamp with time zone"
        refusal = "change its type, or leave event_time= out so that the clock counts"
        return Problem("type", said, refusal, f"make it {TIME_TYPE} again", name)
    said = f"Column {name!r} of {live.table} is {found}, not {kind}"
    if name in needs.keys:
        advice = f"make it {kind} again, or define a set of another name with the new key"
    elif widens(kind, found):
        advice = f"define feature {needs.set_name}.{name} as {found} and apply that; until then writes of it fail"
    else:
        advice = (
            f"make it {kind} again, or drop feature {needs.set_name}.{name} from the definition, apply that, and add it as {found}; "
            "until then writes of it fail"
        )
    return Problem("type", said, "declare it as it is", advice, name)


def _of_keys(needs: Needs, live: LiveTable) -> Iterator[Problem]:
    present = [key for key in needs.keys if key in live.columns]
    for key in present:
        column = live.columns[key]
        if not column["not_null"]:
            advice = f"set it NOT NULL{'' if needs.set_name else ' first'}"
            yield Problem("key", f"Key column {key!r} of {live.table} may be NULL", advice, advice, key)
        if not column["deterministic"]:
            said = f"Key column {key!r} of {live.table} has a collation by which different texts are equal"
            yield Problem("key", said, "use a deterministic one", "give it a deterministic one again", key)
        if needs.set_name is None and base_name(column["type"]) not in KEY_TYPES:
            said = f"Key column {key!r} of {live.table} has the type {column['type']}, which no key can have"
            yield Problem("key", said, "choose another key", "choose another key", key)
    if len(present) < len(needs.keys):
        return
    fitting = [immediate for columns, _, immediate in live.unique_keys if sorted(columns) == sorted(needs.keys)]
    keys = ", ".join(needs.keys)
    if not fitting:
        advice = "add a unique constraint on exactly these"
        said = f"Columns {keys} of {live.table} are not unique"
        yield Problem("key", said, f"{advice}, or choose other keys", advice)
    elif not any(fitting):
        said = f"The unique constraint on {keys} of {live.table} is deferrable, so that two rows may share a key for a while"
        yield Problem("key", said, "make it NOT DEFERRABLE", "make it NOT DEFERRABLE")
