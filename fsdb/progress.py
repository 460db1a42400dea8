"""Progress of what takes long: shown by default where a person looks on, in a terminal or a notebook, and nowhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fsdb.notebook import in_notebook

PATIENCE = 0.5  # seconds for which nothing is shown: what is quick needs no bar
_PAUSE = 0.2  # seconds between two changes of what a notebook shows


@contextmanager
def rows_sent(progress: Callable[[int], None] | None, what: str) -> Iterator[Callable[[int], None] | None]:
    """What is told of rows whose number nobody knows before: the caller's own `progress`, else a bar, else nothing."""
    with _shown(progress is None) as bar:
        yield progress if bar is None else lambda done: bar(what, done, None)


@contextmanager
def parts_done(progress: Callable[[int, int], None] | None, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """As `rows_sent`, of a number of parts that is known."""
    with _shown(progress is None) as bar:
        yield progress if bar is None else lambda done, about: bar(what, done, about)


@contextmanager
def sets_done(
    progress: Callable[[str, int, int], None] | None, what: str
) -> Iterator[Callable[[str, int, int], None] | None]:
    """As `parts_done`, of several sets, each with its own name."""
    with _shown(progress is None) as bar:
        yield progress if bar is None else lambda name, done, about: bar(f"{what} {name}", done, about)


Told = Callable[[str, int, int | None], None]


@contextmanager
def _shown(wanted: bool) -> Iterator[Told | None]:
    if wanted and in_notebook():
        bar: _Terminal | _Notebook = _Notebook()
    elif wanted and sys.stderr.isatty():
        bar = _Terminal()
    else:
        yield None
        return
    try:
        yield bar
    finally:
        bar.end()


class _Terminal:
    """Bars on standard error, gone when all is done."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._bars: Progress | None = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, about: int | None) -> None:
        """Shows how much is done."""
        if time.monotonic() - self._begun < PATIENCE:
            return
        if self._bars is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what)
        self._bars.update(self._tasks[what], completed=done, total=about)

    def end(self) -> None:
        """Takes the bars away."""
        if self._bars is not None:
            self._bars.stop()


class _Notebook:
    """A line under the cell, which says at the end what was done."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()
        self._line: Any = None
        self._text = ""

    def __call__(self, what: str, done: int, about: int | None) -> None:
        """Shows how much is done."""
        now = time.monotonic()
        self._text = f"{what}: {done:,}{'' if about is None else f' of about {about:,}'}, {now - self._begun:.0f} s"
        if now - self._begun < PATIENCE or (self._line is not None and now - self._last < _PAUSE):
            return
        self._last = now
        self._show()

    def end(self) -> None:
        """Shows what came last."""
        if self._line is not None:
            self._show()

    def _show(self) -> None:
        from IPython.display import display

        data = {"text/plain": self._text}
        if self._line is None:
            self._line = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._line.update(data, raw=True)
