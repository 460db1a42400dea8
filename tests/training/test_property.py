"""Random histories and spines against the brute-force as-of: joins, saved sets, views, vectors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.training import build, load, register_view, save, verify
from fsdb.vectors import feature_vector, feature_vectors
from tests.conftest import TestDatabase
from tests.training.made import made_set, put
from tests.training.oracle import expected, late_values
from tests.training.strategies import KEYS, MOMENTS, RandomSet, random_set, random_sets, spines

pytestmark = pytest.mark.slow
PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SCHEMA = pa.schema(
    [("a", pa.int64()), ("b", pa.int16()), ("c", pa.string()), ("at", pa.timestamp("us", "UTC")), ("n", pa.int64())]
)


@pytest.fixture(scope="module")
def session(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    """One connection for all examples; each is rolled back."""
    with module_database.connect() as connection:
        yield connection


@contextmanager
def written(connection: psycopg.Connection, sets: Sequence[RandomSet]) -> Iterator[list[str]]:
    """The sets in the database, for a block; gives the features' references."""
    with connection.transaction(force_rollback=True):
        for one in sets:
            features = [Feature("x", "real"), Feature("y", "bigint", default=one.default)]
            keys = {column: KEYS[column][0] for column in one.keys}
            put(
                connection,
                made_set(connection, FeatureSet(one.name, keys, features, max_age=one.max_age)),
                one.versions,
            )
        yield [f"{one.name}.{feature}" for one in sets for feature in ("x", "y")]


def rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Values of reals as float32 has them."""
    return [{k: pa.scalar(v, pa.float32()).as_py() if k.endswith("__x") else v for k, v in row.items()} for row in rows]


@PROPERTY
@given(sets=random_sets(), spine=spines(), known=st.one_of(st.sampled_from(["now", "then"]), MOMENTS))
def test_a_training_set_is_what_brute_force_finds(
    session: psycopg.Connection, sets: list[RandomSet], spine: list[dict[str, Any]], known: str | datetime
) -> None:
    histories = [one.history for one in sets]
    with written(session, sets) as features:
        table = pa.Table.from_pylist(spine, SCHEMA)
        built = build(session, spine=table, features=features, timestamp="at", known=known)
        rows = [{name: row[name] for name in SCHEMA.names} for row in spine]
        assert built.to_arrow().to_pylist() == rounded(expected(rows, "at", histories, known))
        if known == "now":
            assert built.late_values == late_values(rows, "at", histories)
        if known == "then":
            assert built.late_values == 0


@PROPERTY
@given(
    sets=random_sets(),
    spine=spines(),
    more=random_set("later"),
    known=st.one_of(st.sampled_from(["now", "then"]), MOMENTS),
)
def test_a_saved_set_stays_what_it_was(
    session: psycopg.Connection,
    sets: list[RandomSet],
    spine: list[dict[str, Any]],
    more: RandomSet,
    known: str | datetime,
) -> None:
    with written(session, sets) as features:
        before = build(
            session, spine=pa.Table.from_pylist(spine, SCHEMA), features=features, timestamp="at", known=known
        )
        save(session, before, "kept")
        for one in sets:
            if one.keys == more.keys or len(one.keys) == 1:
                session.execute(
                    psycopg.sql.SQL(
                        "INSERT INTO {0} ({1}, x, event_time, recorded_at, deleted) SELECT {1}, x + 1, event_time, recorded_at, NOT deleted FROM {0}"
                    ).format(
                        psycopg.sql.Identifier("fsdb_history", one.name),
                        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, one.keys)),
                    )
                )
            session.execute("UPDATE fsdb.feature_sets SET max_age = '2 hours'")
            session.execute("UPDATE fsdb.features SET default_value = '3' WHERE name = 'y'")
        assert verify(session, load(session, "kept").saved) == before.content_hash
        again = build(
            session, spine=pa.Table.from_pylist(spine, SCHEMA), features=features, timestamp="at", known=known
        )
        assert again.num_rows == before.num_rows


@PROPERTY
@given(sets=random_sets(), spine=spines())
def test_a_view_is_what_the_sdk_builds(
    session: psycopg.Connection, sets: list[RandomSet], spine: list[dict[str, Any]]
) -> None:
    with written(session, sets) as features:
        session.execute("CREATE TABLE spine (a smallint, b bigint, c text, at timestamptz, n int)")
        for row in spine:
            session.execute("INSERT INTO spine VALUES (%(a)s, %(b)s, %(c)s, %(at)s, %(n)s)", row)
        register_view(session, TrainingView("random", "SELECT * FROM spine ORDER BY n", "at", features))
        wanted = rounded(
            expected(
                [{k: row[k] for k in ("a", "b", "c", "at", "n")} for row in spine], "at", [s.history for s in sets]
            )
        )
        assert build(session, "random").to_arrow().to_pylist() == wanted
        cursor = session.cursor(row_factory=psycopg.rows.dict_row, binary=True)
        assert cursor.execute("SELECT * FROM random_training").fetchall() == wanted


@PROPERTY
@given(
    sets=random_sets(st.one_of(MOMENTS, st.just(datetime(9999, 12, 30, tzinfo=UTC)))),
    keys=st.lists(
        st.fixed_dictionaries({column: values for column, (_, values) in KEYS.items()}), min_size=1, max_size=4
    ),
)
def test_vectors_are_what_brute_force_finds_now(
    session: psycopg.Connection, sets: list[RandomSet], keys: list[dict[str, Any]]
) -> None:
    histories = [one.history for one in sets]
    used = {column for one in sets for column in one.keys}
    entities = [{column: key[column] for column in sorted(used)} for key in keys]
    now = datetime.now(UTC)
    wanted = rounded(expected([{**key, "at": now} for key in entities], "at", histories))
    found = [all(rows_found(one, tuple(key[column] for column in one.keys), now) for one in sets) for key in entities]
    vectors = [
        {name: value for name, value in row.items() if "__" in name} | {"found": there}
        for row, there in zip(wanted, found, strict=True)
    ]
    with written(session, sets) as features:
        assert [feature_vector(session, features, key) for key in entities] == vectors
        assert feature_vectors(session, features, entities).to_pylist() == vectors


def rows_found(one: RandomSet, key: tuple[Any, ...], now: datetime) -> bool:
    """Whether the set has the entity: its newest version so far is no tombstone."""
    past = [v for v in one.versions if v.key == key and v.event_time <= now]
    return bool(past) and not max(past, key=lambda v: (v.event_time, v.version_id)).deleted


def test_the_strategies_make_what_matters() -> None:
    seen = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(sets=random_sets(), spine=spines())
    def look(sets: list[RandomSet], spine: list[dict[str, Any]]) -> None:
        rows = expected(spine, "at", [one.history for one in sets])
        for one in sets:
            for row in rows:
                key = tuple(row[column] for column in one.keys)
                ages = [row["at"] - v.event_time for v in one.versions if v.key == key]
                seen.add("edge") if one.max_age in ages else None
                seen.add("tie") if {a for a in ages if ages.count(a) > 1} else None
                seen.add("value") if row[f"{one.name}__x"] is not None else None
                seen.add("late") if any(
                    v.recorded_at > row["at"] >= v.event_time for v in one.versions if v.key == key
                ) else None
        seen.update("null" for row in rows if row["a"] is None)

    look()
    assert seen == {"edge", "tie", "value", "late", "null"}
