"""No code of others runs as fsdb: an owner of a table, or who may make triggers on one, leaves functions in every place that PostgreSQL has for
them; they note who they ran as, and that is never fsdb's role."""

# ruff: noqa: S608 names of this file alone

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb import doctor, history
from fsdb.access import foreign_code
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused
from tests.conftest import TestDatabase

OWNER = "fsdb_test_shop"  # an ordinary role, and its schema

# note() writes who it runs as. The others call it, also where a function has to be immutable.
EVIL = f"""
CREATE TABLE {OWNER}.caught (who text, place text);
CREATE FUNCTION {OWNER}.note(place text) RETURNS int LANGUAGE plpgsql SECURITY INVOKER AS $$ BEGIN
    INSERT INTO {OWNER}.caught VALUES (current_user, place); RETURN 1; END $$;
CREATE FUNCTION {OWNER}.evil(place text, given int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    PERFORM {OWNER}.note(place); RETURN given; END $$;
CREATE FUNCTION {OWNER}.evil_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM {OWNER}.note(TG_NAME); RETURN coalesce(NEW, OLD); END $$;
GRANT USAGE ON SCHEMA {OWNER} TO PUBLIC; GRANT ALL ON {OWNER}.caught TO PUBLIC;
"""
PLACES = {
    "before": "CREATE TRIGGER a_before BEFORE INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION {o}.evil_row()",
    "after": "CREATE TRIGGER z_after AFTER INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION {o}.evil_row()",
    "deferred": "CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON {t} INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {o}.evil_row()",
    "condition": "CREATE TRIGGER a_when BEFORE UPDATE ON {t} FOR EACH ROW WHEN ({o}.evil('when', 1) = 1) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "index": "CREATE INDEX ON {t} ({o}.evil('index', a))",
    "index of a constant": "CREATE INDEX ON {t} ((a + {o}.evil('constant', 1)))",
    "predicate": "CREATE INDEX ON {t} (a) WHERE {o}.evil('predicate', 1) = 1",
    "statistics": "CREATE STATISTICS {o}.s ON ({o}.evil('statistics', 1) + a), k FROM {t}",
    "default": "ALTER TABLE {t} ALTER a SET DEFAULT {o}.evil('default', 1)",
    "check": "ALTER TABLE {t} ADD CHECK ({o}.evil('check', 1) = 1)",
    "generated": "ALTER TABLE {t} ADD g int GENERATED ALWAYS AS ({o}.evil('generated', 1) + a) STORED",
    "policy": "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {t} USING ({o}.evil('policy', 1) = 1)",
    "rule": "CREATE RULE r AS ON INSERT TO {t} DO ALSO SELECT {o}.evil('rule', 1)",
    "built in": "ALTER TABLE {t} ADD CHECK (query_to_xml('SELECT {o}.note(''built in'')', true, true, '') IS NOT NULL)",
    "child": "CREATE TABLE {o}.child () INHERITS ({t}); CREATE INDEX ON {o}.child ((a + {o}.evil('child', 1)))",
    "cascade": "CREATE TABLE {o}.line (k int REFERENCES {t} ON DELETE CASCADE); CREATE TRIGGER cascade AFTER DELETE ON {o}.line FOR EACH ROW EXECUTE FUNCTION {o}.evil_row()",
}
WRITES = (
    "INSERT INTO {t} (k, a) VALUES (1, 1), (2, 2)",
    "UPDATE {t} SET a = a + 1",
    "UPDATE {t} SET k = k + 10",
    "DELETE FROM {t}",
    "INSERT INTO {t} (k, a, s) VALUES (1, 1, now() - interval '1 day')",
    "DO $$ BEGIN UPDATE {t} SET a = 5; UPDATE {t} SET a = 6; DELETE FROM {t}; INSERT INTO {t} (k, a) VALUES (3, 3); END $$",
    "TRUNCATE {t} CASCADE",
)


@dataclass
class Shop:
    """A database in which fsdb is a superuser's, as it should not be, and a schema of an ordinary role."""

    database: TestDatabase
    fsdb: psycopg.Connection
    owner: psycopg.Connection
    made: list[RegisteredSet] = field(default_factory=list)

    def owned(self, text: str) -> None:
        """Runs statements as the ordinary role."""
        self.owner.execute(text.replace("{o}", OWNER))  # type: ignore[arg-type]

    def caught(self) -> set[tuple[str, str]]:
        """Who code of that role ran as, but for the role itself, and where."""
        rows = self.fsdb.execute(f"SELECT who, place FROM {OWNER}.caught WHERE who <> '{OWNER}'").fetchall()  # type: ignore[arg-type]
        return {(who, place) for who, place in rows}


