"""fsdb register, deploy, score, replay: models."""

from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from fsdb.cli.lifecycle import version_of
from fsdb.cli.output import JsonOption, err, note, show
from fsdb.cli.session import UrlOption, opened
from fsdb.deployments.logged import is_logged
from fsdb.errors import InvalidData
from fsdb.migrate.modules import load_object
from fsdb.table import Table

SHOWN_ROWS = 10


def register(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    estimator: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="Function without arguments that returns the fitted estimator, or the URI or folder of an MLflow model.",
        ),
    ],
    training_set: Annotated[
        str | None, typer.Option(help="Saved training set that the estimator was fitted on.")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="name=value; repeat for several.")] = None,
    description: Annotated[str, typer.Option(help="What the model predicts.")] = "",
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Load an MLflow model that runs its maker's code, such as a pickle."),
    ] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Register a fitted estimator, from your own code or from MLflow, as the next version of a model."""
    metrics = dict(_metric(given) for given in metric or ())
    fitted = estimator if is_logged(estimator) else load_object(estimator)
    with opened(url, make=True) as store, err().status("Comparing with the native predict"):
        trained_on = store.load_training_set(training_set) if training_set else None
        store.register_model(
            name, fitted, training_set=trained_on, metrics=metrics, description=description, trust_code=trust_code
        )
        show(store.describe(name, "model"), as_json)


def deploy(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    table: Annotated[str | None, typer.Option(help="Table to deploy it as. Without it, the model's name.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Version, or a stage such as production. Without it, the newest.")
    ] = None,
    runtime: Annotated[str, typer.Option(help="Where it computes: sql, onnx, worker, or auto.")] = "auto",
    on_error: Annotated[
        str | None, typer.Option(help="A row that cannot be scored: reject fails its insert, null records the reason.")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Deploy a model as a table, or replace the version that a table has, in one transaction."""
    with opened(url) as store, err().status("Comparing with the native predict"):
        done = store.deploy(name, table=table or name, version=version_of(version), runtime=runtime, on_error=on_error)
        row = (done.table, name, done.version, done.runtime, done.reason)
        show(Table.of(("table", "model", "version", "runtime", "reason"), [row], title="Deployed"), as_json)


def score(
    table: Annotated[str, typer.Argument(help="Table of a deployed model.")],
    data: Annotated[str, typer.Argument(help="A Parquet or CSV file, or an SQL query on the same database.")],
    record: Annotated[bool, typer.Option("--record", help="Insert the rows into the table, with lineage.")] = False,
    on_error: Annotated[
        str,
        typer.Option(help="Without --record, a row that cannot be scored: reject refuses all, null gives the reason."),
    ] = "reject",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rows to this Parquet file.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Predict for many rows in one call, and show the first ones."""
    with opened(url) as store, err().status("Scoring"):
        found = store.deployment(table).score(data, on_error=on_error, record=record)
        if output:
            pq.write_table(found, output)
    first = found.slice(0, SHOWN_ROWS)
    rows = [list(row.values()) for row in first.to_pylist()]
    show(Table.of(found.column_names, rows, title=f"First {len(rows)} of {found.num_rows:,} rows"), as_json)
    note(f"{found.num_rows:,} rows scored{f', recorded in {table}' if record else ''}.")


def replay(
    table: Annotated[str, typer.Argument(help="Table of a deployed model.")],
    limit: Annotated[int, typer.Option(help="How many predictions, the newest first.")] = 1000,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Score past predictions again from the versions that they read. Exit status 1 if one comes out differently."""
    with opened(url) as store:
        result = store.deployment(table).replay(limit=limit)
    show(Table.of(("checked", "different"), [(result.checked, result.different)], title=f"Replay of {table}"), as_json)
    if result.different:
        raise typer.Exit(1)


def _metric(given: str) -> tuple[str, float]:
    name, _, value = given.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise InvalidData(f"{given!r} is not a metric: write name=value, such as auc=0.71.") from error
