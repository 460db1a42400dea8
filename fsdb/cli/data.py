"""fsdb ingest, training-set: data in and training sets out."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, err, note, out, say, show
from fsdb.cli.session import UrlOption, opened
from fsdb.table import Table

SHOWN_ROWS = 10


def ingest(
    name: Annotated[str, typer.Argument(metavar="SET", help="The feature set.")],
    data: Annotated[str, typer.Argument(help="A Parquet or CSV file, or an SQL query on the same database.")],
    event_time: Annotated[
        str | None,
        typer.Option(help="Column of the data that holds the event time. Without it, event_time, or else now."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times that have none, such as Europe/Berlin or +02:00.")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Load rows into a feature set: new, changed and late ones, each once."""
    with opened(url) as store, err().status("Reading") as status:
        result = store.ingest(
            name, data, event_time, timezone, progress=lambda rows: status.update(f"{rows:,} rows sent")
        )
    counts = asdict(result)
    show(Table.of(list(counts), [list(counts.values())], title=f"Ingested into {name}"), as_json)


def training_set(
    name: Annotated[str, typer.Argument(help="A training view; with --verify a saved training set.")],
    known: Annotated[
        str, typer.Option(help="Which values count: now, then, a time with zone, or the name of a saved training set.")
    ] = "now",
    engine: Annotated[str, typer.Option(help="The engine that builds it.")] = "auto",
    save: Annotated[str | None, typer.Option(help="Keep it under this name.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this Parquet file.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how it is built.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Build a saved one again; it must come out the same.")
    ] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Build a training set, correct as of each row's moment, and show its first rows."""
    with opened(url) as store:
        if verify:
            saved = store.load_training_set(name)
            saved.verify()
            row = (name, saved.row_count, saved.content_hash)
            show(Table.of(("training_set", "rows", "hash"), [row], title="Comes out the same"), as_json)
            return
        built = store.training_set(name, known=_known(known), engine=engine)
        if save:
            built.save(save)
        if output:
            built.to_parquet(output)
        if explain:
            (err() if as_json else out()).print(built.explain())
            (note if as_json else say)(built.plan)
        first = built.to_arrow().slice(0, SHOWN_ROWS)
        rows = [list(row.values()) for row in first.to_pylist()]
        columns = [column.name for column in built.columns]
        show(Table.of(columns, rows, title=f"First {len(rows)} of {built.num_rows:,} rows"), as_json)
        note(f"{built.num_rows:,} rows, hash {built.content_hash}.")
        if built.notice:
            note(built.notice)


def _known(given: str) -> str | datetime:
    """A time where it is written as one; names of saved training sets and of the other ways are no times."""
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        return given