@contextmanager
def _role(connection: psycopg.Connection) -> Iterator[None]:
    connection.execute(f"CREATE ROLE {OWNER} LOGIN")  # type: ignore[arg-type]
    try:
        yield
    finally:
        connection.execute(f"DROP OWNED BY {OWNER} CASCADE; DROP ROLE {OWNER}")  # type: ignore[arg-type]


@pytest.fixture
def shop(database: TestDatabase) -> Iterator[Shop]:
    with database.connect() as connection, database.connect() as owner, _role(connection):
        connection.execute(f"CREATE SCHEMA {OWNER} AUTHORIZATION {OWNER}")  # type: ignore[arg-type]
        owner.execute(f"SET SESSION AUTHORIZATION {OWNER}")  # type: ignore[arg-type]
        owner.execute(EVIL)  # type: ignore[arg-type]
        try:
            yield Shop(database, connection, owner)
        finally:
            owner.execute("ROLLBACK")
            owner.close()


def _tracked(shop: Shop) -> str:
    table = f"{OWNER}.person"
    shop.owned(f"CREATE TABLE {table} (k int PRIMARY KEY, a int, s timestamptz DEFAULT now())")
    with shop.fsdb.transaction():
        history.create(
            shop.fsdb, history.tracked_definition(shop.fsdb, table, name="person", features=["a"], event_time="s")
        )
    return table


def _all(shop: Shop, table: str) -> None:
    for text in WRITES:
        try:
            shop.owned(text.replace("{t}", table))
        except psycopg.Error:
            shop.owner.rollback()


def test_nowhere_on_a_tracked_table(shop: Shop) -> None:
    table = _tracked(shop)
    shop.owned(f"INSERT INTO {table} (k, a) VALUES (1, 1)")
    for text in PLACES.values():
        shop.owned(text.replace("{t}", table))
        _all(shop, table)
    assert shop.caught() == set()
    places = shop.fsdb.execute(f"SELECT count(DISTINCT place) FROM {OWNER}.caught").fetchone()  # type: ignore[arg-type]
    assert places is not None
    assert places[0] >= 10  # they do run, as the role itself


@pytest.mark.parametrize("column", ["k", "a", "s"])
@pytest.mark.parametrize("renamed", [False, True])
def test_no_cast_of_a_type_that_a_column_gets(shop: Shop, column: str, renamed: bool) -> None:
    """renamed: another table bears the name by then, and is as it should be."""
    table = _tracked(shop)
    to = {"k": "int", "a": "int", "s": "timestamptz"}[column]
    shop.owned(
        f"CREATE TYPE {{o}}.odd AS (x {to}); CREATE FUNCTION {{o}}.cast_it({{o}}.odd) RETURNS {to} LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM {{o}}.note('cast'); RETURN $1.x; END $$; CREATE CAST ({{o}}.odd AS {to}) WITH FUNCTION {{o}}.cast_it({{o}}.odd) AS IMPLICIT"
    )
    if renamed:
        shop.owned(
            f"ALTER TABLE {table} RENAME TO other; CREATE TABLE {table} (k int PRIMARY KEY, a int, s timestamptz)"
        )
        table = f"{OWNER}.other"
    shop.owned(
        f"ALTER TABLE {table} ALTER {column} DROP DEFAULT, ALTER {column} TYPE {{o}}.odd USING ROW({column})::{{o}}.odd"
    )
    for text in (
        f"INSERT INTO {table} VALUES (%s)"
        % ", ".join("ROW(NULL)" if c == column else {"k": "1", "a": "1", "s": "now()"}[c] for c in "kas"),
        f"UPDATE {table} SET {'a = 2' if column != 'a' else 's = now()'}",
        f"DELETE FROM {table}",
    ):
        try:
            shop.owned(text)
        except psycopg.Error:
            shop.owner.rollback()
    assert shop.caught() == set()


def _live(shop: Shop) -> str:
    definition = FeatureSet("account", keys={"k": "int"}, features=[Feature("a", "int")])
    with shop.fsdb.transaction():
        history.create(shop.fsdb, definition)
    shop.fsdb.execute(f"GRANT ALL ON account TO {OWNER}")  # type: ignore[arg-type]
    return "account"


