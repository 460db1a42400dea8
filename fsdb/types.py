"""The types that keys and features may have, by PostgreSQL's own names for them."""

import re
import sys
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from psycopg.sql import SQL

from fsdb.arguments import BY_ITS_PART
from fsdb.errors import InvalidData, InvalidDefinition

if TYPE_CHECKING:
    import sqlalchemy as sa

_SUPPORTED = re.compile(
    r"smallint|integer|bigint|real|double precision|numeric(\(\d+,-?\d+\))?|boolean|text|character varying(\(\d+\))?"
    r"|date|timestamp with time zone|uuid|jsonb|bytea|(real|double precision|integer|bigint|text|boolean)\[\]"
)
_SPELLINGS = {
    "int2": "smallint",
    "int4": "integer",
    "int": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "decimal": "numeric",
    "bool": "boolean",
    "varchar": "character varying",
    "timestamptz": "timestamp with time zone",
    "float4[]": "real[]",
    "float8[]": "double precision[]",
    "float[]": "double precision[]",
    "int4[]": "integer[]",
    "int[]": "integer[]",
    "int8[]": "bigint[]",
    "bool[]": "boolean[]",
    "varchar[]": "text[]",
}
_WORDS = frozenset(_SPELLINGS.values()) | {"real", "text", "date", "uuid", "jsonb", "bytea"}  # names as they stand
KEY_TYPES = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "text",
        "character varying",
        "date",
        "uuid",
        "boolean",
        "timestamp with time zone",
    }
)
INTEGERS = ("smallint", "integer", "bigint")
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
# Types of floating point that hold every value of an integer type.
_EXACT = {("smallint", "real"), ("smallint", "double precision"), ("integer", "double precision")}

# SQLAlchemy takes a fifth of a second to load. A program that names types by words, as every command does, is spared that.
if TYPE_CHECKING:
    TypeLike = Annotated[str | sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]], BY_ITS_PART]
else:
    TypeLike = Annotated[Any, BY_ITS_PART]


def sql_type(given: "TypeLike", owner: str) -> str:
    """PostgreSQL's name (as `format_type` spells it) of a type given as an SQLAlchemy type or as a name.

    `owner` names the key or feature in the error. Raises InvalidDefinition for a type that fsdb does not keep.
    """
    if type(given) is str and given in _WORDS:
        return given
    name = given if isinstance(given, str) else _compiled(given, owner)
    name = re.sub(r"\s*([,()])\s*", r"\1", re.sub(r"\s+", " ", name.strip().lower()))
    base, bracket, rest = name.partition("(")
    name = _SPELLINGS.get(base.strip(), base.strip()) + bracket + rest
    name = re.sub(r"^numeric\((\d+)\)$", r"numeric(\1,0)", name)
    binary_digits = re.fullmatch(r"double precision\((\d+)\)", name)  # SQL's float(n)
    if binary_digits:
        name = "real" if int(binary_digits[1]) <= 24 else "double precision"
    if not _SUPPORTED.fullmatch(name):
        hint = (
            " Use DateTime(timezone=True): a time without a zone is ambiguous." if name.startswith("timestamp") else ""
        )
        raise InvalidDefinition(
            f"{owner} has the type {name!r}, which fsdb does not keep.{hint} "
            "Types are smallint, integer, bigint, real, double precision, numeric, boolean, text, varchar, date, "
            "timestamptz, uuid, jsonb, bytea, and arrays of integer, bigint, real, double precision, text and boolean."
        )
    return name


# What `format_type` gives: a name of one word or, of types that SQL itself names, of several; then digits, and brackets for arrays.
_SEVERAL_WORDS = (
    r"double precision|(character|bit) varying(\(\d+\))?|time(stamp)?(\(\d\))? with(out)? time zone"
    r"|interval( (year|month|day|hour|minute|second)( to (month|hour|minute|second))?)?(\(\d\))?"
)
_WORD = r'([a-z_][a-z0-9_$]*|"([^"\x00]|"")+")'
_TYPE = re.compile(rf"({_SEVERAL_WORDS}|({_WORD}\.)?{_WORD}(\(-?\w+(,-?\w+)*\))?)(\[\])*", re.ASCII)
# Types that are looked up by the search path; the names of all others that fsdb keeps are words of the language.
_LOOKED_UP = re.compile(r"(text|date|uuid|jsonb|bytea)((\[\])*)")


