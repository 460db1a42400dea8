"""Gives the rights of the table to whoever has a role: what is missing, and nothing that is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

from fsdb.access.matrix import PUBLIC, by_name
from fsdb.sql import joined, query

FILE = "access/rights"
APPLICATIONS = frozenset(
    {"tracked table", "attached table", "schema of an application"}
)  # rights there are theirs to give
ERASED = ("model table", "saved spine")  # a deployer's too: fsdb's role erases entities from them


@dataclass(frozen=True)
class Holder:
    """Who has a role's rights: the cluster's role, or a user of its own. target: what they end at; None where they do not."""

    role: str
    number: int
    name: str
    target: str | None


@dataclass(frozen=True)
class Object:
    """An object of fsdb's in the database. row: its name in the table of rights, None where it has none. rights: by the role's number, 0 is PUBLIC."""

    row: str | None
    kind: str
    number: int
    signature: str
    target: str | None
    owner: int
    untouched: bool
    ours: bool
    rights: dict[int, frozenset[str]]


def holders(connection: Connection[Any]) -> list[Holder]:
    """Everybody who has the rights of a role."""
    return [Holder(*row) for row in connection.execute(query(FILE, "holders")).fetchall()]


def objects(connection: Connection[Any], numbers: Sequence[int] | None = None) -> list[Object]:
    """All objects of fsdb's, or those of the given numbers."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "objects"), {"oids": None if numbers is None else list(numbers)}).fetchall()
    return [
        Object(
            row["row"],
            row["kind"],
            row["oid"],
            row["signature"],
            row["target"],
            row["owner"],
            row["untouched"],
            row["ours"],
            {
                int(who): frozenset(row["rights"].get(who, ())) | frozenset(row["of_columns"].get(who, ()))
                for who in {**row["rights"], **row["of_columns"]}
            },
        )
        for row in rows
    ]


def wanted(found: Object, holder: Holder) -> frozenset[str]:
    """The rights that a holder is to have on an object."""
    row = by_name().get(found.row or "")
    if row is None:
        return frozenset()
    rights = row.rights(holder.role)
    if found.row == "schema of an application":
        made_in = holder.role == "deployer" and holder.target == found.target
        return rights | {"CREATE"} if made_in else rights
    ends = (
        found.target is not None and found.kind != "schema" and holder.target is not None and holder.role != "deployer"
    )
    return frozenset() if ends and holder.target != found.target else rights


def missing(found: Sequence[Object], who: Sequence[Holder]) -> Iterator[tuple[str, str, Holder, Object]]:
    """The rights that holders lack, as right, kind of object, holder and object."""
    for one in found:
        for holder in who:
            has = one.rights.get(holder.number, frozenset()) | one.rights.get(0, frozenset())
            if holder.number != one.owner:
                for right in sorted(wanted(one, holder) - has):
                    yield right, one.kind, holder, one


def beyond(found: Sequence[Object], who: Sequence[Holder]) -> Iterator[tuple[str, str, Holder, Object]]:
    """The rights that a role has on what fsdb keeps and the table does not give it: somebody granted them by hand."""
    for one in found:
        if one.row in by_name() and one.row not in APPLICATIONS:
            for holder in {holder.number: holder for holder in who}.values():
                given = frozenset[str]().union(*(wanted(one, other) for other in who if other.number == holder.number))
                for right in sorted(one.rights.get(holder.number, frozenset()) - given):
                    if holder.number != one.owner:
                        yield right, one.kind, holder, one


def give(connection: Connection[Any], numbers: Sequence[int] | None = None) -> None:
    """Gives what is missing, on all objects that are the user's to give or on those of the given numbers, and takes from PUBLIC what new functions
    come with. Others' objects stay as they are."""
    found = [one for one in objects(connection, numbers) if one.ours and one.row in by_name()]
    _settle_public(connection, found)
    batches: dict[tuple[str, str, str], list[str]] = {}
    for right, kind, holder, one in missing(found, holders(connection)):
        batches.setdefault((right, kind, holder.name), []).append(one.signature)
    for (right, kind, name), signatures in batches.items():
        _change(connection, "give", right, kind, signatures, Identifier(name))
    _let_erase(connection, found)


def _let_erase(connection: Connection[Any], found: Sequence[Object]) -> None:
    """Lets fsdb's role erase from what deployers own."""
    row = connection.execute(query(FILE, "keeper")).fetchone()
    if row is None:
        return
    number, name = row
    for right in ("SELECT", "UPDATE", "DELETE"):
        lacking = [
            one.signature
            for one in found
            if one.row in ERASED and one.owner != number and right not in one.rights.get(number, frozenset())
        ]
        if lacking:
            _change(connection, "give", right, "table", lacking, Identifier(name))


def take(connection: Connection[Any], holder: Holder) -> None:
    """Takes the rights of one holder away, but those that another role of its gives."""
    who = [other for other in holders(connection) if other.number == holder.number and other != holder]
    batches: dict[tuple[str, str], list[str]] = {}
    for one in objects(connection):
        if not one.ours or one.owner == holder.number:
            continue
        kept = frozenset[str]().union(*(wanted(one, other) for other in who))
        for right in (wanted(one, holder) - kept) & one.rights.get(holder.number, frozenset()):
            batches.setdefault((right, one.kind), []).append(one.signature)
    for (right, kind), signatures in batches.items():
        _change(connection, "take", right, kind, signatures, Identifier(holder.name))


def _settle_public(connection: Connection[Any], found: Sequence[Object]) -> None:
    private = [
        one.signature
        for one in found
        if one.kind == "function" and one.untouched and "EXECUTE" not in by_name()[one.row or ""].rights(PUBLIC)
    ]
    if private:
        _change(connection, "take", "ALL", "function", private, SQL("PUBLIC"))
    for one in found:
        for right in by_name()[one.row or ""].rights(PUBLIC) - one.rights.get(0, frozenset()):
            _change(connection, "give", right, one.kind, [one.signature], SQL("PUBLIC"))


def _change(
    connection: Connection[Any], name: str, right: str, kind: str, signatures: Sequence[str], grantee: Composable
) -> None:
    """One GRANT or REVOKE. Signatures come quoted from the database, rights and kinds from the table of rights."""
    listed: list[Composable] = [SQL(signature) for signature in signatures]
    parts: dict[str, Composable] = {
        "rights": SQL(right),
        "kind": SQL("ROUTINE" if kind == "function" else kind.upper()),  # procedures, too
        "objects": joined(listed),
        "grantee": grantee,
    }
    connection.execute(query(FILE, name, **parts))
