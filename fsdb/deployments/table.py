"""The model table: its columns, its triggers, and the lock under which they change."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import Composable, Identifier, Literal

from fsdb.catalog.deployments import RegisteredDeployment, Release
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.deployments.binding import RECORDED, check_width, table_columns
from fsdb.deployments.objects import KEEP_TRIGGER, SCORE_TRIGGER, Generated, function, trigger_function_name
from fsdb.deployments.queueing import FILLED, queue_triggers
from fsdb.deployments.scoring import result_types
from fsdb.errors import ChangeRefused
from fsdb.locks import Mode
from fsdb.models import Program
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "deployments/table"
_COMMENTS = {
    "prediction_id": "The number of the row, drawn by fsdb; no number comes twice.",
    "prediction": "What the model gave.",
    "probability": "Of two classes: of the second one. Of several: of the predicted one.",
    "probabilities": "Of each class, in the order of fsdb.model_versions.classes.",
    "model_version": "The model version that scored the row.",
    "scored_at": "When the row was scored; features are as of this moment.",
    "scoring_us": "Microseconds that looking up and scoring took; of rows scored together, the share of each.",
    "scored_by": "What scored the row outside of the server, together with many others; NULL: the trigger, or a worker.",
    "error": "Why the row could not be scored; NULL where it was.",
    "predicted_at": "When a worker filled the prediction in.",
    "model_release": "Number in fsdb.deployment_releases: the form of scoring that was in force.",
}


def check_free(connection: Connection[Any], schema: str, table: str) -> None:
    """Raises ChangeRefused where a model table of that name cannot be made."""
    if not _scalar(connection, "schema_exists", {"schema": schema}):
        raise ChangeRefused(f"There is no schema {schema!r} for the model table {table}: create the schema first.")
    kind = _scalar(connection, "relation_kind", {"schema": schema, "table": table})
    if kind is not None:
        raise ChangeRefused(
            f"There is already a {kind} {schema}.{table}, which is not a deployment of fsdb's: choose another table name, or rename it."
        )


def is_there(connection: Connection[Any], deployment: RegisteredDeployment) -> bool:
    """Whether the model table exists; it may have been dropped by hand."""
    return bool(columns(connection, deployment))


def check_there(connection: Connection[Any], deployment: RegisteredDeployment) -> None:
    """Raises ChangeRefused where the model table was dropped by hand."""
    if not is_there(connection, deployment):
        raise ChangeRefused(
            f"The table of deployment {deployment.name} was dropped: undeploy {deployment.name}, then deploy it again."
        )


def create(
    connection: Connection[Any],
    deployment: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    program: Program,
) -> None:
    """Makes the model table for a first release."""
    results = result_types(program)
    always = {"prediction"} if _is_always_scored(deployment, release) else set()
    columns: list[Composable] = [_column("column", name, kind) for name, kind in table_columns(release, sets).items()]
    columns += [_column("column_always" if name in always else "column", name, kind) for name, kind in results.items()]
    beside = _kept_beside(release)
    recorded = {"prediction_id": "bigint", "model_version": "integer", "model_release": "integer"}
    recorded |= {"scored_at": "timestamp with time zone"}
    check_width(deployment.model, {**table_columns(release, sets), **results, **recorded, **beside})
    columns += [
        _column("column_always", "model_version", "integer"),
        _column("column_always", "scored_at", "timestamp with time zone"),
        _column("column_always", "model_release", "integer"),
        *(_column("column", name, kind) for name, kind in beside.items()),
    ]
    connection.execute(query(FILE, "create", table=deployment.table, columns=joined(columns, ",\n    ")))
    connection.execute(query(FILE, "own_numbers", table=deployment.table))
    connection.execute(query(FILE, "index_moments", table=deployment.table))
    comment = Literal(f"Model {deployment.model} deployed by fsdb: an inserted row is scored and recorded.")
    connection.execute(query(FILE, "comment_table", table=deployment.table, comment=comment))
    for name in ["prediction_id", *results, "model_version", "scored_at", "model_release", *beside]:
        if name in _COMMENTS:
            _comment(connection, deployment, name, _COMMENTS[name])
    _comment_versions(connection, deployment, release)


def missing_columns(
    connection: Connection[Any],
    deployment: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    program: Program,
) -> dict[str, str]:
    """The columns, with their types, that a further release needs and the table has not.

    Raises ChangeRefused where a column would need another type.
    """
    found = columns(connection, deployment)
    results = result_types(program)
    if found["prediction"] != results["prediction"]:
        raise ChangeRefused(
            f"Version {release.version} of model {deployment.model} predicts {results['prediction']}, but table {deployment.name} "
            f"holds {found['prediction']}: deploy it as another table."
        )
    wanted = {**table_columns(release, sets), **results, **_kept_beside(release)}
    check_width(deployment.model, {**found, **wanted})
    for name, kind in wanted.items():
        if found.get(name, kind) != kind:
            raise ChangeRefused(
                f"Version {release.version} of model {deployment.model} needs column {name!r} as {kind}, but table "
                f"{deployment.name} has it as {found[name]}: deploy it as another table."
            )
    return {name: kind for name, kind in wanted.items() if name not in found}


def lock_of(
    connection: Connection[Any], deployment: RegisteredDeployment, release: Release, missing: Mapping[str, str]
) -> Mode:
    """The lock that a further release needs, given the columns that are missing: the strongest where the table itself changes,
    else one that waits for open transactions that have inserted, and keeps new ones waiting until the change is committed."""
    changes = missing or (not _is_always_scored(deployment, release) and _requires_prediction(connection, deployment))
    return Mode.ACCESS_EXCLUSIVE if changes else Mode.SHARE_ROW_EXCLUSIVE


def widen(
    connection: Connection[Any],
    deployment: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    program: Program,
) -> None:
    """Adds the columns that a further release needs; rows that are there have NULL in them. To be called under `lock_of`.

    Raises ChangeRefused as `missing_columns`.
    """
    missing = missing_columns(connection, deployment, release, sets, program)
    if not _is_always_scored(deployment, release) and _requires_prediction(connection, deployment):
        connection.execute(query(FILE, "allow_null", table=deployment.table, column=Identifier("prediction")))
    for name, kind in missing.items():
        connection.execute(query(FILE, "add", table=deployment.table, column=Identifier(name), type=_type(kind)))
        if name in _COMMENTS:
            _comment(connection, deployment, name, _COMMENTS[name])
    if missing:
        _comment_versions(connection, deployment, release)


def _requires_prediction(connection: Connection[Any], deployment: RegisteredDeployment) -> bool:
    """Whether a row must have its prediction."""
    named = {"schema": deployment.schema_name, "table": deployment.table_name, "column": "prediction"}
    return bool(_scalar(connection, "requires", named))


def _is_always_scored(deployment: RegisteredDeployment, release: Release) -> bool:
    """Whether a row that is committed has its prediction."""
    return deployment.on_error == "reject" and release.runtime != "worker"


def _kept_beside(release: Release) -> dict[str, str]:
    """What is recorded beside the result, with the types."""
    kept = {"scoring_us": "integer", "error": "text", "scored_by": "text"}
    if release.runtime == "worker":
        kept["predicted_at"] = "timestamp with time zone"
    return kept | {read.version_column: read.version_type for read in release.sets}


def columns(connection: Connection[Any], deployment: RegisteredDeployment) -> dict[str, str]:
    """The table's columns with their types, in order."""
    return dict(
        connection.execute(
            query(FILE, "columns"), {"schema": deployment.schema_name, "table": deployment.table_name}
        ).fetchall()
    )


