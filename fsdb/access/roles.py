"""The five roles: what they are called, whether they are there, who has them; granting and revoking them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import Composed, Identifier

from fsdb.access import audit, giving
from fsdb.access.giving import Holder
from fsdb.access.matrix import ROLES
from fsdb.errors import ChangeRefused, InvalidDefinition, RightMissing, UnknownName
from fsdb.sql import query
from fsdb.table import Table

logger = logging.getLogger(__name__)

FILE = "access/roles"
ALL = (*ROLES, "admin")
LIMITED = {"writer": "feature set", "scorer": "deployment", "deployer": "schema"}  # what --on names


@dataclass(frozen=True)
class Named:
    """One of the five roles, as it is called in the cluster."""

    role: str
    rolname: str
    exists: bool


def names(connection: Connection[Any]) -> dict[str, Named]:
    """The five roles."""
    return {row[0]: Named(*row) for row in connection.execute(query(FILE, "list")).fetchall()}


def listed(connection: Connection[Any]) -> Table:
    """Who has which role, one row each; a role that nobody has is a row, too."""
    found = connection.execute(query(FILE, "members")).fetchall()
    rows: list[tuple[Any, ...]] = []
    for named in names(connection).values():
        shown = named.rolname if named.exists else f"{named.rolname} (not made)"
        members = [row for row in found if row[0] == named.role]
        rows += [(named.role, shown, member, on, how) for _, member, how, on in members] or [
            (named.role, shown, None, None, None)
        ]
    return Table.of(("role", "called", "user", "on", "how"), rows, "Roles")


def statements(connection: Connection[Any]) -> list[Composed]:
    """What an administrator of the cluster runs so that all five roles are there and fsdb's role may use them; none where all is done."""
    owner, superuser, _ = _owner(connection)
    wanted: list[Composed] = []
    for named in names(connection).values():
        role, owns = Identifier(named.rolname), Identifier(owner)
        if not named.exists:
            wanted.append(query(FILE, "create", role=role))
        if superuser or named.rolname == owner:
            continue
        if named.role == "deployer" and not _is_member(connection, owner, named.rolname):
            wanted.append(query(FILE, "join", role=role, member=owns))  # so that admins may change what deployers own
        if named.role == "admin" and not _is_member(connection, named.rolname, owner):
            wanted.append(query(FILE, "join", role=owns, member=role))
    return wanted


def missing(connection: Connection[Any]) -> list[str]:
    """The same as text."""
    return [_text(connection, statement) for statement in statements(connection)]


def make(connection: Connection[Any]) -> None:
    """Makes the roles that are not there, as far as the user may; what it may not is left to an administrator."""
    row = connection.execute(query(FILE, "may_make")).fetchone()
    if row is None or not row[0]:
        return
    for statement in statements(connection):
        try:
            with connection.transaction():
                connection.execute(statement)
        except (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.DuplicateObject,
            psycopg.errors.UniqueViolation,  # another database of the cluster makes them at this moment
            psycopg.errors.UndefinedObject,
            psycopg.errors.InvalidGrantOperation,  # the two are members of each other already
        ):
            continue


def rename(connection: Connection[Any], prefix: str) -> None:
    """Calls the roles `prefix`reader, … from now on, makes those that are not there, and moves the rights in this database to them.

    Members stay where they are: put them into the new roles. Raises InvalidDefinition for a prefix that makes no name of a role.
    """
    if "\0" in prefix or len(f"{prefix}deployer".encode()) > 63 or f"{prefix}reader".startswith("pg_"):
        raise InvalidDefinition(
            f"{prefix!r} cannot begin the names of roles: use one such as 'shop_', of 55 bytes at most."
        )
    _require_owner(connection)
    audit.record(connection, "name roles", prefix, {})
    before = names(connection)
    for named in before.values():
        user = _user(connection, named.rolname) if named.exists else None
        if user is not None and named.role != "admin" and named.rolname != prefix + named.role:
            giving.take(connection, Holder(named.role, user[0], named.rolname, None))
    for role in ALL:
        connection.execute(query(FILE, "rename"), {"role": role, "rolname": prefix + role})
    make(connection)
    giving.give(connection)


def grant(connection: Connection[Any], role: str, users: Sequence[str], on: Sequence[str] = ()) -> None:
    """Gives users a role, for everything or `on` some sets, deployments or schemas.

    Raises UnknownName for a role, user or target that is not there, ChangeRefused where an admin would be a superuser, RightMissing
    with the statements that somebody else must run.
    """
    named, numbers = _checked(connection, role, users, on)
    logger.info("Granted %s to %s.", role, ", ".join(users))
    audit.record(connection, "grant", role, {"to": audit.named(list(users)), "on": audit.named(list(on))})
    if role == "admin":
        for user in users:
            _make_admin(connection, named, user)
        return
    if not on and named.exists and _may_add(connection, named.rolname):
        for user in users:
            if user != named.rolname:
                connection.execute(query(FILE, "join", role=Identifier(named.rolname), member=Identifier(user)))
        giving.give(connection)
        return
    _require_owner(connection)
    for user in users:
        for target in on or ("",):
            values = {"role": role, "grantee": user, "number": numbers[user], "target": target}
            connection.execute(query(FILE, "note"), values)
    giving.give(connection)


