"""What a public call is given, held against its annotations before it does anything.

One place says no to an argument of another kind, in one sentence that names the call and the argument. What is the right kind
in another dress is taken: numpy's and pandas' arrays for a list, numpy's numbers for numbers. What a value *means* (whether a feature of that
name exists, whether a moment has a time zone) is for the part that is called.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, wraps
from inspect import Parameter, Signature, signature
from numbers import Integral, Real
from types import FunctionType, NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from fsdb.errors import FsdbError, InvalidArgument, InvalidDefinition
from fsdb.masking import masked

P = ParamSpec("P")
R = TypeVar("R")

BY_ITS_PART = "checked by its part"  # what Annotated says of a hint whose own part refuses values in better words

_LISTS = (Sequence, Iterable, list, tuple)


def checked(
    call: Callable[P, R], *, refused: type[FsdbError] = InvalidArgument, afterwards: bool = False
) -> Callable[P, R]:
    """The call, which refuses arguments that do not fit its annotations with a `refused` of one sentence.

    afterwards: for calls of which there are thousands a second: the arguments are looked at once the call has failed.
    """
    shape = signature(call)

    names, needed = _places(shape)
    plain: dict[str, frozenset[type]] = {}

    @wraps(call)
    def checked_call(*given: P.args, **named: P.kwargs) -> R:
        if not plain:
            plain.update(_plain_types(call))
        if _plainly_fit(given, named, names, needed, plain):
            return call(*given, **named)
        arguments, keywords = _fitted_arguments(call, shape, given, named, refused)
        return call(*arguments, **keywords)

    @wraps(call)
    def hot_call(*given: P.args, **named: P.kwargs) -> R:
        try:
            return call(*given, **named)
        except Exception:  # whatever it is: a misfit is why
            _fitted_arguments(call, shape, given, named, refused)
            raise

    return hot_call if afterwards else checked_call


def checked_calls(
    *hot: str, refused: type[FsdbError] = InvalidArgument, of: str | None = None
) -> Callable[[type[R]], type[R]]:
    """Makes all public methods of a class `checked`; those named in `hot` look at their arguments afterwards.

    of: the class that users know them by, where they are written in a part of it.
    """

    def decorated(kind: type[R]) -> type[R]:
        for name, member in list(vars(kind).items()):
            if name.startswith("_"):
                continue
            if isinstance(member, FunctionType):
                member.__qualname__ = member.__qualname__ if of is None else f"{of}.{name}"
                setattr(kind, name, checked(member, refused=refused, afterwards=name in hot))
            elif isinstance(member, classmethod):
                setattr(kind, name, classmethod(checked(member.__func__, refused=refused)))
        return kind

    return decorated


def checked_definition(kind: type[R]) -> type[R]:
    """A class of frozen data whose fields, and arguments of methods, are held against their annotations."""
    made = kind.__init__
    made.__annotations__ = {**get_type_hints(kind, include_extras=True), "return": NoneType}
    made.__qualname__ = kind.__name__
    setattr(kind, "__init__", checked(made, refused=InvalidDefinition))  # noqa: B010 - what mypy does not let one assign
    return checked_calls(refused=InvalidDefinition)(kind)


def _places(shape: Signature) -> tuple[tuple[str, ...], frozenset[str]]:
    """The parameters that arguments without a name are for, in order; and the names of those that a call must give."""
    ordered = [one for one in shape.parameters.values() if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
    needed = [one for one in shape.parameters.values() if one.default is Parameter.empty]
    return tuple(one.name for one in ordered), frozenset(one.name for one in needed)


def _plain_types(call: Callable[..., Any]) -> dict[str, frozenset[type]]:
    """The types by parameter of which a value fits as it is, whatever it is; a text fits where it is ASCII without NUL."""
    hints = _hints(call)
    return {"self": _ANY, **{name: frozenset(_simple(hint)) for name, hint in hints.items()}}


def _simple(hint: Any) -> Iterable[type]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return {one for choice in arguments for one in _simple(choice)}
    if hint in (bool, float, str, NoneType):
        return (hint,)
    if hint is Any or (origin is Annotated and BY_ITS_PART in arguments):
        return (str, bool, float, int, NoneType)
    return ()


def _plainly_fit(
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    names: tuple[str, ...],
    needed: frozenset[str],
    plain: Mapping[str, frozenset[type]],
) -> bool:
    """Whether all arguments are there and of the plainest types, as those of thousands of definitions are: what fits without being looked at closely."""
    if len(given) > len(names):
        return False
    there = names[: len(given)]
    if not needed.issubset(there if not named else (*there, *named)):
        return False
    for name, value in (*zip(there, given, strict=True), *named.items()):
        types = plain.get(name)
        if types is None or (types is not _ANY and type(value) not in types):
            return False
        if type(value) is str and not (value.isascii() and "\0" not in value):
            return False
    return not named or named.keys().isdisjoint(there)


_ANY: frozenset[type] = frozenset((object,))  # of `self`, which is what it is


def _fitted_arguments(
    call: Callable[..., Any],
    shape: Signature,
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    refused: type[FsdbError],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    name = call.__qualname__
    try:
        bound = shape.bind(*given, **named)
    except TypeError as error:
        known = [parameter.name for parameter in shape.parameters.values() if parameter.name != "self"]
        raise refused(f"{name}: {error}; it takes {', '.join(known) or 'no argument'}.") from None
    hints = _hints(call)
    for argument, value in bound.arguments.items():
        parameter = shape.parameters[argument]
        if argument not in hints or parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            continue
        if value is parameter.default:
            continue
        try:
            bound.arguments[argument] = fitted(value, hints[argument])
        except _Misfit as misfit:
            raise refused(f"{name}: {argument}={misfit.where} takes {misfit.wanted}, not {misfit.shown}.") from None
    return bound.args, bound.kwargs


@cache
def _hints(call: FunctionType) -> dict[str, Any]:
    parameters = {name: hint for name, hint in call.__annotations__.items() if name != "return"}
    return get_type_hints(SimpleNamespace(__annotations__=parameters), call.__globals__, include_extras=True)


class _Misfit(Exception):
    """A value that does not fit: what was wanted, what came, and where inside the argument."""

    def __init__(self, wanted: str, value: Any, where: str = "") -> None:
        self.wanted = wanted
        self.shown = value if where else _shown(value)
        self.where = where

    def inside(self, position: str) -> "_Misfit":
        """The same, seen from the list or mapping around it."""
        return _Misfit(self.wanted, self.shown, f"{position}{self.where}")


def fitted(value: Any, hint: Any) -> Any:
    """The value as the hint has it. Raises _Misfit where it is of another kind."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return _text(value) if isinstance(value, str) else value
    if origin in (Union, UnionType):
        return _one_of(value, hint, arguments)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise _Misfit(_words(hint), value)
        return value
    if origin in _LISTS:
        return _list(value, hint, arguments)
    if origin is Mapping or origin is dict:
        return _mapping(value, hint, arguments)
    if origin is Annotated and BY_ITS_PART in arguments:
        return value
    if (origin or hint) is Callable:
        if not callable(value):
            raise _Misfit(_words(hint), value)
        return value
    return _plain(value, hint if origin is None else origin)


