"""The database objects of a deployment: their names, the fingerprints in their comments, and whether they still fit."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection
from psycopg.sql import Composed, Identifier
from psycopg.sql import Literal as Value

from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.config import MODEL_SCHEMA
from fsdb.errors import ChangeRefused
from fsdb.history.status import ObjectStatus, State
from fsdb.sql import query

SCORE_TRIGGER = "zz_fsdb_score"
KEEP_TRIGGER = "zz_fsdb_keep"


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


def scorer_name(model: str, version: int, runtime: str = "sql") -> str:
    """The name of a model version's scoring function in schema fsdb_models: one for each runtime."""
    return f"{model}_v{version}" + ("" if runtime == "sql" else f"__{runtime}")


def rejections_name(deployment: RegisteredDeployment, version: int) -> str:
    """The name of the sequence in schema fsdb_models that counts the rows that a version refused, also those rolled back."""
    return f"rejected_{deployment.deployment_id}_{version}"


def trigger_function_name(deployment: RegisteredDeployment) -> str:
    """The name of a model table's trigger function in schema fsdb_models; it cannot be a scoring function's."""
    return f"{deployment.table_name}__score_{deployment.deployment_id}"


def function(name: str) -> Identifier:
    """A function or sequence of schema fsdb_models, quoted."""
    return Identifier(MODEL_SCHEMA, name)


def install(connection: Connection[Any], generated: Generated, table: Identifier | None = None) -> None:
    """Makes the object and marks it in its comment with two fingerprints: of the statement, and of the body that it left.

    table: a trigger's.
    """
    connection.execute(generated.statement)
    if table is None:
        row = connection.execute(
            query("deployments/objects", "body"), {"models": MODEL_SCHEMA, "name": generated.name}
        ).fetchone()
        mark = _mark(generated.fingerprint(connection), "" if row is None else row[0])
        comment = Value(f"{mark}: {generated.purpose}")
        text = query("deployments/objects", "comment_function", function=function(generated.name), comment=comment)
    else:
        comment = Value(f"{_mark(generated.fingerprint(connection), '')}: {generated.purpose}")
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


def create_sequence(connection: Connection[Any], name: str) -> None:
    """Makes a sequence of schema fsdb_models, if it is not there."""
    for text in ("create_sequence", "count_for_all"):
        connection.execute(query("deployments/objects", text, sequence=function(name)))


def drop_sequence(connection: Connection[Any], name: str) -> None:
    """Removes a sequence of schema fsdb_models, if it is there."""
    connection.execute(query("deployments/objects", "drop_sequence", sequence=function(name)))


def foreign_functions(connection: Connection[Any], names: Sequence[str]) -> dict[str, str]:
    """Of some functions of schema fsdb_models those that a role owns which could not act as this user anyway, with that role.

    What such a function does is that role's word, and would be done with this user's rights.
    """
    values = {"models": MODEL_SCHEMA, "names": list(names)}
    return dict(connection.execute(query("deployments/objects", "foreign_functions"), values).fetchall())


def is_others(connection: Connection[Any], name: str) -> bool:
    """Whether a function of schema fsdb_models belongs to a role whose rights the user does not have."""
    values = {"models": MODEL_SCHEMA, "name": name}
    return connection.execute(query("deployments/objects", "others"), values).fetchone() == (True,)


def refuse_foreign_functions(connection: Connection[Any], names: Sequence[str]) -> None:
    """Raises ChangeRefused where the catalog's owner would call functions that a deployer may replace. Others trust deployers."""
    if connection.execute(query("deployments/objects", "rules")).fetchone() != (True,):
        return
    for name, owner in foreign_functions(connection, names).items():
        raise ChangeRefused(
            f"Function {MODEL_SCHEMA}.{name} belongs to {owner}, and would run with the rights of {connection.info.user}: do this as a reader, or deploy the "
            "version again, which makes the function again."
        )


def states(
    connection: Connection[Any], deployment: RegisteredDeployment, generated: Sequence[Generated]
) -> list[ObjectStatus]:
    """How the objects stand, judged by the fingerprints in their comments."""
    found = {
        (kind, name): (comment or "", body, enabled)
        for kind, name, comment, body, enabled in connection.execute(
            query("deployments/objects", "comments"),
            {"models": MODEL_SCHEMA, "schema": deployment.schema_name, "table": deployment.table_name},
        ).fetchall()
    }
    return [
        ObjectStatus(item.name, item.kind, _state(found.get((item.kind, item.name)), item.fingerprint(connection)))
        for item in generated
    ]


def _state(found: tuple[str, str, bool] | None, fingerprint: str) -> State:
    if found is None:
        return "missing"
    comment, body, enabled = found
    mark = comment.partition(":")[0]
    if not mark.startswith("fsdb "):
        return "foreign"
    return "installed" if mark == _mark(fingerprint, body) and enabled else "outdated"


def _mark(fingerprint: str, body: str) -> str:
    return f"fsdb {fingerprint} {body}".rstrip()
