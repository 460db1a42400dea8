"""Row security of live tables holds wherever history is read (invariant 22): held against what the reader may see live, one row at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.doctor import diagnose
from fsdb.migrate.repair import repair
from tests.conftest import TestDatabase
from tests.engines.spark_session import spark  # noqa: F401 - a fixture

DAY = datetime(2024, 1, 1, tzinfo=UTC)
IDS = range(1, 13)
SPINE = "SELECT id, timestamptz '2024-01-01' + id % 4 * interval '1 day' + interval '1 hour' AS at FROM generate_series(1, 14) id"
FEATURES = ["account.balance", "account.region"]
SETS = [
    fsdb.FeatureSet(
        "account",
        keys={"id": sa.BigInteger},
        features=[
            fsdb.Feature("balance", sa.BigInteger),
            fsdb.Feature("region", sa.Text),
            fsdb.Feature("clerk", sa.Text),
        ],
    ),
    fsdb.FeatureSet(
        "other.odd",
        keys={"the_key": sa.Text, "day": sa.Date},
        features=[fsdb.Feature("small", sa.Integer)],
    ),
]
VIEW = fsdb.TrainingView("seen", spine="SELECT id, at FROM asked", timestamp="at", features=FEATURES)

# What is written on the live table for the reader, and the others that stand beside it.
POLICIES = {
    "by key": ["CREATE POLICY p ON account TO {reader} USING (id <= 5)"],
    "by a feature that changes": ["CREATE POLICY p ON account USING (region = 'north')"],
    "by who reads": ["CREATE POLICY p ON account FOR SELECT USING (clerk = current_user)"],
    "by another table": [
        "CREATE POLICY p ON account TO {reader} USING (id IN (SELECT a.id FROM allowed a WHERE a.who = current_user))"
    ],
    "restrictive": [
        "CREATE POLICY p ON account TO {reader} USING (true)",
        "CREATE POLICY q ON account AS RESTRICTIVE USING (id % 3 = 0)",
    ],
    "for all commands, of a group": [
        "CREATE POLICY p ON account FOR ALL TO {group} USING (balance > 60) WITH CHECK (false)"
    ],
    "for others alone": ["CREATE POLICY p ON account TO {other} USING (true)"],
}


@dataclass(frozen=True)
class World:
    """A database of a superuser with a reader, who is in a group, and another user; both may read all tables."""

    database: TestDatabase
    names: dict[str, str]
    warehouse: Path

    def connect(self, who: str) -> psycopg.Connection:
        return psycopg.connect(make_conninfo(self.database.url, user=self.names[who]), autocommit=True)

    def store(self, who: str | None = None) -> fsdb.Store:
        url = self.database.url if who is None else make_conninfo(self.database.url, user=self.names[who])
        return fsdb.connect(url, warehouse=str(self.warehouse))

    def run(self, *statements: str) -> None:
        """As the owner, with the roles' names filled in."""
        roles = {role: Identifier(name) for role, name in self.names.items()}
        with self.database.connect() as connection:
            for statement in statements:
                connection.execute(SQL(statement).format(**roles))


