"""fsdb run, pause, resume: schedules by hand."""

from datetime import datetime
from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, err, say, show
from fsdb.cli.session import UrlOption, opened

NameArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule; a batch set's is the set's name.")]


def run(
    name: NameArgument,
    since: Annotated[
        str | None,
        typer.Option(help="With --until: run past slots again that end after this time, written with its zone."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="The end of the last slot to run again.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Run a schedule now: the slots that are due, the last one again, or past ones."""
    if (since is None) != (until is None):
        raise typer.BadParameter("Give --since and --until together.", param_hint="--since")
    moments = [
        None if given is None else _moment(given, option) for given, option in ((since, "--since"), (until, "--until"))
    ]
    with opened(url) as store, err().status("Running"):
        done = store.run(name, *moments)
    show(done, as_json)


def pause(name: NameArgument, url: UrlOption = None) -> None:
    """Keep a schedule from running until it is resumed."""
    with opened(url) as store:
        store.pause_schedule(name)
    say(f"Schedule {name} is paused.")


def resume(name: NameArgument, url: UrlOption = None) -> None:
    """Let a paused schedule run again, from where it stands."""
    with opened(url) as store:
        store.resume_schedule(name)
    say(f"Schedule {name} runs again.")


def _moment(given: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise typer.BadParameter(
            f"{given!r} is no time: write one such as 2026-03-29T02:00:00+02:00.", param_hint=option
        ) from error
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{given!r} has no time zone: write one, such as {given}+00:00.", param_hint=option)
    return moment
