"""A join's answer in DuckDB: every read's features in a table of their own, put side by side as they are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from psycopg.sql import Identifier

from fsdb.asof import Column, SetRead
from fsdb.engines.duckdb.report import ReadReport, plan
from fsdb.engines.duckdb.session import Session, text, told
from fsdb.engines.protocol import Result
from fsdb.exchange.types import arrow_type
from fsdb.sql import joined

BATCH = 65_536  # rows


@dataclass(frozen=True)
class Answer:
    """A read, of how many of the spine's rows its version is late, and for how many one holds; its features in Arrow, else in a DuckDB table."""

    read: SetRead
    late: int
    matched: int
    rows: pa.Table | None = None
    table: str = ""


class DuckdbResult(Result):
    """Rows of the spine and features in Arrow; features that do not fit into memory in DuckDB, which holds them on disk. reports: what each read took."""

    def __init__(
        self,
        session: Session,
        spine: pa.Table,
        outputs: Sequence[Column],
        answers: Sequence[Answer],
        reports: Sequence[ReadReport],
    ) -> None:
        self._session = session
        self._spine = spine
        self._answers = tuple(answers)
        self.reports = tuple(reports)
        self.late_values = sum(one.late * len(one.read.features) for one in answers)
        self.matched = [one.matched for one in answers]
        self.plan = plan(reports)
        fields = [pa.field(c.name, arrow_type(c.type), metadata={"postgresql_type": c.type}) for c in outputs]
        self._schema = pa.schema([*spine.schema, *fields])
        # Where each output is: in which answer, and which of its columns.
        places = {
            feature.output: (number, position)
            for number, one in enumerate(self._answers)
            for position, feature in enumerate(one.read.features)
        }
        self._places = [places[column.name] for column in outputs]

    def table(self) -> pa.Table:
        """The rows, in memory."""
        if any(one.rows is None for one in self._answers):
            with self.batches() as reader:
                return reader.read_all()
        parts = [one.rows.columns for one in self._answers if one.rows is not None]
        features = [parts[number][position] for number, position in self._places]
        columns = zip([*self._spine.columns, *features], self._schema, strict=True)
        typed = [column if column.type == field.type else column.cast(field.type) for column, field in columns]
        return pa.Table.from_arrays(typed, schema=self._schema)

    def batches(self) -> pa.RecordBatchReader:
        """The rows in record batches, straight from DuckDB."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        streams = [_Stream(self._session, one) for one in self._answers]
        for start in range(0, self._spine.num_rows, BATCH):
            spine = self._spine.slice(start, BATCH)
            parts = [stream.next(spine.num_rows) for stream in streams]
            features = [parts[number].column(position) for number, position in self._places]
            columns = [*spine.columns, *features]
            arrays = [_array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self._schema)


class _Stream:
    """The rows of one answer in the pieces that are asked for."""

    def __init__(self, session: Session, answer: Answer) -> None:
        self._at = 0
        self._whole = answer.rows
        if self._whole is not None:
            return
        columns = [Identifier(f"feature_{number}") for number in range(len(answer.read.features))]
        self._cursor = session.connection.cursor()  # of its own, because each has one result at a time
        with told():
            query = text("rows", columns=joined(columns), answer=Identifier(answer.table))
            self._reader = self._cursor.sql(query).to_arrow_reader(BATCH)
        self._rest = self._reader.schema.empty_table()

    def next(self, rows: int) -> pa.Table:
        """The next rows."""
        if self._whole is not None:
            self._at += rows
            return self._whole.slice(self._at - rows, rows)
        pieces = [self._rest]
        held = self._rest.num_rows
        while held < rows:
            with told():
                batch = self._reader.read_next_batch()
            pieces.append(pa.Table.from_batches([batch]))
            held += batch.num_rows
        table = pa.concat_tables(pieces)
        self._rest = table.slice(rows)
        return table.slice(0, rows)


def _array(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    whole = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    return whole if whole.type == kind else whole.cast(kind)
