"""fsdb plan, apply, track: definitions against the database."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, YesOption, confirmed, counted, note, out, say, show, show_json
from fsdb.cli.session import UrlOption, looked, opened
from fsdb.errors import ColumnsLeftOut
from fsdb.migrate.diff import Definition
from fsdb.migrate.modules import load_definitions
from fsdb.migrate.plan import Plan
from fsdb.migrate.plan import plan as compared
from fsdb.migrate.settings import find_project

WhereArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="DEFINITIONS",
        help="Python file or module with feature sets and training views. Without it, \\[tool.fsdb] of pyproject.toml, or else features.py.",
        show_default=False,
    ),
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Also drop the sets and views that the definitions do not name.")
]


def plan(
    where: WhereArgument = None, prune: PruneOption = False, as_json: JsonOption = False, url: UrlOption = None
) -> None:
    """Show what `fsdb apply` would change. Exit status 1 if something is in the way."""
    definitions = _loaded(where)
    with looked(url) as connection:
        made = compared(connection, definitions, prune)
    _show(made, as_json)
    if made.obstacles:
        raise typer.Exit(1)


def apply(
    where: WhereArgument = None,
    prune: PruneOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Change the database to match the definitions, in one transaction. Asks before anything destructive."""
    definitions = _loaded(where)
    shown: list[Plan] = []

    def confirm(made: Plan) -> bool:
        _show(made, as_json)
        shown.append(made)
        if not made.obstacles:
            confirmed(f"Make {counted(len(made.destructive), 'destructive change')}?", yes)
        return True

    with opened(url, make=True) as store:
        made = store.apply(definitions, prune=prune, confirm=confirm)
    if not shown:
        _show(made, as_json)
    if made:
        note(f"Applied {counted(len(made.changes), 'change')}.")


def track(
    table: Annotated[str, typer.Argument(help="Existing table: table or schema.table.")],
    name: Annotated[str | None, typer.Option(help="Name of the feature set. Without it, the table's.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Key column; repeat for several. Without it, the primary key.")
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="Feature column; repeat for several. Without it, every other column of a type that fsdb keeps."
        ),
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(help="Column that holds the event time. Without it, the wall clock.")
    ] = None,
    max_age: Annotated[str | None, typer.Option(help="Fixed duration such as '6 hours'.")] = None,
    description: Annotated[str, typer.Option(help="What the set describes.")] = "",
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Turn an existing table into a feature set. Its columns and its application stay as they are."""
    with opened(url, make=True) as store, warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always", ColumnsLeftOut)
        tracked = store.track(
            table,
            name=name,
            keys=key,
            features=feature,
            event_time=event_time,
            max_age=max_age,
            description=description,
        )
        show(store.describe(tracked.name, "feature set"), as_json)
    for warning in left_out:
        note(str(warning.message))


def _loaded(where: str | None) -> list[Definition]:
    return load_definitions(find_project(Path(), definitions=where).definitions)


def _show(made: Plan, as_json: bool) -> None:
    if as_json:
        show_json(made.to_dicts())
    elif made:
        out().print(made)
    else:
        say(str(made))
