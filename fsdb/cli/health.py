"""fsdb doctor, repair: what is wrong in the database, and how it is put right."""

from datetime import datetime
from typing import Annotated

import typer

from fsdb.cli.audit import moment
from fsdb.cli.output import JsonOption, YesOption, confirmed, note, out, say, show_json
from fsdb.cli.session import UrlOption, opened, own_transaction
from fsdb.doctor import diagnose
from fsdb.erasure import ErasureResult
from fsdb.errors import InvalidDefinition
from fsdb.history import Differences, Source


def doctor(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Check everything that can be checked, and say what to do. Exit status 1 if something is wrong."""
    with opened(url) as store, own_transaction(store) as connection:
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
            "--from",
            help="live: history takes what the live table holds. history: the live table takes what history says.",
        ),
    ] = None,
    dated_after: Annotated[
        str | None,
        typer.Option(
            "--dated-after",
            help="Remove for good the versions that are dated after this moment, such as 2030-01-01T00:00+00:00.",
            show_default=False,
        ),
    ] = None,
    why: Annotated[
        str, typer.Option("--why", help="With --dated-after: the reason, which stays with the record.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what differs.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show where a live table and its history differ, and make them agree again. Or remove versions that a broken clock dated in the future."""
    if dated_after is not None:
        if source is not None:
            raise InvalidDefinition("--from and --dated-after are two repairs: give one of them.")
        _mend(name, moment(dated_after), why, dry_run, yes, as_json, url)
        return
    if source not in (None, "live", "history"):
        raise InvalidDefinition(f"--from {source} is neither live nor history: say which of the two is right.")

    def agreed(differing: Differences) -> bool:
        _show(differing, as_json)
        into = "history" if source == "live" else "the live table"
        confirmed(f"Write {differing.total} rows into {into}?", yes)
        return True

    with opened(url) as store:
        differing = store.repair(name, None if dry_run or source is None else _source(source), agreed)
    assert isinstance(differing, Differences)
    if not differing or dry_run or source is None:
        _show(differing, as_json)
    if differing and source is None and not dry_run:
        note(f"Nothing was changed: say which side is right, as in fsdb repair {name} --from live.")
    elif differing and not dry_run:
        note(f"Repaired {differing.total} rows from {source}.")


def _mend(name: str, after: datetime, why: str, dry_run: bool, yes: bool, as_json: bool, url: str | None) -> None:
    def agreed(found: ErasureResult) -> bool:
        if dry_run:
            return False
        if not as_json:
            out().print(found.table)
        confirmed(f"Remove {found.counts['history']} versions of {name} for good?", yes)
        return True

    with opened(url) as store:
        found = store.repair(name, confirm=agreed, dated_after=after, why=why)
    if as_json:
        show_json(found.to_dict())
    elif found:
        out().print(found)
    else:
        say(f"No version of {name} is dated later.")


def _source(given: str) -> Source:
    return "live" if given == "live" else "history"


def _show(differing: Differences, as_json: bool) -> None:
    if as_json:
        show_json(differing.to_dict())
        return
    say(str(differing))
    if differing:
        out().print(differing.rows)
