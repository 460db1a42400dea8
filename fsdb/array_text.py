"""PostgreSQL's texts of one-dimensional arrays, such as {1,NULL,"a b"}, from and to Python lists of texts."""

import re
from collections.abc import Callable, Iterable, Sequence

# Everything that PostgreSQL quotes; it reads more without quotes than it writes so.
_PLAIN = re.compile(r'[^\s"\\{},]+')
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def written(items: Iterable[str | None]) -> str:
    """The text of an array whose items have these texts; None is NULL."""
    return "{" + ",".join("NULL" if item is None else _quoted(item) for item in items) + "}"


def items_of(text: str) -> list[str | None]:
    """The texts of an array's items, None for NULL. Bounds before the array are left out."""
    inner = text[text.index("{") + 1 : -1]
    return [_item(quoted, plain) for quoted, plain in _ITEM.findall(inner)] if inner else []


def python_items(text: str, item_type: str) -> list[object]:
    """The items as Python has values of PostgreSQL's type `item_type`: booleans, whole numbers, floats, texts."""
    return [None if item is None else _READ[item_type](item) for item in items_of(text)]


def texts_of(items: Sequence[object], item_type: str) -> list[str | None]:
    """The way back. Raises ValueError and TypeError for an item of another kind."""
    return [None if item is None else _WRITE[item_type](item) for item in items]


def _quoted(item: str) -> str:
    if _PLAIN.fullmatch(item) and item.upper() != "NULL":
        return item
    return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _item(quoted: str, plain: str) -> str | None:
    if plain:
        return None if plain == "NULL" else plain
    return _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted


def _whole(item: object) -> str:
    if isinstance(item, str) or int(item) != item:  # type: ignore[call-overload]
        raise ValueError(f"{item!r} is not a whole number")
    return str(int(item))  # type: ignore[call-overload]


def _boolean(item: object) -> str:
    if item not in (True, False):
        raise ValueError(f"{item!r} is not a boolean")
    return "t" if item else "f"


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise TypeError(f"{item!r} is no text")
    return item


_READ: dict[str, Callable[[str], object]] = {
    "boolean": lambda item: item == "t",
    "integer": int,
    "bigint": int,
    "real": float,
    "double precision": float,
    "text": str,
}
_WRITE = {
    "boolean": _boolean,
    "integer": _whole,
    "bigint": _whole,
    "real": lambda item: repr(float(item)),
    "double precision": lambda item: repr(float(item)),
    "text": _text,
}
