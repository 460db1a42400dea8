"""Odd names as key, time, feature, spine column and moment, on every engine: many of them in one set, one spine, one query.

A job for each name would take Spark an hour. What fails with many names is tried again with half of them, down to the one that is to blame.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

import fsdb
from bench.report import Case, within
from tests.names import NAMES

_AT = datetime(2024, 2, 1, tzinfo=UTC)
_ROWS = (0, 1, 2)  # of each table
_ASKED = (2, 0, 7)  # of these, by the rows of the spine; there is no 7
_KEYS = 25  # of one set: an index has at most 32 columns
_SETS = 20  # of one training set
_MOMENT, _ENTITY = "moment_of_row", "entity_of_row"


@dataclass
class Tally:
    """What was tried, and what of it went wrong."""

    tried: int = 0
    raw: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def cases(self, part: str = "") -> Iterator[Case]:
        """The three numbers, named with their part."""
        yield Case("hostile", f"{part}tried", self.tried, "cases", None, None, "", True)
        yield within("hostile", f"{part}raw_errors", len(self.raw), unit="cases", target=0)
        yield within("hostile", f"{part}wrong_values", len(self.wrong), unit="cases", target=0)


def try_names(store: fsdb.Store, engines: Sequence[str], tally: Tally) -> None:
    """Every name in every place, on each of the engines, from the copy."""
    keyed = [made for part in _parts(_allowed("key", tally), _KEYS) for made in _made(store, "key", part, tally)]
    wide = list(_made(store, "feature", _allowed("feature", tally), tally))
    timed = [made for name in NAMES for made in _made(store, "time", [name], tally)]
    plain = list(_made(store, "spine", [], tally))
    store.sync([one.table for one in (*keyed, *wide, *timed, *plain)])
    for engine in engines:
        _try_engine(store, engine, [*keyed, *wide], timed, plain, tally)
    for one in [*keyed, *wide]:
        _halved(one.names, f"vector, {one.role}", tally, partial(_vector, store, one))


def _try_engine(
    store: fsdb.Store,
    engine: str,
    wide: Sequence["_Made"],
    timed: Sequence["_Made"],
    plain: Sequence["_Made"],
    tally: Tally,
) -> None:
    for one in wide:
        _halved(one.names, f"{engine}, {one.role}", tally, partial(_read, store, engine, [one]))
    # A table's own time column is history's event_time wherever it is read: Spark, to which each set is a job, need not show it again.
    for part in _parts(timed, _SETS) if engine != "spark" else ():
        names = [one.names[0] for one in part]
        _halved(names, f"{engine}, time", tally, partial(_read_timed, store, engine, part))
    _halved(NAMES, f"{engine}, spine", tally, partial(_read, store, engine, plain))
    for name in NAMES:
        _halved([name], f"{engine}, moment", tally, lambda names: _read(store, engine, plain, [], names[0]))


@dataclass(frozen=True)
class _Made:
    """A tracked table, and which names it bears in which place."""

    table: str
    role: str
    names: list[str]

    @property
    def keys(self) -> list[str]:
        return self.names if self.role == "key" else [_ENTITY]

    @property
    def features(self) -> list[str]:
        return self.names if self.role == "feature" else ["own value"]


def _parts(whole: Sequence[Any], size: int) -> list[Any]:
    return [whole[begin : begin + size] for begin in range(0, len(whole), size)]


def _allowed(role: str, tally: Tally) -> list[str]:
    """The names that a definition takes there; the others are refused by a sentence."""
    allowed = []
    for name in NAMES:
        keys, features = ([name], ["own value"]) if role == "key" else ([_ENTITY], [name])
        try:
            columns = [fsdb.Feature(feature, "integer") for feature in features]
            fsdb.FeatureSet("any", dict.fromkeys(keys, "integer"), columns, tracks="any")
            allowed.append(name)
        except fsdb.FsdbError:
            tally.tried += 1
    return allowed


def _made(store: fsdb.Store, role: str, names: list[str], tally: Tally) -> Iterator[_Made]:
    """The tables for the names: one, or more where one name spoils it for the others."""
    made: list[_Made] = []

    def make(part: list[str]) -> None:
        one = _Made(f"odd_{role}_{NAMES.index(part[0]) if part else 0}_{len(part)}", role, part)
        _make(store, one)
        made.append(one)

    if names:
        _halved(names, f"tracked, {role}", tally, make)
    else:
        make(names)
    yield from made


def _make(store: fsdb.Store, one: _Made) -> None:
    time = one.names[0] if one.role == "time" else "seen"
    names = [*one.keys, *one.features]
    columns = SQL(", ").join(SQL("{} int").format(Identifier(name)) for name in names)
    # Without parameters: a name with a percent sign would be read as one.
    rows = [[*(Literal(_value(row, place)) for place in range(len(names))), Literal(_AT)] for row in _ROWS]
    parts = {
        "table": Identifier(one.table),
        "columns": columns,
        "time": Identifier(time),
        "keys": SQL(", ").join(map(Identifier, one.keys)),
        "names": SQL(", ").join(map(Identifier, [*names, time])),
        "rows": SQL(", ").join(SQL("({})").format(SQL(", ").join(row)) for row in rows),
    }
    with store.transaction() as connection:
        connection.execute(
            _composed("CREATE TABLE {table} ({columns}, {time} timestamptz, PRIMARY KEY ({keys}))", parts)
        )
        connection.execute(_composed("INSERT INTO {table} ({names}) VALUES {rows}", parts))
        store.track(one.table, keys=one.keys, features=one.features, event_time=time)


def _composed(text: Any, names: Mapping[str, Composable]) -> Composed:
    return SQL(text).format(**names)


def _value(row: int, place: int) -> int:
    """What a row holds in a column: no other row or column has it."""
    return 1000 * (row + 1) + place


def _halved(names: Sequence[str], where: str, tally: Tally, attempt: Callable[[list[str]], object]) -> None:
    """Tries all names at once, and halves of them where that fails. `attempt` gives what came out wrong."""
    try:
        wrong = attempt(list(names))
    except Exception as error:
        if len(names) > 1:
            middle = len(names) // 2
            for half in (names[:middle], names[middle:]):
                _halved(half, where, tally, attempt)
            return
        tally.tried += 1
        if not isinstance(error, fsdb.FsdbError) and not _postgresqls_own(error):
            tally.raw.append(f"{where}, {names}: {type(error).__name__}: {error}")
        return
    tally.tried += len(names)
    if wrong:
        tally.wrong.append(f"{where}, {wrong}")


def _read(store: fsdb.Store, engine: str, sets: Sequence[_Made], names: list[str], moment: str = _MOMENT) -> list[str]:
    """Which columns of a training set hold something else than was written. Keys are all asked for, features those of `names`."""
    columns = {key: [_value(row, place) for row in _ASKED] for one in sets for place, key in enumerate(one.keys)}
    extra = [] if sets[0].role in ("key", "feature") else names
    wanted: dict[str, list[int | None]] = {}
    for one in sets:
        for feature in names if one.role == "feature" else one.features:
            place = len(one.keys) + one.features.index(feature)
            wanted[f"{one.table}.{feature}"] = [_value(row, place) if row in _ROWS else None for row in _ASKED]
    spine = pa.table(
        {
            **{key: pa.array(values, pa.int32()) for key, values in columns.items()},
            moment: pa.array([_AT + timedelta(hours=1)] * len(_ASKED), pa.timestamp("us", "UTC")),
            **{name: pa.array([f"{name}{row}" for row in _ASKED]) for name in extra},
        }
    )
    built = store.training_set(
        spine=spine, features=list(wanted), timestamp=moment, engine=engine, known="now"
    ).to_arrow()
    expected = [*(column.to_pylist() for column in spine.columns), *wanted.values()]
    labels = [*spine.column_names, *wanted]
    came = [column.to_pylist() for column in built.columns]
    if len(came) != len(expected) or built.column_names[: spine.num_columns] != spine.column_names:
        return [f"columns {built.column_names}"]
    return [f"{label!r}: {found}" for label, found, right in zip(labels, came, expected, strict=True) if found != right]


def _read_timed(store: fsdb.Store, engine: str, sets: Sequence[_Made], names: list[str]) -> list[str]:
    """The same of those tables whose time column bears one of the names."""
    return _read(store, engine, [one for one in sets if one.names[0] in names], [])


def _vector(store: fsdb.Store, one: _Made, names: list[str]) -> list[str]:
    wanted = names if one.role == "feature" else one.features
    keys = {key: _value(1, place) for place, key in enumerate(one.keys)}
    vector = store.feature_vector([f"{one.table}.{feature}" for feature in wanted], keys)
    right = {feature: _value(1, len(one.keys) + one.features.index(feature)) for feature in wanted}
    return [f"{name!r}: {vector.get(name)}" for name in right if vector.get(name) != right[name]]


def _postgresqls_own(error: Exception) -> bool:
    """Whether PostgreSQL itself has no column of that name: the user's CREATE TABLE fails, not a call of fsdb's."""
    return isinstance(error, psycopg.errors.DuplicateColumn | psycopg.errors.SyntaxError)
