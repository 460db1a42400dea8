"""fsdb erase: entities out of everything that fsdb holds."""

import csv
import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from fsdb.catalog.feature_sets import get_set
from fsdb.cli.output import JsonOption, YesOption, confirmed, note, out, say, show_json
from fsdb.cli.session import UrlOption, opened
from fsdb.erasure import ErasureResult
from fsdb.errors import InvalidData
from fsdb.types import base_name


def erase(
    name: Annotated[
        str | None, typer.Argument(metavar="SET", help="The feature set. None with --resume.", show_default=False)
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", help="An entity: its key, or NAME=VALUE,… where the set has several; repeat for several entities."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", help="A file of entities: JSON lines, or CSV with the keys as its head.", show_default=False
        ),
    ] = None,
    why: Annotated[
        str, typer.Option("--why", help="The reason, which stays with the record.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be erased.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Rewrite the copies that an erasure has not reached yet.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Erase entities from live table, history, copy, predictions, queues and saved training sets, for good."""
    with opened(url) as store:
        if resume:
            done = store.resume_erasures()
            if as_json:
                show_json(done)
            else:
                say(f"Rewritten: {', '.join(done)}." if done else "No erasure is unfinished.")
            return
        if name is None:
            raise InvalidData("Name the feature set to erase from: fsdb erase SET --key KEY --why REASON.")
        with store.transaction() as connection:
            types = get_set(connection, name).keys
        rows = [_named(text, types) for text in key or []] + ([] if keys is None else _read(keys, types))
        found = store.erase(name, rows, why, dry_run=True)
        if not dry_run:
            if not as_json:
                _show(found, as_json)
            confirmed(f"Erase {len(rows)} {'entity' if len(rows) == 1 else 'entities'} from {name} for good?", yes)
            found = store.erase(name, rows, why)
    _show(found, as_json)


def _show(found: ErasureResult, as_json: bool) -> None:
    if as_json:
        show_json(found.to_dict())
        return
    out().print(found.table)
    for sentence in found.notes:
        note(sentence)


def _named(text: str, types: Mapping[str, str]) -> dict[str, Any]:
    """An entity as the command line names it."""
    if len(types) == 1:
        (only,) = types
        return {only: _value(text.removeprefix(f"{only}="), types[only], only)}
    row = {}
    for part in next(csv.reader([text])):
        name, equals, value = part.partition("=")
        if not equals or name not in types:
            raise InvalidData(f"{text!r} does not name the keys {', '.join(types)}: write NAME=VALUE,NAME=VALUE.")
        row[name] = _value(value, types[name], name)
    return row


def _read(file: Path, types: Mapping[str, str]) -> list[dict[str, Any]]:
    """The entities of a file."""
    text = file.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        try:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError as error:
            raise InvalidData(f"{file} does not hold one JSON object per line: {error}.") from error
    else:
        rows = list(csv.DictReader(text.splitlines()))
    return [{name: _value(value, types.get(name, "text"), name) for name, value in row.items()} for row in rows]


def _value(value: Any, kind: str, name: str) -> Any:
    """A key's value as text or JSON has it, in the type that the key takes."""
    if not isinstance(value, str):
        return value
    base = base_name(kind)
    try:
        if base in ("smallint", "integer", "bigint"):
            return int(value)
        if base == "date":
            return date.fromisoformat(value)
        if base == "timestamp with time zone":
            return datetime.fromisoformat(value)
        if base == "boolean":
            return {"true": True, "false": False, "t": True, "f": False}[value.lower()]
    except (ValueError, KeyError) as error:
        raise InvalidData(f"{value!r} is not a value for key {name}, which is of type {kind}.") from error
    return value
