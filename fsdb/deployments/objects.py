"""The database objects of a deployment: their names, the fingerprints in their comments, and whether they still fit."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection
from psycopg.sql import Composed, Identifier
from psycopg.sql import Literal as Value

from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.config import MODEL_SCHEMA
from fsdb.sql import query

SCORE_TRIGGER = "zz_fsdb_score"
KEEP_TRIGGER = "zz_fsdb_keep"
State = Literal["installed", "outdated", "missing", "foreign"]


@dataclass(frozen=True)
class ObjectStatus:
    """A generated object and how it stands: `outdated` also where a trigger is disabled, `foreign` where it is not ours."""

    name: str
    kind: str
    state: State


@dataclass(frozen=True)
class Generated:
    """An object that fsdb generates: what it is called, the statement that makes it, and what it is for."""

    kind: Literal["function", "trigger"]
    name: str
    statement: Composed
    purpose: str

    def fingerprint(self, connection: Connection[Any]) -> str:
        """A short hash of the statement."""
        return hashlib.sha256(self.statement.as_string(connection).encode()).hexdigest()[:12]


def scorer_name(model: str, version: int) -> str:
    """The name of a model version's scoring function in schema fsdb_models."""
    return f"{model}_v{version}"


def trigger_function_name(deployment: RegisteredDeployment) -> str:
    """The name of a model table's trigger function in schema fsdb_models; it cannot be a scoring function's."""
    return f"{deployment.table_name}__score_{deployment.deployment_id}"


def function(name: str) -> Identifier:
    """A function of schema fsdb_models, quoted."""
    return Identifier(MODEL_SCHEMA, name)


def install(connection: Connection[Any], generated: Generated, table: Identifier | None = None) -> None:
    """Makes the object and writes its fingerprint into its comment; `table` is a trigger's."""
    connection.execute(generated.statement)
    comment = Value(f"fsdb {generated.fingerprint(connection)}: {generated.purpose}")
    if table is None:
        text = query("deployments/objects", "comment_function", function=function(generated.name), comment=comment)
    else:
        text = query(
            "deployments/objects", "comment_trigger", trigger=Identifier(generated.name), table=table, comment=comment
        )
    connection.execute(text)


def revoke(connection: Connection[Any], name: str) -> None:
    """Keeps others from attaching a trigger function to tables of their own."""
    connection.execute(query("deployments/objects", "revoke", function=function(name)))


def drop_function(connection: Connection[Any], name: str) -> None:
    """Removes a function of schema fsdb_models, if it is there."""
    connection.execute(query("deployments/objects", "drop_function", function=function(name)))


def states(
    connection: Connection[Any], deployment: RegisteredDeployment, generated: Sequence[Generated]
) -> list[ObjectStatus]:
    """How the objects stand, judged by the fingerprints in their comments."""
    found = {
        (kind, name): (comment or "", enabled)
        for kind, name, comment, enabled in connection.execute(
            query("deployments/objects", "comments"),
            {"models": MODEL_SCHEMA, "schema": deployment.schema_name, "table": deployment.table_name},
        ).fetchall()
    }
    return [
        ObjectStatus(item.name, item.kind, _state(found.get((item.kind, item.name)), item.fingerprint(connection)))
        for item in generated
    ]


def _state(found: tuple[str, bool] | None, fingerprint: str) -> State:
    if found is None:
        return "missing"
    comment, enabled = found
    kept = re.match(r"fsdb ([0-9a-f]{12}):", comment)
    if kept is None:
        return "foreign"
    return "installed" if kept[1] == fingerprint and enabled else "outdated"
