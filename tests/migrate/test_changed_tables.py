"""Plans for tables that their applications changed: what stands against them, what follows, and what is made again."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fsdb
from fsdb.columnar import rebuild
from fsdb.doctor import diagnose
from fsdb.errors import ChangeRefused, CopyBroken
from fsdb.migrate.changes import FollowTable, RemakeLiveTable
from fsdb.migrate.repair import left, repair
from fsdb.store import Store
from tests.conftest import TestDatabase

WEATHER = fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "integer")])


def _parcels(
    feature: str = "weight", kind: str = "integer", table: str = "parcels", time: str | None = "seen"
) -> fsdb.FeatureSet:
    return fsdb.FeatureSet(
        "parcels", keys={"id": "integer"}, features=[fsdb.Feature(feature, kind)], tracks=table, event_time=time
    )


@pytest.fixture
def store(database: TestDatabase):  # type: ignore[no-untyped-def]
    with fsdb.connect(database.url) as store:
        yield store


def _wrong(connection: psycopg.Connection) -> list[str]:
    return [check.name for check in diagnose(connection).checks if check.state == "wrong"]


def _tracked(store: Store, connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE parcels (id int PRIMARY KEY, weight int, seen timestamptz NOT NULL)")
    connection.execute("INSERT INTO parcels VALUES (1, 2, '2024-01-01')")
    store.apply([_parcels()])


def test_what_was_renamed_is_followed_where_the_definition_says_so(
    store: Store, connection: psycopg.Connection
) -> None:
    _tracked(store, connection)
    view = fsdb.TrainingView("loads", spine="SELECT 1 AS id, now() AS at", timestamp="at", features=["parcels.weight"])
    store.apply([_parcels(), view])
    connection.execute(
        "CREATE SCHEMA shop; ALTER TABLE parcels RENAME TO packages; ALTER TABLE packages SET SCHEMA shop"
    )
    connection.execute(
        "ALTER TABLE shop.packages RENAME weight TO grams; ALTER TABLE shop.packages RENAME seen TO since"
    )
    refused = " ".join(store.plan([_parcels()]).obstacles)
    assert "parcels is called shop.packages now" in refused
    assert "is called 'grams' now" in refused
    assert "is called 'since' now" in refused
    with pytest.raises(ChangeRefused, match="'grams' now"):
        store.apply([_parcels()])
    followed = _parcels("grams", table="shop.packages", time="since")
    plan = store.plan([followed])
    assert [type(change) for change in plan.changes] == [FollowTable]
    assert not plan.obstacles
    assert not plan.destructive
    store.apply([followed])
    assert not store.plan([followed])
    connection.execute("UPDATE shop.packages SET grams = 3, since = '2024-02-01'")
    rows = connection.execute("SELECT grams FROM parcels_history ORDER BY version_id").fetchall()
    assert rows == [(2,), (3,)]
    assert store.training_set("loads").to_arrow()["grams"].to_pylist() == [3]
    assert _wrong(connection) == []


def test_a_live_table_that_is_gone_is_made_again_from_history(store: Store, connection: psycopg.Connection) -> None:
    store.apply([WEATHER])
    connection.execute(
        "INSERT INTO weather VALUES ('JFK', 1), ('LGA', 2); UPDATE weather SET temp = 3 WHERE origin = 'JFK'"
    )
    connection.execute("DELETE FROM weather WHERE origin = 'LGA'")
    before = connection.execute("TABLE weather").fetchall()
    for mend in (lambda: store.apply([WEATHER]), lambda: repair(connection)):
        connection.execute("DROP TABLE weather")
        assert [type(change) for change in store.plan([WEATHER]).changes] == [RemakeLiveTable]
        assert _wrong(connection) == ["objects of feature set weather"]
        with connection.transaction():
            mend()
        assert connection.execute("TABLE weather").fetchall() == before
        assert left(connection) == []
        assert _wrong(connection) == []
        assert not store.plan([WEATHER])


def test_a_column_in_a_wider_type_is_widened_in_history(store: Store, connection: psycopg.Connection) -> None:
    _tracked(store, connection)
    connection.execute("ALTER TABLE parcels ALTER weight TYPE bigint")
    assert "define feature parcels.weight as bigint" in " ".join(store.plan([_parcels()]).obstacles)
    store.apply([_parcels(kind="bigint")])
    connection.execute("UPDATE parcels SET weight = 5000000000, seen = now()")
    assert store.feature_vector(["parcels.weight"], {"id": 1})["weight"] == 5000000000


@pytest.mark.parametrize(
    ("kind", "value", "shown", "first"),
    [
        ("numeric(13,3)", Decimal("2.455"), Decimal("2.455"), "definition"),
        ("numeric(12,2)", Decimal("0.25"), Decimal("0.25"), "application"),
        ("numeric", Decimal("1e12"), "1000000000000", "definition"),
        ("double precision", 0.1, 0.1, "definition"),
    ],
)
def test_whole_numbers_become_numbers_of_another_kind(
    database: TestDatabase,
    connection: psycopg.Connection,
    tmp_path: Path,
    kind: str,
    value: Any,
    shown: Any,
    first: str,
) -> None:
    """Live table, history, vectors, and each engine have what was written; what was saved before is built again as it was."""
    with fsdb.connect(database.url, warehouse=str(tmp_path)) as store:
        connection.execute(
            "CREATE TABLE parcels (id int PRIMARY KEY, weight int); INSERT INTO parcels VALUES (1, 2), (2, NULL)"
        )
        store.track("parcels")
        spine = "SELECT id, timestamptz '2100-01-01Z' AS at FROM generate_series(1, 3) id ORDER BY 1"
        asked: dict[str, Any] = {"spine": spine, "features": ["parcels.weight"], "timestamp": "at", "known": "now"}
        before = store.training_set(**asked)
        store.sync()
        before.save("kept")
        # The definition may go first, or the application.
        steps = [
            lambda: connection.execute(f"ALTER TABLE parcels ALTER weight TYPE {kind}"),
            lambda: store.apply([_parcels(kind=kind, time=None)]),
        ]
        for step in steps if first == "application" else reversed(steps):
            step()
            if first == "definition":
                connection.execute(
                    "UPDATE parcels SET weight = 3 WHERE id = 2; UPDATE parcels SET weight = NULL WHERE id = 2"
                )
        connection.execute("UPDATE parcels SET weight = %s WHERE id = 1", [value])
        assert store.feature_vector(["parcels.weight"], {"id": 1})["weight"] == value
        assert connection.execute("SELECT weight FROM parcels_history WHERE id = 1 ORDER BY version_id").fetchall() == [
            (2,),
            (value,),
        ]
        for made_anew in (False, True):
            for engine in ("postgres", "duckdb"):
                if engine == "postgres" or made_anew:
                    assert store.load_training_set("kept").verify(engine) == before.content_hash
                    now = store.training_set(**asked, engine=engine).to_arrow()["weight"].to_pylist()
                    assert now == [shown, None, None]
                else:
                    with pytest.raises(CopyBroken, match="fsdb sync --rebuild parcels"):
                        store.training_set(**asked, engine=engine)
            rebuild(database.url, "parcels", warehouse=str(tmp_path))


def test_several_features_leave_with_their_columns(store: Store, connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, b int, c int)")
    store.track("app")
    connection.execute("ALTER TABLE app DROP a, DROP b")
    rest = fsdb.FeatureSet("app", keys={"k": "integer"}, features=[fsdb.Feature("c", "integer")], tracks="app")
    store.apply([rest], allow_destructive=True)
    connection.execute("INSERT INTO app VALUES (1, 2)")
    assert _wrong(connection) == []


def test_more_sets_than_one_transaction_drops(
    store: Store, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsdb.migrate.applying.most_drops", lambda _connection: 2)
    sets = [fsdb.FeatureSet(f"s{n}", keys={"k": "integer"}, features=[fsdb.Feature("v", "integer")]) for n in range(5)]
    store.apply([*sets, WEATHER])
    made = store.apply([WEATHER], prune=True, allow_destructive=True)
    assert len(made.changes) == 5
    assert not store.plan([WEATHER], prune=True)
    assert connection.execute("SELECT count(*) FROM pg_class WHERE relname ~ '^s[0-4]$'").fetchone() == (0,)


def test_sequences_that_are_behind(store: Store, connection: psycopg.Connection, database: TestDatabase) -> None:
    """As after a restore of rows alone, or where they came by logical replication."""
    store.apply([WEATHER])
    connection.execute("INSERT INTO weather VALUES ('JFK', 1), ('LGA', 2)")
    connection.execute("DELETE FROM weather WHERE origin = 'LGA'")
    for value, called in ((1, True), (3, False)):
        connection.execute("SELECT setval('fsdb_history.\"weather:version_id\"', %s, %s)", (value, called))
        assert _wrong(connection) == ["sequences"]
        with database.connect() as fresh, pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="upgrade"):
            fresh.execute("UPDATE weather SET temp = 9")
        if called:
            store.repair("weather", "live")
        else:
            with connection.transaction():
                assert repair(connection) == ["sequence weather:version_id"]
        assert _wrong(connection) == []
    with database.connect() as fresh:
        fresh.execute("UPDATE weather SET temp = 9")
    last = connection.execute("SELECT max(version_id), count(*) FROM fsdb_history.weather").fetchone()
    assert last == (4, 4)