def read_type(name: str, owner: str) -> str:
    """A type that the catalog holds for a key, feature or input, which `owner` names. Raises InvalidData where fsdb keeps no such type."""
    if not keeps(name):
        raise InvalidData(
            f"The catalog has {name[:80]!r} as the type of {owner}, which fsdb does not keep: somebody changed the catalog by hand. Correct it there."
        )
    return name


@lru_cache(maxsize=1000)
def type_sql(name: str) -> SQL:
    """A type as a part of a statement, given by PostgreSQL's own name, such as one that the catalog holds: nothing but a type gets through.

    It is the type that it says under any search path. Raises InvalidData for anything else than a type's name.
    """
    if _TYPE.fullmatch(name) is None:
        raise InvalidData(
            f"{name[:80]!r} is not a type of PostgreSQL: somebody wrote it into the catalog. Correct it there, or define again what has it."
        )
    return SQL(f"pg_catalog.{name}" if _LOOKED_UP.fullmatch(name) else name)


@lru_cache(maxsize=1000)
def keeps(name: str) -> bool:
    """Whether fsdb keeps values of a type of PostgreSQL's, by its name."""
    return _SUPPORTED.fullmatch(name) is not None


def _compiled(given: Any, owner: str) -> str:
    sa = sys.modules.get("sqlalchemy")  # who gives a type of SQLAlchemy's has loaded it
    instance = given() if sa and isinstance(given, type) and issubclass(given, sa.types.TypeEngine) else given
    if sa is None or not isinstance(instance, sa.types.TypeEngine):
        shown = given.__name__ if isinstance(given, type) else repr(given)
        raise InvalidDefinition(
            f"{owner} has the type {shown}, which is not a type of PostgreSQL: give a name, such as 'double precision', or SQLAlchemy's "
            "type, such as sqlalchemy.Double."
        )
    if isinstance(instance, sa.ARRAY) and instance.dimensions in (None, 1) and type(instance.item_type) is sa.Float:
        return "real[]"  # embeddings are kept as float4, whatever precision SQLAlchemy's Float names
    if isinstance(instance, sa.JSON):
        return "jsonb"
    if isinstance(instance, sa.DateTime) and instance.timezone:
        return "timestamp with time zone"
    return str(instance.compile(dialect=_dialect()))


@cache
def _dialect() -> "sa.Dialect":
    from sqlalchemy.dialects import postgresql

    return postgresql.dialect()  # type: ignore[no-untyped-call]


def base_name(name: str) -> str:
    """A type's name without length or precision."""
    return name.partition("(")[0]


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"-?\d+", name.partition("(")[2]))


def widens(old: str, new: str) -> bool:
    """Whether every value of `old` is the same value in `new`, so that a column may change in place."""
    if old == new:
        return False
    if old in INTEGERS and new in INTEGERS:
        return INTEGERS.index(new) > INTEGERS.index(old)
    if (old, new) == ("real", "double precision") or (old, new) in _EXACT:
        return True
    if old in INTEGERS and base_name(new) == "numeric":
        if not _numbers(new):
            return True
        precision, scale = _numbers(new)
        return scale >= 0 and precision - scale >= _DIGITS[old]
    if base_name(old) == "character varying":
        if new in ("text", "character varying"):
            return True
        return base_name(new) == "character varying" and bool(_numbers(old)) and _numbers(new) > _numbers(old)
    if base_name(old) == "numeric" and base_name(new) == "numeric" and _numbers(old):
        if not _numbers(new):
            return True
        (precision, scale), (new_precision, new_scale) = _numbers(old), _numbers(new)
        return new_scale >= scale and new_precision - new_scale >= precision - scale
    return False