@pytest.mark.parametrize("place", ["before", "after", "deferred", "condition"])
def test_not_by_a_trigger_on_a_live_table(shop: Shop, place: str) -> None:
    """A late row is refused, in one sentence that names the trigger, whose it is and what to do; others are written as ever."""
    table = _live(shop)
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); DELETE FROM account")
    shop.owned(PLACES[place].replace("{t}", table))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"late row of account .* role {OWNER} as .*trigger"):
        shop.owned("INSERT INTO account (k, a, event_time) VALUES (1, 1, now() - interval '1 hour')")
    shop.owner.rollback()
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); UPDATE account SET a = 2; DELETE FROM account")
    assert shop.caught() == set()
    found = {check.name: check for check in doctor.diagnose(shop.fsdb).checks}["rights: code of others"]
    assert found.state == "wrong"
    assert OWNER in found.found


@pytest.mark.parametrize(
    "condition", ["set_config('shop.caught', current_user, false) = ''", "(NEW.a::money)::text = ''"]
)
def test_not_by_a_condition_of_one_who_owns_nothing(shop: Shop, condition: str) -> None:
    """Whoever has the right to make triggers needs no function of its own for a condition that acts."""
    shop.fsdb.execute(f"DROP OWNED BY {OWNER} CASCADE")  # type: ignore[arg-type]
    table = _live(shop)
    late = "INSERT INTO account (k, a, event_time) VALUES (1, 1, now() - interval '1 hour')"
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); DELETE FROM account")
    shop.owned(
        f"CREATE TRIGGER a_when BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    if "set_config" in condition:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"late row of account .*trigger a_when"):
            shop.owned(late)
        shop.owner.rollback()
        assert shop.owner.execute("SELECT current_setting('shop.caught', true)").fetchone() in [(None,), ("",)]
        shop.fsdb.execute("DROP TRIGGER a_when ON account")
    shop.owned(late)


# A domain of the role's, whose check notes who runs it, and PostgreSQL's own functions and casts that make a value of it.
WATCHED = """
CREATE DOMAIN {o}.watched AS int CHECK ({o}.evil('watched', VALUE) = VALUE); CREATE TYPE {o}.pair AS (a {o}.watched);
CREATE TYPE {o}.level AS ENUM ('low', 'high');
CREATE FUNCTION {o}.to_json({o}.level) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM {o}.note('cast'); RETURN '1'; END $$;
CREATE CAST ({o}.level AS json) WITH FUNCTION {o}.to_json({o}.level);
"""
MADE = {
    "a record from JSON": "(jsonb_populate_record(NULL::{o}.pair, '{\"a\": 1}'::jsonb)).a IS NULL",
    "an array from text": "cardinality(('{' || OLD.k || '}')::{o}.watched[]) = 0",
    "a record from text": "(('(' || OLD.k || ')')::{o}.pair) IS NULL",
    "an input function": "array_in('{1}', '{o}.watched'::regtype, -1) IS NULL",
    "another": "record_in('(1)', '{o}.pair'::regtype, -1) IS NULL",
    "validity": "NOT pg_input_is_valid('1', '{o}.watched')",
    "a validator": "fmgr_sql_validator('{o}.parsed'::regproc) IS NULL",
    "a cast to JSON": "to_jsonb('low'::{o}.level) IS NULL",
    "JSON_VALUE": "JSON_VALUE(jsonb '1', '$' RETURNING {o}.watched) IS NULL",
}


@pytest.mark.parametrize("how", MADE)
def test_not_by_a_value_that_postgresql_makes(shop: Shop, how: str) -> None:
    """What PostgreSQL's own functions do with a type of another's is code of that one."""
    version = shop.fsdb.info.server_version // 10000
    if version < {"validity": 16, "JSON_VALUE": 17}.get(how, 15):
        return
    table = _live(shop)
    shop.owned(WATCHED)
    shop.owned(
        "SET check_function_bodies = off; CREATE FUNCTION {o}.parsed() RETURNS {o}.watched[] LANGUAGE sql AS $$ SELECT '{1}'::{o}.watched[] $$"
    )
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); DELETE FROM account")
    shop.owned(
        f"CREATE TRIGGER a_when BEFORE DELETE ON {table} FOR EACH ROW WHEN ({MADE[how]}) EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"late row of account .*trigger a_when"):
        shop.owned("INSERT INTO account (k, a, event_time) VALUES (1, 1, now() - interval '1 hour')")
    shop.owner.rollback()
    assert shop.caught() == set()


def test_not_by_a_trigger_that_a_following_table_gets_later(shop: Shop) -> None:
    """Plans are kept, and none depends on a table whose rows follow what is deleted: so that such a table is another's is enough."""
    _live(shop)
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); DELETE FROM account")
    late = "INSERT INTO account (k, a, event_time) VALUES (1, 1, now() - interval '1 hour')"
    shop.owned("CREATE TABLE {o}.line (k int REFERENCES account ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"late row of account .*foreign key .*line"):
        shop.owned(late)
    shop.owner.rollback()
    shop.owned("INSERT INTO account (k, a) VALUES (1, 1); UPDATE account SET a = 2; DELETE FROM account")
    shop.owned("DROP TABLE {o}.line")
    shop.owned(late)


def test_a_member_that_cannot_act_as_the_role_is_not_trusted(shop: Shop) -> None:
    """Membership alone lets nobody act as a role since PostgreSQL 16."""
    if shop.fsdb.info.server_version < 160000:
        return
    keeper = f"{OWNER}_keeper"
    acts = f"SELECT fsdb.acts_as('{OWNER}'::regrole, '{keeper}'::regrole)"
    shop.fsdb.execute(f"CREATE ROLE {keeper}")  # type: ignore[arg-type]
    try:
        found = []
        for options in (
            "INHERIT FALSE, SET FALSE",
            "INHERIT FALSE, SET TRUE",
            "INHERIT TRUE, SET FALSE",
            "ADMIN TRUE, INHERIT FALSE, SET FALSE",
        ):
            shop.fsdb.execute(f"GRANT {keeper} TO {OWNER} WITH {options}")  # type: ignore[arg-type]
            found.append(shop.fsdb.execute(acts).fetchone())  # type: ignore[arg-type]
            shop.fsdb.execute(f"REVOKE {keeper} FROM {OWNER}")  # type: ignore[arg-type]
        assert found == [(False,), (True,), (True,), (True,)]
        # Nor is what it has in fsdb's schemas.
        shop.fsdb.execute(f"GRANT {keeper} TO {OWNER} WITH INHERIT FALSE, SET FALSE")  # type: ignore[arg-type]
        shop.fsdb.execute(
            f"ALTER TABLE fsdb.catalog_version OWNER TO {keeper}; ALTER TABLE fsdb.turns OWNER TO {OWNER}"
        )  # type: ignore[arg-type]
        check = {one.name: one for one in doctor.diagnose(shop.fsdb).checks}["rights: what is in fsdb's schemas"]
        assert f"fsdb.turns of {OWNER}" in check.found
    finally:
        shop.fsdb.execute(f"REASSIGN OWNED BY {keeper} TO CURRENT_USER; DROP ROLE {keeper}")  # type: ignore[arg-type]


def test_not_by_a_trigger_on_history(shop: Shop) -> None:
    _live(shop)
    shop.fsdb.execute(
        f"GRANT ALL ON fsdb_history.account TO {OWNER} WITH GRANT OPTION; GRANT USAGE ON SCHEMA fsdb_history TO {OWNER}"
    )  # type: ignore[arg-type]
    shop.owned("CREATE TRIGGER mine BEFORE INSERT ON fsdb_history.account FOR EACH ROW EXECUTE FUNCTION {o}.evil_row()")
    with pytest.raises(
        psycopg.errors.InsufficientPrivilege, match="Trigger mine on the history of feature set account"
    ):
        shop.owned("INSERT INTO account (k, a) VALUES (1, 1)")
    shop.owner.rollback()
    assert shop.caught() == set()


def test_no_grant_makes_a_role_the_owner_of_history(shop: Shop) -> None:
    """A trigger of its own, and every right with the option to pass it on, lets nobody write a version."""
    _live(shop)
    shop.fsdb.execute(
        f"GRANT ALL ON fsdb_history.account TO {OWNER} WITH GRANT OPTION; GRANT USAGE ON SCHEMA fsdb_history TO {OWNER}; "  # type: ignore[arg-type]
        f"CREATE POLICY all_of_it ON fsdb_history.account TO {OWNER} USING (true) WITH CHECK (true)"
    )
    shop.owned("CREATE TABLE {o}.mine (k int)")
    shop.owned(
        "CREATE FUNCTION {o}.forge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO fsdb_history.account (k, event_time, recorded_at) VALUES (NEW.k, now(), now()); RETURN NULL; END $$; "
        "CREATE TRIGGER forge AFTER INSERT ON {o}.mine FOR EACH ROW EXECUTE FUNCTION {o}.forge()"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="history"):
        shop.owned("INSERT INTO {o}.mine VALUES (7)")
    assert shop.fsdb.execute("SELECT count(*) FROM fsdb_history.account").fetchone() == (0,)


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_found(shop: Shop, place: str) -> None:
    """The rule itself: what an operator's session asks before it writes a table of another's."""
    table = f"{OWNER}.person"
    shop.owned(f"CREATE TABLE {table} (k int PRIMARY KEY, a int, s timestamptz DEFAULT now())")
    foreign_code.refuse(shop.fsdb, OWNER, "person", "Reading it")
    shop.owned(PLACES[place].replace("{t}", table))
    with pytest.raises(ChangeRefused, match=f"would run code of role .*: .* Do it as {OWNER}"):
        foreign_code.refuse(shop.fsdb, OWNER, "person", "Writing it")


FRAME = pd.DataFrame({"k": [1], "a": [5], "s": [pd.Timestamp("2024-01-01", tz="UTC")]})
OPERATIONS: dict[str, Callable[[fsdb.Store], object]] = {
    "An ingest into person": lambda store: store.ingest("person", FRAME, event_time="s"),
    "A delete as of a moment in person": lambda store: store.delete("person", [{"k": 1}], pd.Timestamp.now(tz="UTC")),
    "A backfill of person": lambda store: store.backfill("person", FRAME, event_time="s"),
    "A repair of person": lambda store: store.repair("person", "history"),
    "Reading the live table of person": lambda store: store.repair("person"),
}


def _refusal(operation: Callable[[fsdb.Store], object], store: fsdb.Store) -> str:
    try:
        operation(store)
    except ChangeRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("place", ["before", "deferred", "index of a constant", "check", "generated", "rule", "child"])
def test_an_operator_of_fsdbs_is_refused(shop: Shop, place: str) -> None:
    """What an operator does with a table of another's is refused where that one's code would run as the operator, and works where not."""
    table = _tracked(shop)
    shop.owned(f"INSERT INTO {table} (k, a) VALUES (1, 1), (2, 2)")
    with fsdb.connect(shop.database.url) as store:
        assert store.ingest("person", FRAME, event_time="s").late == 1
        shop.owned(PLACES[place].replace("{t}", table))
        said = {doing: _refusal(operation, store) for doing, operation in OPERATIONS.items()}
        assert store.status().parts[0].rows in (None, 2)
        diagnosed = {check.name: check.state for check in doctor.diagnose(shop.fsdb).checks}
    assert shop.caught() == set()
    for doing in ("An ingest into person", "A delete as of a moment in person", "A backfill of person"):
        assert said[doing].startswith(f"{doing} would run code of role {OWNER}")
    if place in ("index of a constant", "child"):
        assert said["Reading the live table of person"].startswith("Reading the live table of person would run code")
        assert diagnosed["live = history of person"] == "wrong"


def test_tracking_is_refused(shop: Shop) -> None:
    shop.owned(f"CREATE TABLE {OWNER}.person (k int PRIMARY KEY, a int)")
    shop.owned(PLACES["index of a constant"].replace("{t}", f"{OWNER}.person"))
    with fsdb.connect(shop.database.url) as store, pytest.raises(ChangeRefused, match=f"Tracking .*Do it as {OWNER}"):
        store.track(f"{OWNER}.person", name="person", features=["a"])
    assert shop.caught() == set()


def test_an_application_is_not_asked(shop: Shop) -> None:
    """A role that cannot act as fsdb's takes rows into a table whose owner it trusts, as by any INSERT of its own."""
    table = _tracked(shop)
    shop.owned(PLACES["before"].replace("{t}", table))
    with fsdb.connect(shop.database.url) as store:
        store.grant("writer", OWNER, on="person")
    with fsdb.connect(make_conninfo(shop.database.url, user=OWNER)) as store:
        assert store.ingest("person", FRAME, event_time="s").inserted == 1
        store.delete("person", [{"k": 1}], pd.Timestamp.now(tz="UTC"))
    assert shop.caught() == set()


SQUATTED: dict[str, Callable[[psycopg.Connection], object]] = {
    name: lambda connection, name=name: connection.execute(f"ALTER SCHEMA {name} OWNER TO {OWNER}")  # type: ignore[misc]
    for name in ("fsdb", "fsdb_history", "fsdb_models", "fsdb_training", "fsdb_iceberg")
}


@pytest.mark.parametrize("name", SQUATTED)
def test_a_schema_that_belongs_to_others_is_told(shop: Shop, name: str) -> None:
    SQUATTED[name](shop.fsdb)
    with pytest.raises(ChangeRefused, match=f"Schema {name} belongs to role {OWNER}"):
        foreign_code.check_schemas(shop.fsdb)
    found = {check.name: check for check in doctor.diagnose(shop.fsdb).checks}["rights: what is in fsdb's schemas"]
    assert found.state == "wrong"
    assert f"schema {name} of {OWNER}" in found.found
