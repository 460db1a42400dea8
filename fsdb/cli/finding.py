"""fsdb search, describe: what is registered."""

from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, show
from fsdb.cli.session import UrlOption, opened


def search(
    text: Annotated[
        str, typer.Argument(help="Words to find in names, descriptions, tags and owners; empty lists all.")
    ] = "",
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Find feature sets, features, views, training sets, models and deployments."""
    with opened(url) as store:
        show(
            store.search(text),
            as_json,
            empty=f"Nothing is registered with {text!r}." if text else "Nothing is registered yet.",
        )


def describe(
    name: Annotated[str, typer.Argument(help="A feature set or a model.")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show a feature set with its columns, or a model with its versions."""
    with opened(url) as store:
        show(store.describe(name), as_json)
