"""PostgreSQL's types in a columnar copy: as fsdb.exchange.types has them, but for what Iceberg lacks or Parquet cannot hold exactly.

| PostgreSQL | in the copy |
|---|---|
| smallint | int32: Iceberg has no smaller one |
| numeric, of any precision | string, PostgreSQL's digits: a decimal holds neither NaN nor every numeric |
| uuid, jsonb | string, as PostgreSQL prints it |
| timestamp with time zone, date | timestamp[us, UTC], date32; infinity and -infinity are the largest number and its negative |

Everything else is the same in both.
"""

import re

import pyarrow as pa

from fsdb.asof.description import plain_type
from fsdb.exchange.types import arrow_type

_SCALE = re.compile(r"numeric\(\d+,(-?\d+)\)")
WHOLE = r"\.0+$"  # what a whole number's text has beyond an integer's, where it is printed as a numeric
_INTEGERS = (pa.int32(), pa.int64())


def copy_type(kind: str) -> pa.DataType:
    """The Arrow type in which a copy holds a column of this PostgreSQL type."""
    plain = plain_type(kind)
    if plain == "smallint":
        return pa.int32()
    return pa.string() if plain == "numeric" else arrow_type(kind)


def same_digits(held: str, kind: str) -> bool:
    """Whether values that were copied as `held` still read as history's `kind` prints them: a numeric prints all digits of its scale,
    and no copy holds an integer where history has a number of another kind.

    Where Arrow has a decimal for the type, reading the text as that adds the digits.
    """
    if (copy_type(held) in _INTEGERS) != (copy_type(kind) in _INTEGERS):
        return False
    then, now = _SCALE.fullmatch(held), _SCALE.fullmatch(kind)
    if now is None or not pa.types.is_string(arrow_type(kind)):
        return True
    return then is not None and then[1] == now[1]
