"""fsdb search, describe: what is registered."""

from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, show, show_json
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
    name: Annotated[str | None, typer.Argument(help="A feature set or a model.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="A model, whose card is shown.")] = None,
    version: Annotated[int | None, typer.Option(help="Which version of the model; else the newest.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show a feature set with its columns, a model with its versions, or the card of a model."""
    if (name is None) == (model is None) or (version is not None and model is None):
        raise typer.BadParameter("Name a feature set or a model, or --model with its --version.")
    with opened(url) as store:
        if model is None:
            show(store.describe(str(name)), as_json)
            return
        card = store.describe_model(model, version)
    if as_json:
        show_json(card.to_dict())
        return
    for table in card.tables:
        show(table, as_json)