def revoke(connection: Connection[Any], role: str, users: Sequence[str], on: Sequence[str] = ()) -> None:
    """Takes a role from users, whole or `on` some sets, deployments or schemas.

    Raises ChangeRefused where a user does not have it, RightMissing with the statement that somebody else must run, UnknownName.
    """
    named, numbers = _checked(connection, role, users, on)
    logger.info("Revoked %s from %s.", role, ", ".join(users))
    audit.record(connection, "revoke", role, {"from": audit.named(list(users)), "on": audit.named(list(on))})
    for user in users:
        taken = False
        if not on and named.exists and _is_direct(connection, role, user):
            if not _may_add(connection, named.rolname):
                raise _needs(connection, query(FILE, "leave", role=Identifier(named.rolname), member=Identifier(user)))
            connection.execute(query(FILE, "leave", role=Identifier(named.rolname), member=Identifier(user)))
            taken = True
        for target in on or (None,):
            values = {"role": role, "grantee": user, "target": target}
            for number, ended in connection.execute(query(FILE, "forget"), values).fetchall():
                taken = True
                if number == numbers[user]:
                    giving.take(connection, Holder(role, number, user, ended))
        if not taken:
            where = f" on {', '.join(on)}" if on else ""
            raise ChangeRefused(
                f"User {user} does not have the role {role}{where}: fsdb roles shows who has it. Rights that the user has come from another role."
            )


def _checked(
    connection: Connection[Any], role: str, users: Sequence[str], on: Sequence[str]
) -> tuple[Named, dict[str, int]]:
    if role not in ALL:
        raise UnknownName(f"There is no role {role!r}: the roles are {', '.join(ALL)}.")
    if not users:
        raise InvalidDefinition(f"To whom? Name the users or groups that {role} is for.")
    numbers = {}
    for user in users:
        found = _user(connection, user)
        if found is None:
            raise UnknownName(f"The cluster has no user or group {user!r}: CREATE ROLE makes one.")
        numbers[user] = found[0]
    if on and role not in LIMITED:
        raise InvalidDefinition(f"The role {role} is for the whole database: leave out on=.")
    for target in on:
        found = (
            None
            if "\0" in target
            else connection.execute(query(FILE, "targets"), {"role": role, "target": target}).fetchone()
        )
        if found is None:
            raise UnknownName(f"There is no {LIMITED[role]} {target!r} that the role {role} could be limited to.")
    return names(connection)[role], numbers


def _make_admin(connection: Connection[Any], named: Named, user: str) -> None:
    """Makes a user a member of the catalog's owner, by way of the role for admins where there is one."""
    owner, superuser, _ = _owner(connection)
    if superuser:
        raise ChangeRefused(
            f"fsdb's catalog belongs to the superuser {owner}, so every admin of fsdb would be a superuser: give the catalog an owner of its own, or grant {owner} to {user} yourself."
        )
    chain = [(owner, named.rolname), (named.rolname, user)] if named.exists else [(owner, user)]
    for role, member in chain:
        if role == member or _is_member(connection, member, role):
            continue
        statement = query(FILE, "join", role=Identifier(role), member=Identifier(member))
        if not _may_add(connection, role):
            raise _needs(connection, statement)
        connection.execute(statement)


def _needs(connection: Connection[Any], statement: Composed) -> RightMissing:
    return RightMissing(
        f"User {connection.info.user} may not change who is in that role: let an administrator of the server run {_text(connection, statement)}."
    )


def _text(connection: Connection[Any], statement: Composed) -> str:
    """A statement without the sentence before it."""
    return "\n".join(line for line in statement.as_string(connection).splitlines() if not line.startswith("-- "))


def _require_owner(connection: Connection[Any]) -> None:
    owner, _, ours = _owner(connection)
    if not ours:
        raise RightMissing(
            f"User {connection.info.user} may not grant rights on fsdb's objects: connect as {owner}, or as an admin of fsdb."
        )


def _owner(connection: Connection[Any]) -> tuple[str, bool, bool]:
    row = connection.execute(query(FILE, "owner")).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _user(connection: Connection[Any], name: str) -> tuple[int, bool] | None:
    if "\0" in name or len(name.encode()) > 63:  # PostgreSQL would cut it, and find another one
        return None
    row = connection.execute(query(FILE, "user"), {"name": name}).fetchone()
    return None if row is None else (row[0], row[1])


def _is_direct(connection: Connection[Any], role: str, user: str) -> bool:
    found = connection.execute(query(FILE, "members")).fetchall()
    return any((row[0], row[1], row[2].startswith("member")) == (role, user, True) for row in found)


def _is_member(connection: Connection[Any], member: str, role: str) -> bool:
    row = connection.execute(query(FILE, "is_member"), {"member": member, "role": role}).fetchone()
    return bool(row and row[0])


def _may_add(connection: Connection[Any], role: str) -> bool:
    row = connection.execute(query(FILE, "may_add_members"), {"name": role}).fetchone()
    return bool(row and row[0])
