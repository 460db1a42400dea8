"""Windows over events for the rows of a spine: events from copy and tail, computed by the kernel, some keys at a time."""

from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fsdb.asof import AsOf, SetRead
from fsdb.columnar.copies import Copy
from fsdb.columnar.types import copy_type
from fsdb.engines.duckdb.events import EventRows, Read
from fsdb.engines.duckdb.payload import coming_of, in_order
from fsdb.engines.duckdb.report import ReadReport
from fsdb.engines.duckdb.result import Answer
from fsdb.engines.duckdb.session import Session
from fsdb.engines.duckdb.spine import SpineRows
from fsdb.engines.duckdb.values import duckdb_type, held_type
from fsdb.errors import InvalidData
from fsdb.runs import Asked
from fsdb.sql import joined
from fsdb.windows.computing import Computed, Held, SumTooLarge, columns_of, compute

Numbers = NDArray[np.int64]
_KEPT = 4  # the part of the memory that what is computed may take before it goes to DuckDB


def read_windows(
    session: Session,
    connection: Connection[Any],
    description: AsOf,
    spine: SpineRows,
    read: SetRead,
    copy: Copy | None,
    table: str,
) -> tuple[ReadReport, Answer]:
    """What a window set is for each row of the spine. Raises CopyBroken, and InvalidData for sums that are no bigint."""
    begin = perf_counter()
    found = _Found(session, read)
    taken = Read()
    moments = spine.moments
    if moments is not None:
        asked = spine.asked(read)
        found.without_key(spine, asked)
        if len(asked):
            rows = EventRows(session, description, read, asked, moments)
            for part, (first, end) in enumerate(rows.take(connection, copy)):
                found.add(*_part(read, asked, rows.held(part), first, end))
            rows.close()
            taken = rows.read
    answer = found.answer(table)
    report = ReadReport(
        read.feature_set,
        0 if copy is None else copy.rows,
        taken.tail,
        taken.files,
        taken.pruned,
        taken.groups,
        0,
        answer.matched,
        perf_counter() - begin,
    )
    return report, answer


def _part(read: SetRead, asked: Asked, held: Held, first: int, end: int) -> tuple[Numbers, Numbers, Computed]:
    """Positions and moments of the spine's rows that ask for some keys, and what is computed for them."""
    assert read.windows is not None
    rows = slice(int(asked.starts[first]), int(asked.starts[end]))
    keys = np.repeat(np.arange(first, end), np.diff(asked.starts[first : end + 1]))
    order = np.lexsort((asked.moments[rows], keys))  # neighbours among the events are asked for together
    positions, moments, keys = asked.positions[rows][order], asked.moments[rows][order], keys[order]
    try:
        return positions, moments, compute(read.windows, held, keys, moments)
    except SumTooLarge as error:
        entity = ", ".join(_printed(value) for value in asked.key(int(keys[error.request])))
        raise InvalidData(
            f"The sum {error.feature} of {entity} is beyond bigint. Make the column numeric or double precision, or the window shorter."
        ) from error


class _Found:
    """What was computed for rows of the spine, in any order: in memory while it is little, in DuckDB then."""

    def __init__(self, session: Session, read: SetRead) -> None:
        self._session = session
        self._read = read
        self._names = [f"feature_{number}" for number in range(len(read.features))]
        self._schema = pa.schema(
            [("position", pa.int64()), *((n, held_type(f)) for n, f in zip(self._names, read.features, strict=True))]
        )
        self._pieces: list[pa.Table] = []
        self._late = self._matched = 0
        self._in_duckdb = False

    def without_key(self, spine: SpineRows, asked: Asked) -> None:
        """The rows whose key is NULL: they have no event."""
        assert self._read.windows is not None
        keyless = np.ones(spine.rows.num_rows, bool)
        keyless[asked.positions] = False
        positions = np.flatnonzero(keyless)
        if len(positions):
            none = np.zeros(0, np.int64)
            types = self._read.windows.events.types
            held = Held(
                none,
                none,
                none,
                {name: pa.array([], copy_type(types[name])) for name in columns_of(self._read.windows)},
            )
            moments = np.zeros(len(positions), np.int64)
            self.add(positions, moments, compute(self._read.windows, held, np.full(len(positions), -1), moments))

    def add(self, positions: Numbers, moments: Numbers, computed: Computed) -> None:
        """Takes what was computed for some rows."""
        there = computed.events > 0
        self._matched += int(there.sum())
        self._late += int((there & (computed.recorded > moments)).sum())
        columns = [
            pa.array(positions),
            *(one.cast(f.type) for one, f in zip(computed.features, list(self._schema)[1:], strict=True)),
        ]
        self._pieces.append(pa.Table.from_arrays(columns, schema=self._schema))
        if sum(piece.nbytes for piece in self._pieces) > self._session.memory // (2 * _KEPT):
            self._to_duckdb()

    def answer(self, table: str) -> Answer:
        """All of it, in the order of the spine."""
        coming, counts = coming_of(self._read), (self._late, self._matched)
        if self._in_duckdb:
            self._to_duckdb()
            self._session.run("computed_in_order", answer=Identifier(table), outputs=joined(coming.outputs))
            self._session.run("drop", table=Identifier("computed"))
            return Answer(self._read, *counts, table=table)
        held = pa.concat_tables(self._pieces) if self._pieces else self._schema.empty_table()
        self._pieces = []
        order = np.argsort(held.column("position").to_numpy())
        return in_order(self._session, self._read, held.take(pa.array(order)), counts, table, coming, SQL(""))

    def _to_duckdb(self) -> None:
        if not self._in_duckdb:
            columns = [
                SQL("{} {}").format(Identifier(f.name), SQL(duckdb_type(f.type))) for f in list(self._schema)[1:]
            ]
            self._session.run("computed", columns=joined(columns))
            self._in_duckdb = True
        if self._pieces:
            with self._session.given("batch", pa.concat_tables(self._pieces)):
                self._session.run("take_computed")
            self._pieces = []


def _printed(value: Any) -> str:
    """A key's value as PostgreSQL has it in a text."""
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)
