"""fsdb audit: what was done, by whom and when."""

from datetime import datetime
from typing import Annotated

import typer

from fsdb.access.audit import MOST, entries
from fsdb.cli.output import JsonOption, show
from fsdb.cli.session import UrlOption, looked
from fsdb.errors import InvalidData


def audit(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="OBJECT", help="A feature set, model, deployment, training set or role. Without it, all."
        ),
    ] = None,
    operation: Annotated[
        str | None, typer.Option(help="Only this operation, such as deploy or erase.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this moment on, such as 2026-03-01T12:00+01:00.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="At most this many lines, the newest ones.")] = MOST,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show who did what and when: definitions, models, deployments, copies, rights, repairs and erasures."""
    with looked(url) as connection:
        found = entries(connection, name, operation, None if since is None else moment(since), most)
    show(found, as_json, empty="Nothing was recorded.")


def moment(text: str) -> datetime:
    """A moment as people write it, where it says its zone no other way in the zone of this machine. Raises InvalidData."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.utcoffset() is not None else found.astimezone()
    except (ValueError, OverflowError) as error:
        raise InvalidData(
            f"{text!r} is not a date or time: write it as 2026-03-01 or 2026-03-01T12:00+01:00."
        ) from error