def _one_of(value: Any, hint: Any, choices: tuple[Any, ...]) -> Any:
    if type(value) in choices and type(value) not in (str, int):
        return value
    deepest: _Misfit | None = None
    for choice in choices:
        try:
            return fitted(value, choice)
        except _Misfit as misfit:
            # A list that holds one wrong name is told by that name, not as "no list"; a number that is too large as such.
            if misfit.where or misfit.wanted != _words(choice):
                deepest = misfit
    raise deepest or _Misfit(_words(hint), value)


def _list(value: Any, hint: Any, arguments: tuple[Any, ...]) -> Any:
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping | set | frozenset) or not hasattr(
        value, "__iter__"
    ):
        raise _Misfit(_words(hint), value)
    if not hasattr(value, "__len__") and get_origin(hint) is not Iterable:
        raise _Misfit(_words(hint), value)  # what can be read once is gone where a call looks twice
    if hasattr(value, "columns") or getattr(value, "ndim", 1) != 1 or isinstance(value, type):
        raise _Misfit(_words(hint), value)  # a frame's items are its columns' names
    item = arguments[0] if arguments else Any
    items = []
    for position, one in enumerate(value):
        try:
            items.append(fitted(one, item))
        except _Misfit as misfit:
            raise misfit.inside(f"[{position}]") from None
    return tuple(items) if isinstance(value, tuple) or get_origin(hint) is tuple else items