@pytest.fixture(scope="module")
def world(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    names = {role: f"{role} {uuid4().hex[:8]}" for role in ("reader", "other", "group")}
    made = World(module_database, names, tmp_path_factory.mktemp("warehouse"))
    made.run(*(f"CREATE ROLE {{{role}}} LOGIN" for role in names), "GRANT {group} TO {reader}")
    with made.store() as store:
        store.apply(SETS)
        with store.transaction() as connection:
            _write(connection, names["reader"])
        store.apply([*SETS, VIEW])
        store.sync()
    schemas = "public, other, fsdb, fsdb_history, fsdb_training, fsdb_iceberg"
    for role in ("reader", "other"):
        made.run(
            f"GRANT USAGE ON SCHEMA {schemas} TO {{{role}}}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO {{{role}}}",
        )
    yield made
    made.run(*(f"DROP OWNED BY {{{role}}}" for role in names), *(f"DROP ROLE {{{role}}}" for role in names))


def _write(connection: psycopg.Connection, clerk: str) -> None:
    """Four days of changes: regions and balances move, two entities are deleted, one of them comes back."""
    connection.execute("CREATE TABLE allowed (who text, id bigint)")
    connection.execute("CREATE TABLE asked (id bigint, at timestamptz)")
    connection.execute(f"INSERT INTO asked {SPINE}")
    connection.execute("INSERT INTO allowed VALUES (%s, 2), (%s, 7), ('nobody', 3)", (clerk, clerk))
    for day in range(4):
        for number in IDS:
            region = "north" if (number + day) % 3 else "south"
            connection.execute(
                "INSERT INTO account VALUES (%s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET "
                "balance = excluded.balance, region = excluded.region, clerk = excluded.clerk, event_time = excluded.event_time",
                (number, number * 10 + day, region, clerk if number % 4 == 1 else "nobody", DAY + timedelta(days=day)),
            )
    connection.execute("DELETE FROM account WHERE id IN (4, 5)")
    connection.execute("INSERT INTO account VALUES (5, 1, 'north', 'nobody', now())")
    connection.execute(
        """INSERT INTO other.odd SELECT chr(96 + g), date '2024-01-01' + g, g, '2024-01-01' FROM generate_series(1, 6) g"""
    )


@pytest.fixture
def policed(world: World) -> Iterator[World]:
    """Row security on account; no policy on it or on its history is left afterwards."""
    world.run("ALTER TABLE account ENABLE ROW LEVEL SECURITY")
    yield world
    with world.database.connect() as connection:
        found = connection.execute(
            "SELECT polname, polrelid::regclass::text FROM pg_policy WHERE polname <> 'fsdb_versions'"
        ).fetchall()
        for policy, table in found:
            connection.execute(SQL("DROP POLICY {} ON {}").format(Identifier(policy), SQL(table)))
        connection.execute("ALTER TABLE account DISABLE ROW LEVEL SECURITY")


def _rows(connection: psycopg.Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(statement, values or None).fetchall()


def _expected(world: World, ids: set[int]) -> list[tuple[Any, ...]]:
    """The spine's rows in order, each with the values that one owner's read of history has for it, for these entities alone."""
    with world.database.connect() as connection:
        spine = _rows(connection, f"{SPINE} ORDER BY id")
        versions = _rows(connection, "SELECT id, event_time, version_id, balance, region, deleted FROM account_history")
    rows = []
    for number, at in spine:
        known = [one for one in versions if one[0] == number and one[1] <= at]
        newest = max(known, key=lambda one: (one[1], one[2]), default=None)
        there = newest is not None and not newest[5] and number in ids
        rows.append((number, newest[3] if there and newest else None, newest[4] if there and newest else None))
    return rows


def _built(store: fsdb.Store, engine: str, features: list[str] | None = None) -> list[tuple[Any, ...]]:
    table = store.training_set(
        spine=SPINE, features=features or FEATURES, timestamp="at", known="now", engine=engine
    ).table
    return sorted(zip(*(table.column(name).to_pylist() for name in ("id", "balance", "region")), strict=True))


@pytest.mark.filterwarnings("ignore::fsdb.errors.NothingMatched")
@pytest.mark.parametrize("policy", POLICIES)
def test_history_shows_the_entities_that_are_seen_live(policed: World, policy: str) -> None:
    world = policed
    world.run(*POLICIES[policy])
    with world.connect("reader") as reader, world.store("reader") as store, world.database.connect() as owner:
        ids = {number for (number,) in _rows(reader, "SELECT id FROM account")}
        assert ids != set(IDS) - {4}
        everything = _rows(owner, "SELECT * FROM account_history ORDER BY version_id")
        wanted = [row for row in everything if row[1] in ids]
        assert _rows(reader, "SELECT * FROM account_history ORDER BY version_id") == wanted
        assert _rows(reader, "SELECT count(*) FROM fsdb_history.account") == [(len(wanted),)]
        for at in ("2024-01-02 12:00Z", "infinity"):
            past = "SELECT * FROM account_as_of(%s) ORDER BY id"
            assert _rows(reader, past, at) == [row for row in _rows(owner, past, at) if row[0] in ids]
        expected = _expected(world, ids)
        for engine in ("postgres", "auto"):
            assert _built(store, engine) == expected
        assert sorted(_rows(reader, "SELECT id, balance, region FROM seen_training")) == expected
        for number in (1, 2, 3, 6):
            now = (
                _rows(owner, "SELECT balance, region FROM account WHERE id = %s", number)[0]
                if number in ids
                else (None, None)
            )
            assert _rows(reader, "SELECT balance, region, found FROM seen_vector(%s)", number) == [
                (*now, number in ids)
            ]
            vector = store.feature_vector(FEATURES, {"id": number})
            assert (vector["balance"], vector["region"], vector["found"]) == (*now, number in ids)
        found = store.feature_vectors(FEATURES, [{"id": number} for number in IDS]).column("found").to_pylist()
        assert found == [number in ids for number in IDS]
        with pytest.raises(fsdb.EngineUnavailable, match="row security hides versions of account from reader"):
            _built(store, "duckdb")


def test_who_is_under_no_policy_sees_all_on_every_engine(policed: World) -> None:
    policed.run("ALTER TABLE account DISABLE ROW LEVEL SECURITY")
    expected = _expected(policed, set(IDS))
    with policed.store("reader") as store, policed.connect("reader") as reader:
        for engine in ("postgres", "duckdb"):
            assert _built(store, engine) == expected
        reader.execute(
            "SET enable_seqscan = off"
        )  # of a few rows, which some versions read whole: the rule must let the index be used
        plan = "\n".join(line for (line,) in _rows(reader, "EXPLAIN SELECT * FROM account_as_of(now()) WHERE id = 3"))
        assert _rows(reader, "SELECT fsdb.sees_all_versions('account')") == [(True,)]
        policed.run("ALTER TABLE account ENABLE ROW LEVEL SECURITY")  # holds at once, in sessions that are open
        assert _built(store, "postgres") == _expected(policed, set())
        assert _rows(reader, "SELECT count(*) FROM account_history") == [(0,)]
    assert "account:newest" in plan


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_spark_reads_no_copy_for_who_does_not_see_it_all(policed: World) -> None:
    policed.run(
        "CREATE POLICY p ON account TO {reader} USING (id = 2)", "CREATE POLICY o ON account TO {other} USING (true)"
    )
    with (
        policed.store("reader") as store,
        pytest.raises(fsdb.EngineUnavailable, match=r"Engine 'spark' .* row security hides"),
    ):
        _built(store, "spark")
    policed.run("ALTER TABLE account DISABLE ROW LEVEL SECURITY")
    with policed.store("other") as store:
        assert _built(store, "spark") == _expected(policed, set(IDS))


def test_a_policy_on_history_takes_the_place_of_the_rule(policed: World) -> None:
    world = policed
    world.run(
        "CREATE POLICY p ON account TO {reader} USING (id <= 3)",
        "CREATE POLICY h ON fsdb_history.account TO {reader} USING (id IN (4, 6))",
    )
    with world.connect("reader") as reader, world.store("reader") as store, world.database.connect() as owner:
        counts = "SELECT id, count(*) FROM account_history WHERE id IN (4, 6) GROUP BY id ORDER BY id"
        assert _rows(reader, "SELECT id, count(*) FROM account_history GROUP BY id ORDER BY id") == _rows(owner, counts)
        assert _built(store, "auto") == _expected(world, {4, 6})
        with pytest.raises(fsdb.EngineUnavailable, match="row security"):
            _built(store, "duckdb")
        world.run("DROP POLICY h ON fsdb_history.account", "ALTER TABLE account DISABLE ROW LEVEL SECURITY")
        world.run("CREATE POLICY r ON fsdb_history.account AS RESTRICTIVE TO {group} USING (id > 9)")
        assert _built(store, "auto") == _expected(world, {10, 11, 12})
        with pytest.raises(fsdb.EngineUnavailable, match="row security"):
            _built(store, "duckdb")


def test_doctor_names_a_policy_on_features(policed: World) -> None:
    policed.run("CREATE POLICY h ON fsdb_history.account TO {reader} USING (region = 'north')")
    with policed.database.connect() as connection:
        checks = {check.name: check for check in diagnose(connection).checks}
    assert checks["policies on history of account"].found == "h reads region, which is not a key"


def test_a_reader_without_the_live_table_is_told(policed: World) -> None:
    policed.run("REVOKE SELECT ON account FROM {reader}")
    try:
        with (
            policed.store("reader") as store,
            pytest.raises(fsdb.RightMissing, match=r"lacks SELECT on table (public\.)?account"),
        ):
            _built(store, "postgres")
    finally:
        policed.run("GRANT SELECT ON account TO {reader}")


def test_what_needs_every_version_is_refused(policed: World) -> None:
    """A saved set is not called different, nothing is copied or compared in part."""
    world = policed
    with world.store() as store:
        saved = store.training_set(spine=SPINE, features=FEATURES, timestamp="at", known="now", engine="postgres").save(
            f"kept_{uuid4().hex[:8]}"
        )
    world.run("GRANT SELECT ON ALL TABLES IN SCHEMA fsdb_training TO {reader}", "GRANT ALL ON account TO {reader}")
    world.run(
        "GRANT ALL ON ALL TABLES IN SCHEMA fsdb, fsdb_iceberg TO {reader}",
        "CREATE POLICY p ON account TO {reader} USING (id <= 5)",
    )
    with world.store("reader") as store:
        hidden = store.load_training_set(saved.name)
        for call in (
            lambda: hidden.verify("postgres"),
            lambda: hidden.verify("duckdb"),
            hidden.rebuild,
            lambda: store.sync(["account"]),
            lambda: store.ingest("account", pa.table({"id": [1], "balance": [1]})),
            lambda: store.delete("account", [{"id": 1}], DAY),
        ):
            with pytest.raises(
                fsdb.RightMissing, match="needs every version, and row security hides versions of account from reader"
            ):
                call()
        with pytest.raises(fsdb.FsdbError, match="does not see every row"):
            store.repair("account")


def test_search_paths_and_settings_of_the_reader_open_nothing(policed: World) -> None:
    """What a reader plants in its own schemas is not asked, and row_security = off is an error."""
    world = policed
    world.run("CREATE POLICY p ON account TO {reader} USING (id <= 2)")
    world.run("CREATE SCHEMA IF NOT EXISTS planted", "GRANT ALL ON SCHEMA planted TO {reader}")
    with world.connect("reader") as reader:
        reader.execute("SET search_path = planted, pg_temp, public, pg_catalog")
        for name in ("row_security_active(oid)", "row_security_active(text)"):
            reader.execute(f"CREATE FUNCTION planted.{name} RETURNS boolean LANGUAGE sql AS 'SELECT false'")
        reader.execute("CREATE FUNCTION planted.yes(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        reader.execute("CREATE OPERATOR planted.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = planted.yes)")
        reader.execute("CREATE TEMP TABLE account AS SELECT generate_series(1, 99)::bigint AS id")
        reader.execute("CREATE TEMP TABLE pg_policy (polrelid oid)")
        assert _rows(reader, "SELECT DISTINCT id FROM fsdb_history.account ORDER BY id") == [(1,), (2,)]
        reader.execute(
            "CREATE FUNCTION planted.told(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        told: list[str] = []
        reader.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        reader.execute("SELECT FROM fsdb_history.account WHERE planted.told(id)")
        assert set(told) == {"1", "2"}
        reader.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            reader.execute("SELECT FROM fsdb_history.account")
    world.run("DROP SCHEMA planted CASCADE")


def test_keys_of_several_columns_in_another_schema(world: World) -> None:
    world.run("""ALTER TABLE other.odd ENABLE ROW LEVEL SECURITY""")
    world.run("""CREATE POLICY p ON other.odd TO {reader} USING (small IN (2, 4))""")
    try:
        with world.connect("reader") as reader:
            found = _rows(reader, """SELECT the_key, day::text FROM other.odd_history ORDER BY 1""")
            assert found == [("b", "2024-01-03"), ("d", "2024-01-05")]
    finally:
        world.run("""DROP POLICY p ON other.odd """, """ALTER TABLE other.odd DISABLE ROW LEVEL SECURITY""")


def test_row_security_of_history_that_was_switched_off_comes_back(policed: World) -> None:
    policed.run("CREATE POLICY p ON account TO {reader} USING (id <= 2)")
    with policed.store() as store, policed.connect("reader") as reader:
        for change in (
            "ALTER TABLE fsdb_history.account DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE fsdb_history.account FORCE ROW LEVEL SECURITY",
            "DROP POLICY fsdb_versions ON fsdb_history.account",
            "ALTER POLICY fsdb_versions ON fsdb_history.account TO {other}",
        ):
            policed.run(change)
            states = {one.name: one.state for one in store.status().objects if one.state != "installed"}
            assert list(states) == ["fsdb_versions of fsdb_history.account"]
            with policed.database.connect() as owner:
                assert repair(owner) == ["feature set account"]
            assert {one.state for one in store.status().objects} == {"installed"}
            assert _rows(reader, "SELECT DISTINCT id FROM account_history ORDER BY id") == [(1,), (2,)]


def test_a_renamed_live_table_still_decides_and_a_missing_one_shows_nothing(policed: World) -> None:
    world = policed
    with world.connect("reader") as reader:
        world.run("ALTER TABLE account RENAME TO accounts")
        try:
            with pytest.raises(psycopg.errors.UndefinedTable):
                reader.execute("SELECT FROM fsdb_history.account")
            world.run("ALTER TABLE accounts DISABLE ROW LEVEL SECURITY")
            assert len(_rows(reader, "SELECT FROM fsdb_history.account")) > 40
        finally:
            world.run("ALTER TABLE accounts RENAME TO account")
        with world.database.connect() as owner, owner.transaction(force_rollback=True):
            owner.execute("DROP TABLE account CASCADE")
            owner.execute(SQL("SET LOCAL ROLE {}").format(Identifier(world.names["reader"])))
            with pytest.raises(psycopg.errors.UndefinedTable, match="is gone, and its policies said what"):
                owner.execute("SELECT FROM fsdb_history.account")


def test_predictions_under_a_policy(policed: World) -> None:
    """Whoever inserts, the model is given all features; what was recorded is shown as far as its versions may be seen."""
    world = policed
    world.run("CREATE POLICY p ON account TO {reader} USING (id <= 2)")
    world.run("GRANT ALL ON ALL TABLES IN SCHEMA fsdb TO {reader}")
    given = pd.DataFrame({"balance": [10.0, 20.0, 60.0, 70.0]})
    with world.store() as store:
        fitted = LinearRegression().fit(given, given.balance * 2)
        store.register_model("twice", fitted, inputs={"balance": "account.balance"}, rows=given)
        deployment = store.deploy("twice", table="doubled")
        world.run("GRANT SELECT, INSERT ON doubled TO {reader}")
        with world.connect("reader") as reader:
            made = _rows(reader, "INSERT INTO doubled (id) VALUES (2), (7) RETURNING prediction_id, prediction")
            assert [round(prediction) for _, prediction in made] == [46, 146]
            (seen, _), (hidden, _) = made
            assert len(_rows(reader, "SELECT * FROM fsdb.prediction_lineage('doubled', %s)", seen)) == 1
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"does not see version .* row security"):
                _rows(reader, "SELECT * FROM fsdb.prediction_lineage('doubled', %s)", hidden)
        with world.store("reader") as store_of_reader:
            handle = store_of_reader.deployment("doubled")
            assert len(handle.lineage(seen)) == 1
            with pytest.raises(fsdb.RightMissing, match="row security hides versions of that set"):
                handle.lineage(hidden)
            with pytest.raises(fsdb.RightMissing, match="A replay of doubled needs every version"):
                handle.replay()
            with pytest.raises(fsdb.RightMissing, match="A deployment of model twice needs every version"):
                store_of_reader.deploy("twice", table="again")
        assert deployment.replay().different == 0


def test_the_function_that_writes_versions_is_no_way_round(policed: World) -> None:
    """A writer under a policy, who may call it, writes no version of an entity that the policy keeps from it."""
    policed.run("CREATE POLICY p ON account TO {reader} USING (id <= 2)")
    policed.run("""GRANT EXECUTE ON FUNCTION fsdb_history."account:write"(fsdb_history.account[]) TO {reader}""")
    forged = """SELECT fsdb_history."account:write"(array_agg(h)) FROM fsdb_history.account h WHERE h.id = 2"""
    with policed.connect("reader") as reader:
        with pytest.raises(
            psycopg.errors.InsufficientPrivilege, match=r"row security of public\.account binds this user"
        ):
            reader.execute(forged)
        policed.run("ALTER TABLE account DISABLE ROW LEVEL SECURITY")
        with reader.transaction(force_rollback=True):
            reader.execute(forged)
