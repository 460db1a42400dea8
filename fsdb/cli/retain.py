"""fsdb retain: versions that may leave PostgreSQL."""

from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, err, show
from fsdb.cli.session import UrlOption, opened


def retain(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SET", help="Feature sets. Without any, all that have a retention.")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Remove old versions from PostgreSQL: those older than their set's retention that are verified to be in the columnar copy."""
    with opened(url) as store, err().status("Reading back from the copy"):
        result = store.retain(names)
    show(result.table, as_json, empty="No feature set has a retention.")
