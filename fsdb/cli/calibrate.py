"""fsdb calibrate: what the engines cost on this machine."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fsdb import calibration
from fsdb.cli.output import JsonOption, err, note, show
from fsdb.cli.session import UrlOption, opened


def calibrate(
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Engine to measure; repeat for several. Without it, postgres and duckdb.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Measure what the engines cost on this machine, so that the fastest one builds each training set."""
    engines = tuple(engine or calibration.DEFAULT)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err()
    )
    with opened(url) as store, bar:
        task = bar.add_task("Calibrating", total=calibration.steps(engines))

        def progress(what: str) -> None:
            bar.update(task, advance=1, description=what)

        found = calibration.calibrate(store.url, engines, progress)
    show(found.table, as_json, empty="Nothing could be measured.")
    for name, off in found.off.items():
        note(f"{name}: the estimates miss what was measured by a factor of {off:.2f} on average.")
    for name, why in found.absent.items():
        note(f"{name} was not measured: {why}")
