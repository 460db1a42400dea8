"""What a column of data is wanted as, and the sentences for values that it cannot be."""

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from fsdb.errors import InvalidData
from fsdb.exchange.naming import sql_name

_SHOWN = 60


@dataclass(frozen=True)
class Wanted:
    """A column by name, PostgreSQL's type that it is wanted in, who takes it, what it is a column of, and its type as given.

    first: the number of the first row; None where values have no row of their own. items: the type of the lists whose items these are.
    """

    name: str
    kind: str
    owner: str
    what: str
    given: pa.DataType
    first: int | None
    items: str = ""

    def at(self, start: int) -> "Wanted":
        """The same for rows further on."""
        return replace(self, first=None if self.first is None else self.first + start)

    def in_row(self, row: int | None) -> str:
        """ " in row 3", counted from 0; nothing where there is none."""
        return "" if row is None or self.first is None else f" in row {self.first + row}"

    def unfit(self) -> InvalidData:
        """The error for a column of another type."""
        kind = self.items or self.kind
        taker = f"and {self.owner} takes it as {kind}" if self.owner else f"and is wanted as {kind}"
        hint = ": say of which time zone it is" if self._naive else ": convert it first"
        return InvalidData(f"Column {self.name!r} of the {self.what} is of type {sql_name(self.given)}, {taker}{hint}.")

    @property
    def _naive(self) -> bool:
        return pa.types.is_timestamp(self.given) and self.kind.endswith("with time zone")

    def refused(self, array: pa.Array, row: int, why: str) -> InvalidData:
        """The error for one value. why: a part of the sentence that begins with "which"."""
        shown = _shown(array[row])
        return InvalidData(f"Column {self.name!r} of the {self.what} holds {shown}{self.in_row(row)}, {why}.")


def first_of(mask: pa.Array) -> int | None:
    """The place of the first true; None where there is none."""
    place: int = mask.index(pa.scalar(True)).as_py()
    return None if place < 0 else place


def _shown(scalar: pa.Scalar) -> str:
    try:
        value: Any = scalar.as_py()
    except (ValueError, OverflowError):
        return str(scalar)
    shown = repr(value) if isinstance(value, (str, bytes)) else str(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
