"""Registered training views: each is a definition in the catalog, and a view and a function in the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from fsdb.catalog import training as catalog
from fsdb.catalog.choice import resolve_choice
from fsdb.catalog.expressions import RegisteredExpression
from fsdb.catalog.training import get_view, list_views, views_of_sets, views_using
from fsdb.definitions import TrainingView
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.history import ObjectStatus
from fsdb.history.objects import MARK, GeneratedObject
from fsdb.search_path import of_user
from fsdb.sql import query
from fsdb.training.view_objects import FILE, compile_view, schema_and_name

__all__ = [
    "drop_view",
    "get_view",
    "list_views",
    "register_view",
    "view_relation",
    "view_status",
    "views_of_sets",
    "views_suspended",
    "views_using",
]


@dataclass(frozen=True)
class _Existing:
    """An object that bears the name of one of a view's, and whether fsdb made it."""

    kind: str
    signature: str
    source: str
    mark: str

    @property
    def foreign(self) -> bool:
        """Whether something else than fsdb made it."""
        return not self.mark.startswith(MARK) or (self.kind == "view" and self.source != "v")


def register_view(connection: Connection[Any], view: TrainingView) -> None:
    """Registers a training view, or replaces the one of that name, with `<name>_training` and `<name>_vector`.

    A view of more columns than PostgreSQL's views have (1,600) is registered without these. Rights that were granted on them stay. Raises InvalidDefinition, InvalidData and UnknownName where spine and
    features do not fit, ChangeRefused where other objects bear these names or depend on what has to be dropped.
    """
    with connection.transaction():
        choice = resolve_choice(connection, view.features)
        objects = compile_view(connection, view, choice)
        schema, _ = schema_and_name(view)
        catalog.put_view(
            connection,
            view,
            schema,
            [None if isinstance(one, RegisteredExpression) else one[1].feature_id for one in choice.members],
            [one.name if isinstance(one, RegisteredExpression) else None for one in choice.members],
        )
        existing = _existing(connection, view)
        for one in existing:
            if one.kind not in {wanted.kind for wanted in objects} and not one.foreign:
                _drop(connection, view, one)
        for wanted in objects:
            found = [one for one in existing if one.kind == wanted.kind]
            foreign = [one for one in existing if one.foreign and one.kind == wanted.kind]
            if foreign:
                raise ChangeRefused(
                    f"{wanted.kind.capitalize()} {foreign[0].signature} was not made by fsdb: rename it, or give training view {view.name} another name."
                )
            if not any(_is_installed(one, wanted) for one in found):
                _install(connection, view, wanted, found)


def view_relation(view: TrainingView) -> tuple[str, str]:
    """Schema and name of the view that a training view is in the database."""
    schema, name = schema_and_name(view)
    return schema, f"{name}_training"


def drop_view(connection: Connection[Any], name: str) -> None:
    """Removes a training view; sets saved from it stay. Raises UnknownName, and ChangeRefused where something depends on it."""
    view = get_view(connection, name)
    with connection.transaction():
        for one in _existing(connection, view):
            if not one.foreign:
                _drop(connection, view, one)
        catalog.delete_view(connection, name)


def view_status(connection: Connection[Any], name: str) -> list[ObjectStatus]:
    """The state of a training view's view and function; nothing for a view that is too wide for them. Raises UnknownName."""
    view = get_view(connection, name)
    existing = _existing(connection, view)
    states = []
    for wanted in compile_view(connection, view, resolve_choice(connection, view.features)):
        found = [one for one in existing if one.kind == wanted.kind]
        if not found:
            states.append(ObjectStatus(wanted.name, wanted.kind, "missing"))
        elif any(_is_installed(one, wanted) for one in found):
            states.append(ObjectStatus(wanted.name, wanted.kind, "installed"))
        else:
            foreign = all(one.foreign for one in found)
            states.append(ObjectStatus(wanted.name, wanted.kind, "foreign" if foreign else "outdated"))
    return states


