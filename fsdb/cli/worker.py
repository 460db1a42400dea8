"""fsdb worker: scoring outside of the server, and schedules."""

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from fsdb import worker as workers
from fsdb.catalog.deployments import get_deployment
from fsdb.catalog.schedules import Run
from fsdb.cli.output import err, note, say
from fsdb.cli.session import UrlOption, opened, own_transaction
from fsdb.errors import EngineUnavailable
from fsdb.worker import BATCH, Batch, Scheduler, Worker

if TYPE_CHECKING:
    from fsdb.store import Store


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="End when no row waits and no schedule is due any more.")
    ] = False,
    deployment: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Only rows of this deployment, and no schedules.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="How many rows at most in one transaction.")] = BATCH,
    threads: Annotated[int, typer.Option(min=1, help="How many threads a batch may use.")] = 1,
    retry_dead: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Only put the dead letters of this deployment back.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each batch and each run, one a line.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """Score the rows of deployments whose runtime is worker, and run schedules at their times, until you interrupt it."""
    with opened(url) as store:
        if retry_dead is not None:
            with own_transaction(store) as connection:
                count = workers.retry_dead(connection, retry_dead)
            say(json.dumps({"deployment": retry_dead, "put_back": count}) if as_json else f"{count:,} rows put back.")
            return
        if deployment is not None:
            with own_transaction(store) as connection:
                deployment = get_deployment(connection, deployment).name
        with _told(as_json) as told:
            _work(_parts(store, deployment, batch, threads, told, as_json), once)


def _parts(
    store: "Store", deployment: str | None, batch: int, threads: int, told: Callable[[Batch], None], as_json: bool
) -> list[Scheduler | Worker]:
    """What scores, and what runs schedules: without onnxruntime the latter alone, where there are schedules; for one deployment the former alone."""
    if deployment is not None:
        return [Worker(store.url, deployment, batch, threads, told, note)]
    scheduler = Scheduler(store.url, None, lambda done: _ran(done, as_json), note)
    try:
        return [scheduler, Worker(store.url, None, batch, threads, told, note)]
    except EngineUnavailable as error:
        if not len(store.schedules()):
            raise
        note(f"Schedules alone are run here: {error}")
        return [scheduler]


def _work(parts: list[Scheduler | Worker], once: bool) -> None:
    """All parts side by side until a signal, or with `once` one after the other. The first that fails stops the others."""
    with _stopped(parts):
        if once or len(parts) == 1:
            for part in parts:
                part.run(once)
            return
        beside, main = parts
        failures: list[BaseException] = []

        def other() -> None:
            try:
                beside.run()
            except BaseException as error:
                failures.append(error)
                main.stop()

        thread = Thread(target=other, name="schedules", daemon=True)
        thread.start()
        try:
            main.run()
        finally:
            beside.stop()
        thread.join()
        if failures:
            raise failures[0]


def _ran(done: Run, as_json: bool) -> None:
    if as_json:
        shown = {
            name: str(value) if isinstance(value, (datetime, timedelta)) else value
            for name, value in vars(done).items()
        }
        typer.echo(json.dumps(shown, ensure_ascii=False))
    elif done.error is None:
        note(f"{done.schedule} up to {done.until}: {done.rows or 0:,} rows in {done.duration.total_seconds():.2f} s")
    else:
        note(f"{done.schedule} up to {done.until} failed, to be tried again at {done.next_try}: {done.error}")


@contextmanager
def _stopped(parts: Sequence[Scheduler | Worker]) -> Iterator[None]:
    """SIGTERM and SIGINT let what is under way be the last; a second signal ends it at once, which loses nothing."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(_number: int, _frame: FrameType | None) -> None:
        for part in parts:
            part.stop()
        for number, handler in kept.items():
            signal.signal(number, handler)

    for number in kept:
        signal.signal(number, stop)
    try:
        yield
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
