"""Types that the catalog holds are data: nothing but a type becomes a part of a statement."""

import psycopg
import pytest

import fsdb
from fsdb.errors import InvalidData
from fsdb.models.input_types import kind_of
from fsdb.types import read_type, type_sql
from tests.conftest import TestDatabase

HOSTILE = (
    "double precision, x int); CREATE TABLE pwned AS SELECT current_user; CREATE TABLE rest (y int",
    "numeric(1,2), x int); DROP TABLE t; CREATE TABLE r (a numeric(1)",
    "integer DEFAULT pg_sleep(9)",
    "text COLLATE x",
    "text -- ",
    "text/**/",
    'text"',
    "bigint; SELECT 1",
    "public.evil.worse",
    "integer[](1)",
    "",
    "te\nxt x",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_type(name: str) -> None:
    with pytest.raises(InvalidData):
        type_sql(name)
    with pytest.raises(InvalidData):
        read_type(name, "key k")
    assert kind_of(name) is None


@pytest.mark.parametrize("name", ["public.evil", '"Evil"', "regclass", "citext"])
def test_a_type_that_fsdb_does_not_keep_is_not_read(name: str) -> None:
    with pytest.raises(InvalidData):
        read_type(name, "key k")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("text", "pg_catalog.text"),
        ("text[]", "pg_catalog.text[]"),
        ("date", "pg_catalog.date"),
        ("numeric(12,-2)", "numeric(12,-2)"),
        ("character varying(10)", "character varying(10)"),
        ("timestamp(3) without time zone", "timestamp(3) without time zone"),
        ("interval day to second(3)", "interval day to second(3)"),
        ('public."Odd ""one"[]', 'public."Odd ""one"[]'),
        ("geometry(Point,4326)", "geometry(Point,4326)"),
        ('"char"', '"char"'),
    ],
)
def test_a_type_is_what_it_says_under_any_search_path(name: str, written: str) -> None:
    assert type_sql(name).as_string() == written


def test_a_forged_type_is_refused_by_whatever_reads_it(database: TestDatabase) -> None:
    with fsdb.connect(database.url) as store, database.connect() as admin:
        store.apply([fsdb.FeatureSet("account", {"id": "bigint"}, [fsdb.Feature("balance", "bigint")])])
        admin.execute("UPDATE fsdb.features SET type = %s", [HOSTILE[0]])
        for call in (
            lambda: store.feature_vector("account", {"id": 1}),
            lambda: store.training_set(features=["account"]),
            lambda: store.plan([]),
        ):
            with pytest.raises(InvalidData, match="feature balance"):
                call()
        with pytest.raises(psycopg.errors.UndefinedTable):
            admin.execute("SELECT FROM pwned")