@contextmanager
def views_suspended(connection: Connection[Any], feature_sets: Sequence[str]) -> Iterator[None]:
    """Takes the views that read these sets out of the way of a change of their columns' types, and makes them again after it.

    Rights that were granted stay. Raises ChangeRefused where something else depends on one of the views.
    """
    views = [get_view(connection, name) for name in views_of_sets(connection, feature_sets)]
    grants: list[Composed] = []
    with connection.transaction():
        for view in views:
            for one in _existing(connection, view):
                if not one.foreign:
                    grants += _grants(connection, view, one.kind, one.signature)
                    _drop(connection, view, one)
        yield
        for view in views:
            register_view(connection, view)
        for grant in grants:
            connection.execute(grant)


def _existing(connection: Connection[Any], view: TrainingView) -> list[_Existing]:
    schema, name = schema_and_name(view)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            query(FILE, "existing"), {"schema": schema, "view": f"{name}_training", "function": f"{name}_vector"}
        ).fetchall()
    return [_Existing(row["kind"], row["signature"], row["source"], row["mark"] or "") for row in rows]


def _is_installed(one: _Existing, wanted: GeneratedObject) -> bool:
    return one.mark == wanted.comment and (wanted.body is None or one.source == wanted.body)


def _install(
    connection: Connection[Any], view: TrainingView, wanted: GeneratedObject, found: Sequence[_Existing]
) -> None:
    grants = [grant for one in found for grant in _grants(connection, view, one.kind, wanted.signature.as_string())]
    try:
        try:
            with connection.transaction():
                _make(connection, wanted)
            outdated = [o for o in _existing(connection, view) if o.kind == wanted.kind and o.mark != wanted.comment]
            again = bool(outdated)
        except (psycopg.errors.InvalidTableDefinition, psycopg.errors.InvalidFunctionDefinition):
            # Columns went or changed their types: what is there cannot be replaced and is made anew.
            outdated, again = list(found), True
        for one in outdated:
            _drop(connection, view, one)
        if again:
            _make(connection, wanted)
            for grant in grants:
                connection.execute(grant)
    except psycopg.errors.InvalidTableDefinition as error:
        raise InvalidDefinition(
            f"Training view {view.name} cannot be a view of the database: {str(error).splitlines()[0]}. Its spine may not read a temporary table."
        ) from error
    except psycopg.errors.InvalidSchemaName as error:
        raise InvalidDefinition(
            f"Training view {view.name} belongs in schema {schema_and_name(view)[0]}, which does not exist: create it first."
        ) from error


def _make(connection: Connection[Any], wanted: GeneratedObject) -> None:
    # A spine's names are its user's; the rest of these texts looks none up.
    with of_user(connection):
        for statement in wanted.statements():
            connection.execute(statement)


def _drop(connection: Connection[Any], view: TrainingView, one: _Existing) -> None:
    try:
        with connection.transaction():
            connection.execute(query(FILE, "drop", kind=SQL(one.kind.upper()), signature=SQL(one.signature)))
    except psycopg.errors.DependentObjectsStillExist as error:
        detail = (error.diag.message_detail or str(error)).splitlines()[0]
        raise ChangeRefused(
            f"{one.kind.capitalize()} {one.signature} of training view {view.name} has to be dropped, but {detail}: drop that first and make it again afterwards."
        ) from error


def _grants(connection: Connection[Any], view: TrainingView, kind: str, signature: str) -> list[Composed]:
    """The statements that give an object, made anew, the rights that it has now."""
    schema, name = schema_and_name(view)
    suffix = "training" if kind == "view" else "vector"
    rows = connection.execute(query(FILE, f"{kind}_grants"), {"schema": schema, "name": f"{name}_{suffix}"}).fetchall()
    statements = [] if kind == "view" else [query(FILE, "revoke_public", signature=SQL(signature))]
    for grantee, privilege, grantable in rows:
        statements.append(
            query(
                FILE,
                "grantable" if grantable else "grant",
                privilege=SQL(privilege),
                kind=SQL("TABLE" if kind == "view" else "FUNCTION"),
                signature=SQL(signature),
                grantee=Identifier(grantee) if grantee else SQL("PUBLIC"),
            )
        )
    return statements
