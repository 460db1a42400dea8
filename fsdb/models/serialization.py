"""Canonical JSON for frozen dataclasses.

An object carries the name of its class under `is`. Numbers that JSON has not are the texts "nan", "inf", "-inf"; the
field's type tells them from other texts. Keys are sorted and there is no white space.
"""

import json
import math
import types
import typing
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

_T = TypeVar("_T")
LATER = (
    "came later"  # a field that is left out where it has its default, so that texts from before it stay what they are
)
_SCALARS = (int, bool, str, types.NoneType)
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_json(value: Any) -> str:
    """The canonical JSON of a dataclass made of dataclasses, tuples, texts, numbers, booleans and None."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def from_json(cls: type[_T], text: str) -> _T:
    """The dataclass that a text written by `to_json` describes.

    ValueError: the text is no JSON, or does not describe one.
    """
    try:
        return typing.cast(_T, _typed(json.loads(text, parse_constant=_no_number), cls))
    except RecursionError:
        raise ValueError("a model program is not nested as deeply as this text") from None


def _no_number(literal: str) -> float:
    raise ValueError(f"{literal} is not a number of JSON: a model program holds it as a text")


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if is_dataclass(value):
        content = {
            field.name: _plain(getattr(value, field.name))
            for field in fields(value)
            if not (field.metadata.get(LATER) and getattr(value, field.name) == field.default)
        }
        return {"is": type(value).__name__, **content}
    if isinstance(value, tuple):  # mostly of the many numbers of a tree ensemble, for which a call each is slow
        return [item if type(item) is float and math.isfinite(item) else _plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _typed(value: Any, hint: Any) -> Any:
    if is_dataclass(hint):
        return _object(value, typing.cast(type, hint))
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _alternative(value, typing.get_args(hint))
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"a list is expected where a model program has {value!r}")
        item = typing.get_args(hint)[0]
        if item is float:  # the many numbers of a tree ensemble
            return tuple([number if type(number) is float else _number(number) for number in value])
        if item in (int, bool, str):
            if not all(type(entry) is item for entry in value):
                raise ValueError(f"a list of {item.__name__} is expected in a model program")
            return tuple(value)
        return tuple(_typed(entry, item) for entry in value)
    if hint is float:
        return _number(value)
    if type(value) is not hint and not (value is None and hint is types.NoneType):
        raise ValueError(f"{hint.__name__} is expected where a model program has {value!r}")
    return value


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    raise ValueError(f"a number is expected where a model program has {value!r}")


def _object(value: Any, cls: type) -> Any:
    if not isinstance(value, dict) or value.get("is") != cls.__name__:
        raise ValueError(f"{cls.__name__} is expected in a model program")
    hints = _hints(cls)
    given = {name: content for name, content in value.items() if name != "is"}
    later = {field.name for field in fields(cls) if field.metadata.get(LATER)}
    if not hints.keys() - later <= given.keys() <= hints.keys():
        raise ValueError(f"{cls.__name__} of a model program has the fields {sorted(given)}, not {sorted(hints)}")
    return cls(**{name: _typed(content, hints[name]) for name, content in given.items()})


def _alternative(value: Any, choices: tuple[Any, ...]) -> Any:
    if isinstance(value, dict):
        choices = tuple(choice for choice in choices if getattr(choice, "__name__", None) == value.get("is"))
    for choice in choices:
        try:
            return _typed(value, choice)
        except ValueError:
            if len(choices) == 1:
                raise
    raise ValueError(f"a model program has no place for {str(value)[:80]!r}")