def _mapping(value: Any, hint: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, Mapping):
        raise _Misfit(_words(hint), value)
    keys, values = arguments or (Any, Any)
    held = {}
    for key, one in value.items():
        try:
            name = fitted(key, keys)
        except _Misfit as misfit:
            raise _Misfit(f"{_words(keys)} as its key", misfit.shown, f"[{key!r}]") from None
        try:
            held[name] = fitted(one, values)
        except _Misfit as misfit:
            raise misfit.inside(f"[{key!r}]") from None
    return held


def _plain(value: Any, kind: type) -> Any:
    if kind is NoneType or kind is None:
        if value is not None:
            raise _Misfit("None", value)
        return None
    if kind is bool:
        if not _is_truth(value):
            raise _Misfit("True or False", value)
        return bool(value)
    if kind is int:
        if _is_truth(value) or not isinstance(value, Integral):
            raise _Misfit("a whole number", value)
        number = operator.index(value)
        if not -(2**63) <= number < 2**63:
            raise _Misfit("a whole number of at most 64 bits", value)
        return number
    if kind is float:
        if _is_truth(value) or not isinstance(value, Real):
            raise _Misfit("a number", value)
        return float(value)
    if kind is str:
        return _text(value)
    # NaT is an instance of datetime, and is none; a datetime is an instance of date, and is none.
    if not isinstance(value, kind) or (kind in (datetime, timedelta) and value != value):  # noqa: PLR0124
        raise _Misfit(_words(kind), value)
    if kind is date and isinstance(value, datetime):
        raise _Misfit(_words(kind), value)
    return value


def _is_truth(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    # Who gives a value of numpy's has loaded it. A command that needs none does not wait for it.
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.bool_)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Misfit("a text", value)
    plain = str.__str__(
        value
    )  # numpy's texts and enumerations are texts of their own kind, which the driver does not bind
    if "\0" in plain:
        raise _Misfit("a text without NUL, which PostgreSQL does not keep", value)
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise _Misfit("a text of valid Unicode", value) from None
    return plain


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        words = list(dict.fromkeys(_words(choice) for choice in arguments))
        return " or ".join(words)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in arguments)
    if origin is Annotated:
        return "a type"
    if origin in _LISTS:
        return f"a list of {_plural(arguments[0])}" if arguments else "a list"
    if origin is Mapping or origin is dict:
        return f"a mapping of {_plural(arguments[0])} to {_plural(arguments[1])}"
    if hint in _NAMES:
        return _NAMES[hint]
    if origin is not None and callable(hint):
        return "a function"
    name = getattr(hint, "__name__", str(hint))
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


_NAMES: dict[Any, str] = {
    NoneType: "None",
    None: "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    bytes: "bytes",
    datetime: "a datetime with a time zone",
    date: "a date",
    timedelta: "a timedelta",
}
_PLURALS: dict[Any, str] = {Any: "values", str: "texts", bytes: "bytes", timedelta: "timedeltas"}


def _plural(hint: Any) -> str:
    if hint in _PLURALS:
        return _PLURALS[hint]
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(dict.fromkeys(_plural(choice) for choice in get_args(hint)))
    if get_origin(hint) is Literal:
        return _words(hint)
    noun, of, what = _words(hint).removeprefix("a ").removeprefix("an ").partition(" of ")
    return f"{noun}s{of}{what}"


_SHOWN = 40


def _shown(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}'s {kind.__name__}"
    if isinstance(value, type):
        return f"the type {value.__name__}"
    if isinstance(value, str | bytes | int | float | date | timedelta | tuple | list | dict | set):
        try:
            text = masked(repr(value))
        except Exception:
            return f"of type {name}"
        text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        return f"{text} ({name})"
    return f"a value of type {name}"
