"""fsdb status: how the database stands."""

from fsdb.cli.output import JsonOption, out, show_json
from fsdb.cli.session import UrlOption, looked
from fsdb.status import read_status


def status(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Show the server, the catalog, feature sets with their rows and versions, deployments, and whether everything is installed."""
    with looked(url) as connection:
        found = read_status(connection)
    if as_json:
        show_json(found.to_dict())
    else:
        out().print(found)
