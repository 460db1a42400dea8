"""fsdb worker: scoring outside of the server."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from fsdb import worker as workers
from fsdb.catalog.deployments import get_deployment
from fsdb.cli.output import err, note, say
from fsdb.cli.session import UrlOption, opened, own_transaction
from fsdb.worker import BATCH, Batch, Worker


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when no row waits any more.")] = False,
    deployment: Annotated[str | None, typer.Option(metavar="TABLE", help="Only rows of this deployment.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="How many rows at most in one transaction.")] = BATCH,
    threads: Annotated[int, typer.Option(min=1, help="How many threads a batch may use.")] = 1,
    retry_dead: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Only put the dead letters of this deployment back.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each batch, one a line.")] = False,
    url: UrlOption = None,
) -> None:
    """Score the rows of deployments whose runtime is worker, until you interrupt it."""
    with opened(url) as store:
        if retry_dead is not None:
            with own_transaction(store) as connection:
                count = workers.retry_dead(connection, retry_dead)
            say(json.dumps({"deployment": retry_dead, "put_back": count}) if as_json else f"{count:,} rows put back.")
            return
        if deployment is not None:
            with own_transaction(store) as connection:
                deployment = get_deployment(connection, deployment).name
        with _told(as_json) as told, _stopped(Worker(store.url, deployment, batch, threads, told, note)) as running:
            running.run(once)


@contextmanager
def _stopped(running: Worker) -> Iterator[Worker]:
    """SIGTERM and SIGINT let the batch that is under way be the last one; a second signal ends it at once, which loses nothing."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(_number: int, _frame: FrameType | None) -> None:
        running.stop()
        for number, handler in kept.items():
            signal.signal(number, handler)

    for number in kept:
        signal.signal(number, stop)
    try:
        yield running
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _told(as_json: bool) -> Iterator[Callable[[Batch], None]]:
    """What is told of batches: JSON lines, one line that is kept up to date in a terminal, else a line each; and a sum at the end."""
    if as_json:
        yield lambda batch: typer.echo(json.dumps(asdict(batch), ensure_ascii=False))
        return
    total = Batch("")
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), console=err(), transient=True
    ) as line:
        task = line.add_task("waiting for rows")

        def told(batch: Batch) -> None:
            for name in ("predicted", "refused", "failed", "dead", "gone", "later", "seconds"):
                setattr(total, name, getattr(total, name) + getattr(batch, name))
            line.update(task, description=f"{_line(total)}; {batch.rows / batch.seconds:,.0f} rows/s in the last batch")
            if batch.reason is not None:
                note(f"{batch.deployment}: {batch.reason}")
            elif not err().is_terminal:
                note(f"{batch.deployment}: {_line(batch)}")

        yield told
    say(f"{_line(total)}.")


def _line(batch: Batch) -> str:
    parts = [f"{batch.predicted:,} predictions in {batch.seconds:.2f} s"]
    parts += [f"{count:,} {word}" for word, count in _troubles(batch).items() if count]
    return ", ".join(parts)


def _troubles(batch: Batch) -> dict[str, int]:
    return {
        "refused by the model": batch.refused,
        "to be tried again": batch.failed,
        "dead letters": batch.dead,
        "deleted": batch.gone,
        "put off": batch.later,
    }