def numbers(connection: Connection[Any], deployment: RegisteredDeployment) -> str:
    """The sequence that numbers the table's rows, as SQL writes its name; empty where the table is gone."""
    named = {"schema": deployment.schema_name, "table": deployment.table_name}
    return str(_scalar(connection, "numbers", named) or "")


def recorded_columns(connection: Connection[Any], deployment: RegisteredDeployment) -> list[str]:
    """The columns that fsdb fills in: of the table as it is, with the version columns of all releases."""
    versions = {read.version_column: None for release in deployment.releases.values() for read in release.sets}
    return [name for name in columns(connection, deployment) if name in RECORDED or name in versions]


def triggers(
    connection: Connection[Any], deployment: RegisteredDeployment, sets: Mapping[str, RegisteredSet]
) -> list[Generated]:
    """The triggers of the model table, given all its releases."""
    score = query(
        FILE,
        "score_trigger",
        trigger=Identifier(SCORE_TRIGGER),
        table=deployment.table,
        name=Literal(deployment.table.as_string(connection)),
        function=function(trigger_function_name(deployment)),
    )
    kept = dict.fromkeys(recorded_columns(connection, deployment))
    for release in deployment.releases.values():
        kept |= dict.fromkeys(table_columns(release, sets))
    queue = queue_triggers(deployment, kept)
    if queue:
        kept = {name: None for name in kept if name not in FILLED}
    keep = query(
        FILE,
        "keep_trigger",
        trigger=Identifier(KEEP_TRIGGER),
        table=deployment.table,
        old=joined([Identifier("old", name) for name in kept]),
        new=joined([Identifier("new", name) for name in kept]),
    )
    return [
        Generated("trigger", SCORE_TRIGGER, score, "scores each inserted row."),
        Generated("trigger", KEEP_TRIGGER, keep, "keeps recorded predictions as they are."),
        *queue,
    ]


def has_rows(connection: Connection[Any], deployment: RegisteredDeployment) -> bool:
    """Whether anything was predicted."""
    row = connection.execute(query(FILE, "has_rows", table=deployment.table)).fetchone()
    return bool(row and row[0])


def drop(connection: Connection[Any], deployment: RegisteredDeployment) -> None:
    """Removes the table. Raises ChangeRefused where other objects depend on it."""
    try:
        with connection.transaction():
            connection.execute(query(FILE, "drop_table", table=deployment.table))
    except errors.DependentObjectsStillExist as error:
        raise ChangeRefused(
            f"Table {deployment.name} is used by other objects ({error.diag.message_detail}): drop these first."
        ) from error


def _scalar(connection: Connection[Any], text: str, values: Mapping[str, Any]) -> Any:
    row = connection.execute(query(FILE, text), values).fetchone()
    return None if row is None else row[0]


def _type(kind: str) -> Composable:
    return type_sql(kind)


def _column(text: str, name: str, kind: str) -> Composable:
    return query(FILE, text, column=Identifier(name), type=_type(kind))


def _comment(connection: Connection[Any], deployment: RegisteredDeployment, name: str, comment: str) -> None:
    connection.execute(
        query(FILE, "comment_column", table=deployment.table, column=Identifier(name), comment=Literal(comment))
    )


def _comment_versions(connection: Connection[Any], deployment: RegisteredDeployment, release: Release) -> None:
    for read in release.sets:
        _comment(
            connection,
            deployment,
            read.version_column,
            f"Which versions of the events of {read.feature_set} there were."
            if read.computed
            else f"version_id in the history of {read.feature_set} that was read.",
        )
