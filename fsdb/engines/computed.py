"""A result with the columns of expressions, which are computed over the engine's finished columns: the same code for every engine."""

from collections.abc import Iterator

import pyarrow as pa

from fsdb.asof import AsOf
from fsdb.engines.protocol import Result
from fsdb.exchange.types import arrow_type
from fsdb.expressions.evaluation import evaluate


class WithExpressions(Result):
    """An engine's result, and behind it what expressions make of its columns. What only they read does not come out."""

    def __init__(self, result: Result, description: AsOf) -> None:
        self._result = result
        self._description = description
        self._width = len(description.spine.columns)
        self.late_values = result.late_values
        self.matched = result.matched
        self.reports = result.reports
        self.plan = (
            f"{result.plan}\nComputed over these columns: {', '.join(one.output for one in description.computed)}."
        )

    def table(self) -> pa.Table:
        """The rows, in memory. Raises InvalidData where an expression's value leaves the range of its type."""
        return self._computed(self._result.table())

    def batches(self) -> pa.RecordBatchReader:
        """The rows in record batches, computed as they are read."""
        given = self._result.batches()
        schema = self._computed(given.schema.empty_table()).schema

        def computed() -> Iterator[pa.RecordBatch]:
            with given:
                for batch in given:
                    yield from self._computed(pa.Table.from_batches([batch])).to_batches()

        return pa.RecordBatchReader.from_batches(schema, computed())

    def _computed(self, table: pa.Table) -> pa.Table:
        trees = {one.output: one for one in self._description.computed}
        fields = [table.schema.field(at) for at in range(self._width)]
        columns = [table.column(at) for at in range(self._width)]
        given = dict(zip(table.column_names, table.columns, strict=True))
        for column in self._description.results:
            if column.name not in trees:
                fields.append(table.schema.field(column.name))
                columns.append(given[column.name])
                continue
            values = evaluate(trees[column.name].tree, given, table.num_rows, column.name)
            fields.append(pa.field(column.name, arrow_type(column.type), metadata={"postgresql_type": column.type}))
            columns.append(values)
        return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))
