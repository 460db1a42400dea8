"""Retention as part of a definition: planned, applied, migrated, shown, checked, and in the way of what would lose versions."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from fsdb import history
from fsdb.access import giving
from fsdb.catalog.feature_sets import get_set
from fsdb.catalog.search import describe
from fsdb.cli.app import main
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.doctor import diagnose
from fsdb.errors import ChangeRefused, CopyBroken, InvalidDefinition
from fsdb.history.status import status
from fsdb.migrate import catalog, revisions
from fsdb.migrate.changes import AlterFeatureSet, CreateFeatureSet, SetAttributes
from fsdb.migrate.plan import apply, plan
from fsdb.migrate.registered import set_definition
from fsdb.migrate.render import rendered
from fsdb.retention import as_of, retain
from tests.conftest import TestDatabase
from tests.retention.past import WEATHER, Past, ago


@pytest.fixture
def past(database: TestDatabase, connection: psycopg.Connection) -> Past:
    """A set of which five versions may leave."""
    found = Past(database, connection)
    found.put((1, n, "x", ago(10 - n)) for n in range(9))
    return found


def test_a_fixed_duration() -> None:
    assert FeatureSet("w", {"k": "text"}, [Feature("a", "real")], retention="90 days").retention == timedelta(days=90)
    for wrong, message in (
        ("3 months", "retention '3 months' of w is not a fixed"),
        (timedelta(), "retention of w must be longer than zero"),
    ):
        with pytest.raises(InvalidDefinition, match=message):
            FeatureSet("w", {"k": "text"}, [Feature("a", "real")], retention=wrong)


def test_planned_applied_and_withdrawn(connection: psycopg.Connection) -> None:
    plain, longer = replace(WEATHER, retention=None), replace(WEATHER, retention="90 days")
    for definition, sentence in (
        (plain, "Create feature set weather: key k (bigint); 2 features."),
        (WEATHER, "Change of weather the retention from none to 5 days, 0:00:00."),
        (longer, "Change of weather the retention from 5 days, 0:00:00 to 90 days, 0:00:00."),
        (plain, "Change of weather the retention from 90 days, 0:00:00 to none."),
    ):
        made = plan(connection, [definition])
        assert [change.sentence for change in made.changes] == [sentence]
        assert made.destructive == ()
        with connection.transaction():
            apply(connection, made)
        assert not plan(connection, [definition])
        assert {found.state for found in status(connection, get_set(connection, "weather"))} == {"installed"}


def test_as_a_migration(connection: psycopg.Connection, past: Past) -> None:
    assert set_definition(past.registered) == WEATHER
    created = "\n".join(rendered(CreateFeatureSet(WEATHER)))
    assert 'retention="5 days"' in created
    before, after = SetAttributes.of(WEATHER), SetAttributes.of(replace(WEATHER, retention=None))
    change = AlterFeatureSet("weather", before, after)
    assert rendered(change) == ['op.alter_feature_set("weather", retention=None)']
    assert rendered(change.reverse()) == ['op.alter_feature_set("weather", retention="5 days")']


def test_shown(past: Past, connection: psycopg.Connection) -> None:
    assert "retention 5 days" in str(describe(connection, "weather"))
    past.retain()
    assert f"in PostgreSQL as of {past.registered.reach} and later" in " ".join(
        repr(describe(connection, "weather")).split()
    )


def test_no_downgrade_while_versions_are_in_a_copy_alone(past: Past, connection: psycopg.Connection) -> None:
    past.retain()
    with pytest.raises(ChangeRefused, match="Versions of weather have left PostgreSQL"):
        catalog.downgrade(past.database.url, "0001")
    assert catalog.catalog_revision(past.database.url) == revisions.head_revision()
    with connection.transaction():
        history.drop(connection, past.registered)
    catalog.downgrade(past.database.url, "0001")
    catalog.upgrade(past.database.url)


def test_a_downgrade_before_anything_left(past: Past, connection: psycopg.Connection) -> None:
    catalog.downgrade(past.database.url, "0001")
    assert connection.execute("SELECT count(*) FROM weather_history").fetchone() == (9,)
    catalog.upgrade(past.database.url)
    assert past.registered.retention is None


def test_a_set_that_is_dropped_and_made_anew_has_all_of_its_new_history(
    past: Past, connection: psycopg.Connection
) -> None:
    past.retain()
    with connection.transaction():
        history.drop(connection, past.registered)
        history.create(connection, WEATHER)
    assert past.registered.reach is None
    past.every.clear()
    past.put((1, -n, "new", ago(10 - n)) for n in range(4))
    assert past.in_sql(ago(8.5)) == {1: (-1.0, "new", ago(9))}
    past.every.clear()
    assert past.retain().removed == 3
    assert as_of(connection, past.registered, ago(8.5)).to_pylist()[0]["a"] == -1
    assert [versions for _, versions, *_ in past.removals()] == [5, 3]


def test_the_doctor_looks_for_what_left(past: Past, connection: psycopg.Connection, warehouse: Path) -> None:
    def found() -> dict[str, str]:
        return {check.name: check.state for check in diagnose(connection).checks if "that left" in check.name}

    assert found() == {}
    giving.give(connection)  # as apply does
    past.retain()
    assert found() == {"versions of weather that left": "good"}
    assert diagnose(connection).healthy
    connection.execute("DELETE FROM fsdb.copies")
    assert found() == {"versions of weather that left": "wrong"}


def test_a_lost_copy_is_not_replaced_by_an_empty_one(
    past: Past, connection: psycopg.Connection, warehouse: Path
) -> None:
    past.retain()
    before = past.left
    shutil.rmtree(warehouse)
    for act in (lambda: sync(past.database.url), lambda: as_of(connection, past.registered, ago(9))):
        with pytest.raises(CopyBroken, match="weather"):
            act()
    connection.execute("DELETE FROM fsdb.copies")
    for act in (
        lambda: sync(past.database.url),
        lambda: retain(connection),
        lambda: as_of(connection, past.registered, ago(9)),
    ):
        with pytest.raises(CopyBroken, match="have left PostgreSQL, and there is no columnar copy of it any more"):
            act()
    assert past.left == before
    assert past.in_sql(ago(1)) == past.as_of(ago(1))


def test_on_the_command_line(past: Past, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FSDB_URL", past.database.url)
    assert main(["retain", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["feature_set"], row["removed"], row["reach"]) == ("weather", 0, None)
    assert "fsdb sync" in row["note"]
    assert main(["sync", "--json"]) == 0
    printed = capsys.readouterr()
    assert [row["versions"] for row in json.loads(printed.out)] == [9]
    assert "weather: 5 versions left PostgreSQL" in printed.err
    assert main(["retain", "weather"]) == 0
    assert "weather" in capsys.readouterr().out
    assert main(["retain", "wether"]) == 1
    assert "weather" in capsys.readouterr().err
