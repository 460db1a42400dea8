"""What scoring gives for many rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fsdb.errors import InvalidData
from fsdb.exchange.types import arrow_type

SCORED_BY = "fsdb_scored_by"  # in a result's metadata: what computed it
_INTERNAL = ("scoring_us", "scored_by", "model_release", "predicted_at")


@dataclass(frozen=True)
class Outcome:
    """The results by column of the model table; for each row why it is refused, or None; and the back end that scored.

    A refused row's results are NULL.
    """

    columns: dict[str, pa.Array]
    errors: pa.Array
    scored_by: str


def result_type(kind: str) -> pa.DataType:
    """The Arrow type of a result; of several targets it is a list."""
    return pa.list_(arrow_type(kind.removesuffix("[]"))) if kind.endswith("[]") else arrow_type(kind)


def with_results(table: pa.Table, results: Mapping[str, pa.Array], scored_by: str) -> pa.Table:
    """The data's columns, then these; the metadata tells what computed."""
    fields = [*table.schema, *(pa.field(name, array.type) for name, array in results.items())]
    schema = pa.schema(fields, {**(table.schema.metadata or {}), SCORED_BY: scored_by})
    return pa.Table.from_arrays([*table.columns, *results.values()], schema=schema)


def recorded_types(columns: Mapping[str, str], recorded: Collection[str]) -> dict[str, str]:
    """What recording gives beside the data's columns, with PostgreSQL's types: of the columns of a model table those that fsdb fills in."""
    return {name: columns[name] for name in recorded if name not in _INTERNAL}


def check_none_refused(errors: pa.Array, owner: str) -> None:
    """Raises InvalidData naming the first row that is refused. errors: as an outcome has them; owner: whose model it is."""
    refused = len(errors) - errors.null_count
    if refused:
        first = errors.is_valid().index(True).as_py()
        more = f" ({refused:,} of {len(errors):,} rows are refused)" if refused > 1 else ""
        raise InvalidData(
            f"{owner} does not take row {first} of the data, counted from 0{more}: {errors[first].as_py()}. Correct the row, leave it out, or "
            "score with on_error='null'."
        )


def joined_outcomes(parts: Sequence[Outcome], places: NDArray[np.int64]) -> Outcome:
    """The outcomes of several releases as one; `places` has each row's place among all parts' rows."""
    order = pa.array(places)
    names = dict.fromkeys(name for part in parts for name in part.columns)
    types = {name: part.columns[name].type for part in parts for name in part.columns}
    columns = {
        name: pa.concat_arrays(
            [part.columns.get(name, pa.nulls(len(part.errors), types[name])) for part in parts]
        ).take(order)
        for name in names
    }
    errors = pa.concat_arrays([part.errors for part in parts]).take(order)
    return Outcome(columns, errors, ", ".join(dict.fromkeys(part.scored_by for part in parts)))
