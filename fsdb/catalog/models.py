"""Registered models: reading them from the catalog and writing them to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from rich.table import Table as RichTable

from fsdb import locks
from fsdb.catalog.nearest import nearest
from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import UnknownName
from fsdb.sql import query
from fsdb.table import Table
from fsdb.types import read_type


@dataclass(frozen=True)
class ModelInput:
    """An input of a model version. `feature_id` and `feature` ("set.feature") are None where the inserted row gives it.

    `type` is that of the scoring function's argument, `frame_type` the pandas type in which the native model was given it when the version
    was checked, None where there was no frame.
    """

    name: str
    type: str
    feature_id: int | None = None
    feature: str | None = None
    frame_type: str | None = None


@dataclass(frozen=True, repr=False)
class ModelVersion:
    """An immutable version of a registered model.

    rows_checked and largest_difference report how the compiled model compared with the native predict at registration.
    packages are those that it was made with, as name==version; fsdb_version is the fsdb that registered it; source where it came
    from, None where it was given as an object.
    """

    model: str
    version: int
    estimator: str
    framework: str
    framework_version: str
    prediction_type: str
    classes: tuple[str, ...] | None
    checksum: str
    training_set: str | None
    training_set_hash: str | None
    rows_checked: int
    largest_difference: float
    created_at: datetime
    created_by: str
    packages: tuple[str, ...]
    fsdb_version: str
    source: str | None
    inputs: tuple[ModelInput, ...]
    metrics: Mapping[str, float]

    @property
    def table(self) -> Table:
        """What the version is, a row each."""
        looked_up = [f"{given.name} ({given.feature})" for given in self.inputs if given.feature]
        given = [given.name for given in self.inputs if not given.feature]
        rows = [
            ("estimator", f"{self.estimator}, {self.framework} {self.framework_version}"),
            ("predicts", self.prediction_type + (f" of {', '.join(self.classes)}" if self.classes else "")),
            ("looked up", ", ".join(looked_up)),
            ("from the row", ", ".join(given)),
            ("trained on", f"{self.training_set}, hash {self.training_set_hash}" if self.training_set else ""),
            ("checked", f"{self.rows_checked:,} rows against predict, largest difference {self.largest_difference:g}"),
            ("metrics", ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())),
            ("checksum", self.checksum),
        ]
        return Table.of(("", ""), rows, f"Model {self.model} version {self.version}")

    def __repr__(self) -> str:
        return repr(self.table)

    def __rich__(self) -> RichTable:
        return self.table.__rich__()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


@dataclass(frozen=True)
class ParityReport:
    """How a version compared with the native predict before a deployment took it up in a runtime."""

    deployment: str
    runtime: str
    at: datetime
    rows_checked: int
    rows_refused: int
    largest_difference: float
    tolerance: float


@dataclass(frozen=True)
class Surroundings:
    """What the catalog tells about a version beside what it is.

    training_rows, training_view and label are of its training set. deployments: where it scores or has scored, with the table's name,
    the runtime, why that one, and the role (live, canary, shadow, attached, past).
    """

    description: str
    tags: tuple[str, ...]
    owner: str
    stage: str
    training_rows: int | None
    training_view: str | None
    label: str | None
    rows_refused: int
    deployments: tuple[tuple[str, str, str, str], ...]
    reports: tuple[ParityReport, ...]


@dataclass(frozen=True)
class CheckRow:
    """A row on which a model is checked: input values as text, in the signature's order, and the native outputs.

    `refused`: the native model takes no such row; there are no outputs then.
    """

    inputs: tuple[str | None, ...]
    refused: bool
    prediction: str | None
    probability: float | None
    probabilities: tuple[float, ...] | None


def list_versions(connection: Connection[Any], model: str | None = None) -> list[ModelVersion]:
    """The versions of a model, or of all models, by name and oldest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("catalog/models", "list_versions"), {"model": model}).fetchall()
        inputs = cursor.execute(query("catalog/models", "list_inputs"), {"model": model}).fetchall()
        metrics = cursor.execute(query("catalog/models", "list_metrics"), {"model": model}).fetchall()
    members: dict[tuple[str, int], list[ModelInput]] = {}
    for row in inputs:
        read_type(row["type"], f"input {row['name']} of model {row['model']}")
        members.setdefault((row.pop("model"), row.pop("version")), []).append(ModelInput(**row))
    measured: dict[tuple[str, int], dict[str, float]] = {}
    for row in metrics:
        measured.setdefault((row["model"], row["version"]), {})[row["name"]] = row["value"]
    return [
        ModelVersion(
            **{
                **row,
                "classes": None if row["classes"] is None else tuple(row["classes"]),
                "packages": tuple(row["packages"]),
            },
            inputs=tuple(members.get((row["model"], row["version"]), ())),
            metrics=measured.get((row["model"], row["version"]), {}),
        )
        for row in rows
    ]


