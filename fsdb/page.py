"""How much of a page of PostgreSQL a version takes: a row does not span pages, so this is what bounds the features of a set."""

from collections.abc import Iterable

from fsdb.types import base_name

# A page is 8,192 bytes, less its header and the pointer to the row (MaxHeapTupleSize of PostgreSQL's htup_details.h).
MOST_BYTES = 8160
_HEADER = 23  # of a row; then a bit for each column where one is NULL
_UNIT = 8  # numbers begin, and headers end, at a multiple of it
_OWN_BYTES, _OWN_COLUMNS = 40, 5  # version_id, event_time, recorded_at, xid, deleted
_NUMBERS = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "real",
        "double precision",
        "boolean",
        "date",
        "timestamp with time zone",
    }
)
_NUMBER = 8  # also of shorter types: data frames bring them as numbers of eight bytes, and are taken in as they are
_OTHER = (
    24  # a longer text, array or numeric can be moved out of the row, which keeps a pointer; a UUID may come as a text
)


class RowSize:
    """The most that a row takes, added up column by column in the order of the table."""

    def __init__(self, types: Iterable[str] = ()) -> None:
        self._columns, self._values, self._aligned = _OWN_COLUMNS, _OWN_BYTES, True
        for kind in types:
            self.add(kind)

    def add(self, kind: str) -> "RowSize":
        """Counts a column of a type in."""
        base = base_name(kind)
        self._columns += 1
        if base in _NUMBERS:
            self._values += _NUMBER + (0 if self._aligned else _UNIT - 1)
        else:
            self._values += _OTHER
        self._aligned = base in _NUMBERS
        return self

    @property
    def bytes(self) -> int:
        """The row's length where its values are as long as they may be and one of them is NULL."""
        header = _HEADER + -(-self._columns // 8)
        return -(-header // _UNIT) * _UNIT + self._values
