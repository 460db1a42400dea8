"""The tables that feeds read: what there is of them, and whether a model can be fed from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import Identifier

from fsdb.errors import ChangeRefused, InvalidDefinition, UnknownName
from fsdb.sql import query

FILE = "deployments/feeds"
_KINDS = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
# What a column may be where a key or input is of that type: every value is the same value there.
_FITTING = {
    "integer": frozenset({"smallint"}),
    "bigint": _INTEGERS,
    "numeric": _INTEGERS,
    "double precision": _INTEGERS | {"real"},
    "text": frozenset({"character varying"}),
}


@dataclass(frozen=True)
class Source:
    """A table as it is. columns: types by name, of domains the types below them. owned: whether fsdb's role may add columns."""

    schema: str
    name: str
    columns: dict[str, str]
    generated: dict[str, str]
    key: tuple[str, ...]
    owned: bool
    lacking: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The table, for messages."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def table(self) -> Identifier:
        """The table, quoted."""
        return Identifier(self.schema, self.name)


def read_source(connection: Connection[Any], table: str) -> Source:
    """An ordinary table with a primary key, "table" (in schema public) or "schema.table", whatever characters are in it.

    Raises UnknownName where there is none of that name, ChangeRefused where it is something else.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query(FILE, "relation"), {"name": table}).fetchone()
        if found is None:
            raise UnknownName(
                f"There is no table {table!r} to attach a model to: name one as 'table' or 'schema.table'."
            )
        what = _KINDS.get(found["kind"])
        if what is None and found["inherits"]:
            what = "a partition, or part of an inheritance"
        if what is None and found["persistence"] == "t":
            what = "a temporary table"
        if what is not None:
            raise ChangeRefused(f"{table} is {what}: a model is attached to an ordinary table whose rows are its own.")
        columns = cursor.execute(query(FILE, "columns"), {"oid": found["oid"]}).fetchall()
    key = tuple(row[0] for row in connection.execute(query(FILE, "primary_key"), {"oid": found["oid"]}))
    if not key:
        raise ChangeRefused(
            f"Table {table} has no primary key, by which predictions find their rows: add one, then attach the model."
        )
    return Source(
        found["schema"],
        found["name"],
        {column["name"]: column["type"] for column in columns},
        {column["name"]: column["generated"] for column in columns if column["generated"]},
        key,
        found["owned"],
        tuple(found["lacking"]),
    )


def checked_inputs(
    source: Source, wanted: Mapping[str, str], named: Mapping[str, str], model: str, advice: str | None = None
) -> dict[str, str]:
    """The column of the source for each wanted key and input (name to type): the one that `named` says, else its namesake.

    advice: what to do where one is not there, other than to name it.

    Raises ChangeRefused where it is not there or of a type that does not fit, InvalidDefinition where `named` names what is not wanted.
    """
    for name in named:
        if name not in wanted:
            raise InvalidDefinition(
                f"{name!r} is not a key or request input of {model}: inputs= maps some of {', '.join(wanted)} to columns."
            )
    columns = {name: named.get(name, name) for name in wanted}
    for name, column in columns.items():
        if column not in source.columns:
            hint = advice or f"add it, or name another with inputs={{{name!r}: …}}"
            raise ChangeRefused(f"{model} takes {name!r}, but table {source.shown} has no column {column!r}: {hint}.")
        if not fits(source.columns[column], wanted[name]):
            raise ChangeRefused(
                f"{model} takes {name!r} as {wanted[name]}, but column {column!r} of {source.shown} is "
                f"{source.columns[column]}: change the column's type, or name another with inputs={{{name!r}: …}}."
            )
        if source.generated.get(column) == "v":
            raise ChangeRefused(
                f"Column {column!r} of {source.shown} is a virtual generated column, which triggers do not see: store it, or name another."
            )
    return columns


def fits(found: str, wanted: str, *, exactly: bool = False) -> bool:
    """Whether every value of a column's type is the same value in the type that a model takes it in.

    exactly: a length or precision of the wanted type counts, too.
    """
    base, wide = _plain(found), _plain(wanted)
    if exactly and wide != wanted:
        return found == wanted
    return base == wide or base in _FITTING.get(wide, ())


def _plain(kind: str) -> str:
    """A type without length or precision, which stands in the middle of some names."""
    return re.sub(r"\(.*?\)", "", kind)