def get_version(connection: Connection[Any], model: str, version: int | None = None) -> ModelVersion:
    """A version of a model, the newest where none is named. Raises UnknownName with what there is."""
    versions = list_versions(connection, model)
    if not versions:
        known = [row[0] for row in connection.execute(query("catalog/models", "list_models")).fetchall()]
        raise UnknownName(f"There is no model {model!r}; register it first.{nearest(model, known)}")
    if version is None:
        return versions[-1]
    for found in versions:
        if found.version == version:
            return found
    raise UnknownName(
        f"Model {model} has no version {version}: it has {', '.join(str(found.version) for found in versions)}."
    )


def surroundings(connection: Connection[Any], version: ModelVersion) -> Surroundings:
    """What stands about a version elsewhere in the catalog."""
    named = {"model": version.model, "version": version.version}
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("catalog/models", "get_card"), named).fetchone()
        deployments = cursor.execute(query("catalog/models", "list_card_deployments"), named).fetchall()
        reports = tuple(
            ParityReport(**r) for r in cursor.execute(query("catalog/models", "list_reports"), named).fetchall()
        )
    assert row is not None
    places = tuple((d["name"], d["runtime"], d["reason"], d["role"]) for d in deployments)
    return Surroundings(**{**row, "tags": tuple(row["tags"])}, deployments=places, reports=reports)


def program_text(connection: Connection[Any], model: str, version: int) -> str:
    """The canonical JSON of a version's program. Raises UnknownName where there is no such version."""
    row = connection.execute(query("catalog/models", "get_program"), {"model": model, "version": version}).fetchone()
    if row is None:
        raise UnknownName(f"There is no version {version} of a model {model!r}.")
    return str(row[0])


def list_checks(connection: Connection[Any], model: str, version: int) -> dict[int, CheckRow]:
    """The rows that a version is checked on, by position."""
    rows = connection.execute(query("catalog/models", "list_checks"), {"model": model, "version": version}).fetchall()
    return {
        position: CheckRow(tuple(inputs), refused, prediction, probability, probabilities and tuple(probabilities))
        for position, inputs, refused, prediction, probability, probabilities in rows
    }


def put_model(connection: Connection[Any], name: str, description: str, tags: Sequence[str], owner: str) -> int:
    """Registers a model if it is new, and returns the number of its next version, which nobody else can take.

    A description, tags or owner that is given replaces the former one.
    """
    locks.wait_turn(connection, (CATALOG_SCHEMA, "models"), "Models")
    connection.execute(
        query("catalog/models", "put_model"),
        {"name": name, "description": description, "tags": list(tags), "owner": owner},
    )
    row = connection.execute(query("catalog/models", "next_version"), {"model": name}).fetchone()
    assert row is not None
    return int(row[0])


def insert_version(
    connection: Connection[Any],
    described: Mapping[str, Any],
    inputs: Sequence[ModelInput],
    metrics: Mapping[str, float],
    program: str,
) -> None:
    """Registers a version; `described` holds the columns of fsdb.model_versions."""
    version = {"model": described["model"], "version": described["version"]}
    with connection.cursor() as cursor:
        cursor.execute(query("catalog/models", "insert_version"), described)
        cursor.executemany(
            query("catalog/models", "insert_input"),
            [{**version, "position": position, **vars(given)} for position, given in enumerate(inputs, start=1)],
        )
        cursor.executemany(
            query("catalog/models", "insert_metric"),
            [{**version, "name": name, "value": value} for name, value in metrics.items()],
        )
        cursor.execute(query("catalog/models", "insert_program"), {**version, "program": program})


def insert_report(connection: Connection[Any], version: ModelVersion, report: Mapping[str, Any]) -> None:
    """Keeps that a version was held against its checks in a runtime, and passed: columns of fsdb.parity_reports."""
    values = {"model": version.model, "version": version.version, **report}
    connection.execute(query("catalog/models", "insert_report"), values)


def insert_checks(connection: Connection[Any], model: str, version: int, checks: Sequence[CheckRow]) -> None:
    """Stores the rows that a version is checked on; it is to be registered in the same transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            query("catalog/models", "insert_check"),
            [
                {
                    "model": model,
                    "version": version,
                    "position": position,
                    "inputs": list(check.inputs),
                    "refused": check.refused,
                    "prediction": check.prediction,
                    "probability": check.probability,
                    "probabilities": None if check.probabilities is None else list(check.probabilities),
                }
                for position, check in enumerate(checks, start=1)
            ],
        )
