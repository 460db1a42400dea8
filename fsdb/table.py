"""A small result table: prints in a terminal, shows in a notebook, goes to JSON for machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from fsdb.arguments import checked_calls


@checked_calls()
@dataclass(frozen=True)
class Table:
    """Rows under named columns, with an optional title."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str | None = None

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> "Table":
        """A table of any sequences."""
        return cls(tuple(columns), tuple(tuple(row) for row in rows), title)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """The rows as mappings."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as JSON can carry them: times in ISO format, other objects as text."""
        return [{column: _plain(value) for column, value in row.items()} for row in self]

    def __rich__(self) -> RichTable:
        table = RichTable(title=self.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
        for position, column in enumerate(self.columns):
            table.add_column(column, justify="right" if self._is_number(position) else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(shown(value)) for value in row))
        return table

    def __repr__(self) -> str:
        text = StringIO()
        # In a notebook rich would show the table there instead of writing it, beside what the notebook shows by itself.
        Console(file=text, width=160, color_system=None, force_jupyter=False).print(self)
        return text.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        # Notebooks align every cell to the right, whose style only a cell's own overrules.
        sides = ["right" if self._is_number(position) else "left" for position in range(len(self.columns))]
        styles = [f' style="text-align: {side}"' for side in sides]
        head = "".join(f"<th{style}>{escape(column)}</th>" for column, style in zip(self.columns, styles, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell(value, style) for value, style in zip(row, styles, strict=True)) + "</tr>"
            for row in self.rows
        )
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        return f'<table style="caption-side: top; text-align: left">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def _is_number(self, position: int) -> bool:
        """Whether a column holds numbers alone, which stand on the right."""
        kinds = (int, float, type(None))
        return bool(self.rows) and all(isinstance(row[position], kinds) for row in self.rows)


def shown(value: Any) -> str:
    """A value as people read it: NULL as an empty cell, times without needless digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="auto" if value.microsecond else "seconds")
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    return str(value)


def _cell(value: Any, style: str) -> str:
    """A cell of a notebook's table: times to the second, in full where one points at them."""
    text = shown(value)
    if isinstance(value, datetime):
        short = value.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
        return f'<td{style} title="{escape(text)}">{escape(short)}</td>'
    return f"<td{style}>{escape(text)}</td>"


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
