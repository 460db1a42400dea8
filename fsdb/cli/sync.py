"""fsdb sync: columnar copies."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from fsdb import columnar, retention
from fsdb.cli.output import JsonOption, err, note, say, show, show_json
from fsdb.cli.session import UrlOption, opened, own_transaction
from fsdb.definitions import fixed_duration
from fsdb.errors import ConnectionFailed, RetentionRefused
from fsdb.store import Store
from fsdb.table import Table

LEAST_PAUSE, MOST_PAUSE = 0.1, 86_400  # seconds between one sync and the next


def sync(
    sets: Annotated[list[str] | None, typer.Argument(metavar="SET", help="The feature sets. Without any, all.")] = None,
    watch: Annotated[
        float | None, typer.Option(help="Go on, with this many seconds between one sync and the next.")
    ] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Also merge small files into larger ones.")] = False,
    expire: Annotated[
        str | None, typer.Option(help="Also remove files that no copy has referred to for this long, such as '7 days'.")
    ] = None,
    rebuild: Annotated[
        str | None, typer.Option(metavar="SET", help="Make the copy of this set again from history.")
    ] = None,
    warehouse: Annotated[
        str | None,
        typer.Option(
            help="Where new copies go: a folder or URL. Without it, $FSDB_WAREHOUSE, or else the user's data folder."
        ),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Bring the columnar copies up to date with history."""
    if watch is not None and not LEAST_PAUSE <= watch <= MOST_PAUSE:
        raise typer.BadParameter(
            f"--watch {watch:g} is not a pause: give between {LEAST_PAUSE:g} and {MOST_PAUSE:,} seconds.",
            param_hint="--watch",
        )
    age = None if expire is None else fixed_duration(expire, "--expire")
    with opened(url) as store:
        if watch is not None:
            _watch(store, sets, warehouse, watch)
        with _progress() as progress:
            if rebuild is not None:
                done = columnar.rebuild(store.url, rebuild, warehouse=warehouse, progress=progress)
            else:
                done = columnar.sync(store.url, sets, warehouse=warehouse, progress=progress)
        if as_json:
            show_json(done.to_dicts())
        else:
            show(done.table, as_json, empty="There are no feature sets yet.")
            for one in done.sets:
                note(one.sentence)
        for notice in done.notices:
            note(notice)
        if rebuild is None:
            _retain(store, sets)
        if compact:
            compacted = columnar.compact(store.url, sets)
            _tell(compacted.table)
            for notice in compacted.notices:
                note(notice)
        if age is not None:
            note(f"Removed {columnar.expire(store.url, age):,} files.")


def _tell(table: Table) -> None:
    for row in table:
        note(f"{row['feature_set']}: {row['versions']:,} versions merged into larger files.")


def _retain(store: Store, sets: list[str] | None) -> None:
    """Lets leave what may, of the sets that have a retention; where others are in the way, the next time."""
    with own_transaction(store) as connection:
        chosen = retention.limited(connection, sets)
    try:
        for done in store.retain(chosen).sets:
            if done.removed:
                note(
                    f"{done.feature_set}: {done.removed:,} versions left PostgreSQL; it answers alone as of {done.reach}."
                )
    except RetentionRefused as error:
        note(str(error))


def _watch(store: Store, sets: list[str] | None, warehouse: str | None, seconds: float) -> None:
    """Syncs until it is interrupted; a server that is away is waited for."""
    while True:
        try:
            synced = columnar.sync(store.url, sets, warehouse=warehouse)
            for notice in synced.notices:
                note(notice)
            for done in synced.table:
                if done["versions"]:
                    say(
                        f"{done['feature_set']}: {done['versions']:,} versions in {done['seconds']:.2f} s, {done['rows_in_copy']:,} in the copy."
                    )
            _retain(store, sets)
        except ConnectionFailed as error:
            note(f"{error} Trying again in {seconds:g} s.")
        time.sleep(seconds)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Versions a second."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} versions/s")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each set, on standard error, gone when all is done."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), console=err(), transient=True
    ) as bars:
        tasks = {}

        def told(name: str, done: int, about: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=about)

        yield told
