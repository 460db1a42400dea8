"""How fsdb takes what it was not meant for: every public call with wrong arguments, and every odd name on every engine.

`tried` counts what was done; `raw_errors` what ended in an error that is no sentence of fsdb's; `wrong_values` what came out other than
plain Python says. A name may be refused by a sentence, and then has no value to be wrong.
"""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

import fsdb
from bench.report import Case, within
from tests.hostile.calls import definitions, make_world
from tests.hostile.tried import tried
from tests.names import NAMES

_AT = datetime(2024, 2, 1, tzinfo=UTC)
_KEYS = (1, 2, 3)


@dataclass
class _Tally:
    """What was tried, and what of it went wrong."""

    tried: int = 0
    raw: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def cases(self, part: str = "") -> Iterator[Case]:
        yield Case("hostile", f"{part}tried", self.tried, "cases", None, None, "", True)
        yield within("hostile", f"{part}raw_errors", len(self.raw), unit="cases", target=0)
        yield within("hostile", f"{part}wrong_values", len(self.wrong), unit="cases", target=0)


def run(url: str, spark: bool = False, verbose: bool = False) -> Iterator[Case]:
    """Cases for the calls, for the names, and for both together. spark: on that engine, too. verbose: names what went wrong."""
    engines = ("postgres", "duckdb", "spark") if spark else ("postgres", "duckdb")
    calls, names = _Tally(), _Tally()
    os.environ["FSDB_URL"] = "postgresql://127.0.0.1:1/none"  # what connect() without a URL goes to
    with (
        warnings.catch_warnings(action="ignore"),
        tempfile.TemporaryDirectory() as warehouse,
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),  # where to_parquet("weather") writes
        fsdb.connect(url, warehouse=warehouse) as store,
    ):
        for call in [*definitions(), *make_world(store)]:
            for outcome in tried(call, store if call.name.partition(".")[0] in _HANDLES else None):
                calls.tried += 1
                if outcome.raw:
                    calls.raw.append(str(outcome))
        made = [one for number, name in enumerate(NAMES) for one in _made(store, f"odd_{number}", name, names)]
        store.sync([table for table, _ in made])
        for table, (key, feature, extra) in made:
            for engine in engines:
                _read(store, table, (key, feature, extra), _spine(key, extra), engine, names)
            _vector(store, table, key, feature, names)
    yield from calls.cases("calls_")
    yield from names.cases("names_")
    yield from _Tally(calls.tried + names.tried, calls.raw + names.raw, calls.wrong + names.wrong).cases()
    if verbose:
        for one in [*calls.raw, *names.raw, *names.wrong]:
            yield Case("hostile", one, 1, "case", None, None, "", False)


_HANDLES = ("Store", "Deployment", "TrainingSet", "SavedTrainingSet")


def _made(store: fsdb.Store, table: str, name: str, tally: _Tally) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Tracked tables with the name as their key and as their feature, and one whose spine has it; with key, feature and spine column."""
    for role in ("key", "feature", "spine"):
        key = name if role == "key" else "entity"
        feature = name if role == "feature" else "value"
        extra = name if role == "spine" else "more"
        if len({key, feature, extra, "moment_of_row"}) < 4:
            continue
        tracked = f"{table}_{role}"
        try:
            _make(store, tracked, key, feature)
        except (fsdb.FsdbError, psycopg.Error) as error:
            tally.tried += 1
            if not isinstance(error, fsdb.FsdbError) and not _postgresqls_own(error):
                tally.raw.append(f"{role} {name!r}: {type(error).__name__}: {error}")
            continue
        yield tracked, (key, feature, extra)


def _spine(key: str, extra: str) -> pa.Table:
    moments = pa.array([_AT + timedelta(hours=1)] * 3, pa.timestamp("us", "UTC"))
    return pa.table({key: pa.array([3, 1, 4], pa.int32()), "moment_of_row": moments, extra: pa.array(["x", "y", "z"])})


def _make(store: fsdb.Store, table: str, key: str, feature: str) -> None:
    names = {"table": Identifier(table), "key": Identifier(key), "feature": Identifier(feature)}
    with store.transaction() as connection:
        connection.execute(
            _composed("CREATE TABLE {table} ({key} int PRIMARY KEY, {feature} int, seen timestamptz)", names)
        )
        # Without parameters: a name with a percent sign would be read as one.
        values = {"at": Literal(_AT), "keys": Literal(list(_KEYS))}
        insert = "INSERT INTO {table} ({key}, {feature}, seen) SELECT n, n * 10, {at} FROM unnest({keys}::int[]) n"
        connection.execute(_composed(insert, {**names, **values}))
        store.track(table, keys=[key], features=[feature], event_time="seen")


def _composed(text: Any, names: Mapping[str, Composable]) -> Composed:
    return SQL(text).format(**names)


def _read(
    store: fsdb.Store, table: str, names: tuple[str, str, str], spine: pa.Table, engine: str, tally: _Tally
) -> None:
    _, feature, _ = names
    tally.tried += 1
    where = f"{engine}, {table}, {names}"
    try:
        built = store.training_set(
            spine=spine, features=[f"{table}.{feature}"], timestamp="moment_of_row", engine=engine, known="now"
        ).to_arrow()
    except fsdb.FsdbError:
        return
    except Exception as error:
        tally.raw.append(f"{where}: {type(error).__name__}: {error}")
        return
    came = [column.to_pylist() for column in built.columns]
    expected = [*(spine[name].to_pylist() for name in spine.column_names), [30, 10, None]]
    if built.column_names != [*spine.column_names, feature] or came != expected:
        tally.wrong.append(f"{where}: {built.column_names} {came}")


def _vector(store: fsdb.Store, table: str, key: str, feature: str, tally: _Tally) -> None:
    tally.tried += 1
    try:
        vector = store.feature_vector([f"{table}.{feature}"], {key: 2})
    except fsdb.FsdbError:
        return
    except Exception as error:
        tally.raw.append(f"vector, {table}, {key!r}, {feature!r}: {type(error).__name__}: {error}")
        return
    if vector != {feature: 20, "found": True}:
        tally.wrong.append(f"vector, {table}, {key!r}, {feature!r}: {vector}")


def _postgresqls_own(error: psycopg.Error) -> bool:
    """Whether PostgreSQL itself has no column of that name: the user's CREATE TABLE fails, not a call of fsdb's."""
    return isinstance(error, psycopg.errors.DuplicateColumn | psycopg.errors.SyntaxError)
