"""fsdb status, doctor, repair: how the database stands, and how it is put right."""

from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, YesOption, confirmed, note, out, say, show_json
from fsdb.cli.session import UrlOption, opened
from fsdb.doctor import diagnose
from fsdb.errors import InvalidDefinition
from fsdb.history import Differences, Source


def status(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Show server, catalog, feature sets with their rows and versions, deployments, and whether everything is installed."""
    with opened(url) as store:
        found = store.status()
    if as_json:
        show_json(found.to_dict())
    else:
        out().print(found)


def doctor(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Check everything that can be checked, and say what to do. Exit status 1 where something is wrong."""
    with opened(url) as store, store.transaction() as connection:
        found = diagnose(connection)
    if as_json:
        show_json(found.table.to_dicts())
    else:
        out().print(found)
    if not found.healthy:
        raise typer.Exit(1)


def repair(
    name: Annotated[str, typer.Argument(metavar="SET", help="The feature set.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="live: history takes over what the live table holds; history: the other way round."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what differs.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show where a live table and its history differ, and bring them together: from live, or from history."""
    if source not in (None, "live", "history"):
        raise InvalidDefinition(f"--from {source} is neither live nor history: say which of the two is right.")

    def agreed(differing: Differences) -> bool:
        _show(differing, as_json)
        into = "history" if source == "live" else "the live table"
        confirmed(f"Write {differing.total} rows into {into}?", yes)
        return True

    with opened(url) as store:
        differing = store.repair(name, None if dry_run or source is None else _source(source), agreed)
    if not differing or dry_run or source is None:
        _show(differing, as_json)
    if differing and source is None and not dry_run:
        note(f"Nothing was changed: say which side is right, as in fsdb repair {name} --from live.")
    elif differing and not dry_run:
        note(f"Repaired {differing.total} rows from {source}.")


def _source(given: str) -> Source:
    return "live" if given == "live" else "history"


def _show(differing: Differences, as_json: bool) -> None:
    if as_json:
        show_json(differing.to_dict())
        return
    say(str(differing))
    if differing:
        out().print(differing.rows)
