"""fsdb status, doctor: how the database stands."""

import typer

from fsdb.cli.output import JsonOption, out, show_json
from fsdb.cli.session import UrlOption, opened
from fsdb.doctor import diagnose


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
