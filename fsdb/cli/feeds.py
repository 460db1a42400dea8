"""fsdb attach, shadow: predictions for rows of another table."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fsdb.cli.lifecycle import TableArgument, version_of
from fsdb.cli.output import JsonOption, err, note, show
from fsdb.cli.session import UrlOption, opened
from fsdb.errors import InvalidDefinition
from fsdb.table import Table


def attach(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    table: Annotated[str, typer.Argument(help="The application's table, which has a primary key.")],
    version: Annotated[
        str | None, typer.Option(help="Version, or a stage such as production. Without it, the newest.")
    ] = None,
    predictions: Annotated[
        str | None, typer.Option(help="Table of the predictions. Without it, <table>_predictions.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--input", help="name=column: which column holds a key or input of another name; repeat for several."
        ),
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Add columns with the newest prediction to the table, instead of a view.")
    ] = False,
    backfill: Annotated[bool, typer.Option("--backfill", help="Score the rows that are there.")] = False,
    on_update: Annotated[
        list[str] | None,
        typer.Option(
            help="Which changes score a row again: inputs, features, or none; repeat for several. Without it, both."
        ),
    ] = None,
    runtime: Annotated[str, typer.Option(help="Where it computes: sql, onnx, worker, or auto.")] = "auto",
    on_error: Annotated[str, typer.Option(help="A row that cannot be scored: reject or null.")] = "reject",
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Score the rows of an application's own table. Its columns and its application stay as they are."""
    bar = Progress(
        TextColumn("Scoring pages of the table"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err()
    )
    wishes = ("inputs", "features") if on_update is None else tuple(wish for wish in on_update if wish != "none")
    with opened(url) as store, bar:
        task = bar.add_task("", total=None, visible=backfill)
        done = store.attach(
            name,
            table,
            version_of(version),
            predictions,
            inputs=dict(_named(text) for text in given or ()),
            columns=columns,
            backfill=backfill,
            on_update=wishes,
            runtime=runtime,
            on_error=on_error,
            progress=lambda pages, every: bar.update(task, completed=pages, total=every),
        )
        row = (table, done.table, name, done.version, done.runtime)
    show(Table.of(("table", "predictions", "model", "version", "runtime"), [row], title="Attached"), as_json)


def shadow(
    table: TableArgument,
    version: Annotated[str | None, typer.Option(help="Version or stage to try. Without it, the newest.")] = None,
    runtime: Annotated[str, typer.Option(help="Where it computes: sql, onnx, worker, or auto.")] = "auto",
    stop: Annotated[bool, typer.Option("--stop", help="End it. Its predictions stay.")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Make the shadow's version the live one.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let another version score every row beside the live one, without ever answering. Promote or stop it."""
    if stop and promote:
        raise InvalidDefinition("A shadow is either stopped or promoted: give one of --stop and --promote.")
    with opened(url) as store:
        deployed = store.deployment(table)
        if stop or promote:
            (deployed.stop_shadow if stop else deployed.promote_shadow)()
            note(f"Version {deployed.version} scores {table}; it has no shadow any more.")
            return
        beside = deployed.shadow(version_of(version), runtime)
        row = (table, deployed.version, beside.table, beside.version, beside.runtime)
    show(Table.of(("table", "version", "shadow", "shadow_version", "runtime"), [row], title="Shadowed"), as_json)


def _named(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise InvalidDefinition(
            f"{text!r} does not map an input to a column: write name=column, such as origin=airport."
        )
    return name, column
