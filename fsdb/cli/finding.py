"""fsdb search, describe: what is registered."""

from typing import Annotated

import typer

from fsdb.catalog import search as catalog
from fsdb.catalog.lists import TITLES, listing
from fsdb.cli.output import JsonOption, show, show_json
from fsdb.cli.session import UrlOption, looked, opened
from fsdb.table import Table


def search(
    text: Annotated[
        str, typer.Argument(help="Words to find in names, descriptions, tags and owners; empty lists all.")
    ] = "",
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Find feature sets, features, expressions, views, training sets, models and deployments."""
    with looked(url) as connection:
        found = catalog.search(connection, text)
    show(found, as_json, empty=f"Nothing is registered with {text!r}." if text else "Nothing is registered yet.")


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="feature-sets, expressions, training-views, training-sets, models, deployments or schedules. Without one, how many there are of each.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """List everything of a kind, one line each."""
    with looked(url) as connection:
        if kind is not None:
            found = listing(connection, kind.replace("-", "_"))
        else:
            counted = [(one.replace("_", "-"), len(listing(connection, one))) for one in TITLES]
            found = Table.of(("kind", "registered"), counted)
    show(found, as_json)


def describe(
    name: Annotated[
        str | None, typer.Argument(help="What fsdb search finds: a feature set, a model, …", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Its kind, as fsdb search shows it, if several things have the name.", show_default=False),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Show the card of this model.")] = None,
    version: Annotated[int | None, typer.Option(help="Which version of the model. Without it, the newest.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show one thing with its parts: a feature set's columns, a model's versions, a deployment's inputs, or the card of a model."""
    if (name is None) == (model is None) or (version is not None and model is None):
        raise typer.BadParameter("Name what to describe, or --model with its --version.")
    if model is None:
        with looked(url) as connection:
            found = catalog.describe(connection, str(name), kind)
        show(found, as_json)
        return
    with opened(url) as store:
        card = store.describe_model(model, version)
    if as_json:
        show_json(card.to_dict())
        return
    for table in card.tables:
        show(table, as_json)
