"""A catalog that another build of fsdb made: every way in says so in one sentence and changes nothing."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import fsdb
from fsdb.cli.app import main
from fsdb.doctor import diagnose
from fsdb.errors import CatalogMissing, ConnectionFailed, RightMissing
from fsdb.migrate import catalog, revisions
from tests.conftest import TestDatabase
from tests.migrate.snapshot import difference, schema

# The ways to have another build's catalog: one migration was another, or none left a fingerprint.
OTHERS = {
    "0002": "UPDATE fsdb.catalog_migrations SET fingerprint = 'another' WHERE revision = '0002'",
    "0001": "DROP TABLE fsdb.catalog_migrations",
}
COMMANDS = {
    "init": [],
    "upgrade": [],
    "downgrade": ["base", "--catalog", "--yes"],
    "status": [],
    "doctor": [],
    "sync": [],
    "retain": [],
    "search": ["weather"],
    "describe": ["weather"],
    "costs": [],
    "repair": ["weather"],
}


def refused(command: str, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says on standard error when it is refused."""
    status = main([command, *COMMANDS[command], "--url", url])
    said = capsys.readouterr().err
    assert status == 1, (command, said)
    assert said.startswith("Refused: "), (command, said)
    assert "Traceback" not in said
    return " ".join(said.split())


@pytest.mark.parametrize("differs", OTHERS)
def test_another_build_is_told_by_every_call_and_command(
    differs: str,
    database: TestDatabase,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # no project's migrations
    with database.connect() as connection:
        connection.execute(OTHERS[differs])
        before = schema(connection)
        sentence = (
            rf"catalog of database {database.name} is another build of revision {revisions.head_revision()} \(its migration {differs} is not "
            r"this fsdb's\): use the fsdb that made it, or a database without a catalog\."
        )
        calls: list[Callable[[], object]] = [
            lambda: fsdb.connect(database.url),
            lambda: catalog.upgrade(database.url),
            lambda: catalog.downgrade(database.url, "base"),
        ]
        for call in calls:
            with pytest.raises(CatalogMissing, match=sentence):
                call()
        for command in COMMANDS:
            assert "is another build of revision" in refused(command, database.url, capsys)
        found = [check for check in diagnose(connection).checks if check.name == "catalog"]
        assert [check.state for check in found] == ["wrong"]
        assert difference(before, schema(connection)) == {}


def test_another_build_is_not_taken_further(database: TestDatabase) -> None:
    catalog.downgrade(database.url, "0002")
    with database.connect() as connection:
        kept = connection.execute("SELECT revision FROM fsdb.catalog_migrations ORDER BY revision").fetchall()
        assert kept == [("0001",), ("0002",)]
        connection.execute(OTHERS["0002"])
    for _ in range(2):
        with pytest.raises(CatalogMissing, match=r"another build of revision 0002 \(its migration 0002 is not"):
            catalog.upgrade(database.url)


def test_the_way_back_and_forth_leaves_the_fingerprints_of_this_build(database: TestDatabase) -> None:
    with database.connect() as connection:
        read = "SELECT revision, fingerprint FROM fsdb.catalog_migrations ORDER BY revision"
        before = connection.execute(read).fetchall()
        catalog.downgrade(database.url, "0001")
        assert connection.execute(read).fetchall() == before[:1]
        catalog.upgrade(database.url)
        assert connection.execute(read).fetchall() == before
    fsdb.connect(database.url).close()


def test_a_newer_catalog_is_told_by_every_command(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE fsdb.catalog_version SET version_num = '9999'")
        connection.execute("INSERT INTO fsdb.catalog_migrations (revision, fingerprint) VALUES ('9999', 'newer')")
    for command in COMMANDS:
        said = refused(command, database.url, capsys)
        assert "at revision 9999, which this fsdb does not know" in said
        assert "Install that version" in said


def newer(connection: psycopg.Connection, revision: str, additive: bool) -> None:
    """A migration that this fsdb does not know, as a newer one leaves it."""
    connection.execute("UPDATE fsdb.catalog_version SET version_num = %s", (revision,))
    row = (revision, "newer", additive)
    connection.execute("INSERT INTO fsdb.catalog_migrations (revision, fingerprint, additive) VALUES (%s, %s, %s)", row)


def test_an_old_fsdb_works_beside_a_catalog_to_which_a_newer_one_only_added(
    database: TestDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weather = fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "real")])
    with database.connect() as connection:
        newer(connection, "9998", additive=True)
        newer(connection, "9999", additive=True)
        before = schema(connection)
        assert main(["init", "--url", database.url]) == 0
        assert "Catalog there already" in (said := capsys.readouterr().out)
        assert "revision 9999" in said
        for command, asked in (("upgrade", []), ("downgrade", ["base", "--catalog", "--yes"])):
            assert main([command, *asked, "--url", database.url]) == 1  # its own objects are older ones
            assert "at revision 9999, which this fsdb does not know" in capsys.readouterr().err
        assert difference(before, schema(connection)) == {}
        with fsdb.connect(database.url) as store:
            store.apply([weather])
            store.ingest("weather", "SELECT 'JFK' AS origin, 1.5::real AS temp")
            assert store.feature_vector("weather.temp", {"origin": "JFK"})["temp"] == 1.5
            assert "catalog at 9999 (a newer fsdb added to it; this one knows " in store.status().headline
        (check,) = [check for check in diagnose(connection).checks if check.name == "catalog"]
        assert (check.state, "works beside it" in check.advice) == ("advice", True)
        connection.execute(OTHERS["0002"])
        with pytest.raises(CatalogMissing, match="another build"):
            fsdb.connect(database.url)


def test_one_change_among_what_a_newer_fsdb_added_is_told(database: TestDatabase) -> None:
    with database.connect() as connection:
        newer(connection, "9998", additive=False)
        newer(connection, "9999", additive=True)
    with pytest.raises(CatalogMissing, match="at revision 9999, which this fsdb does not know"):
        fsdb.connect(database.url)


def test_a_catalog_that_is_changed_under_an_open_store_is_told(database: TestDatabase) -> None:
    with fsdb.connect(database.url) as store:
        with database.connect() as connection:
            connection.execute("ALTER TABLE fsdb.training_sets RENAME TO elsewhere")
        with pytest.raises(
            CatalogMissing, match=r"lacks something that this fsdb needs \(relation .*fsdb\.training_sets"
        ):
            store.load_training_set("kept")
        with store.transaction() as own, pytest.raises(psycopg.errors.UndefinedTable):
            own.execute("SELECT * FROM fsdb.training_sets")  # the user's own statement raises what psycopg raises
        with store.transaction(), pytest.raises(CatalogMissing, match="lacks something that this fsdb needs"):
            store.load_training_set("kept")


def test_a_reader_without_the_right_to_the_fingerprints_is_told_which(database: TestDatabase) -> None:
    role = f"reader_{database.name[-8:]}"
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        try:
            admin.execute(f"GRANT USAGE ON SCHEMA fsdb TO {role}; GRANT SELECT ON fsdb.catalog_version TO {role}")
            with pytest.raises(RightMissing, match=r"lacks SELECT on table fsdb\.catalog_migrations"):
                fsdb.connect(psycopg.conninfo.make_conninfo(database.url, user=role, password="secret"))
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_timeout_while_the_catalog_is_held_is_one_sentence(
    database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.connect() as admin:
        admin.execute(f"ALTER DATABASE {database.name} SET statement_timeout = '300ms'")
    with fsdb.connect(database.url) as before:
        with psycopg.connect(database.url, options="-c statement_timeout=0") as other:
            other.execute(
                "LOCK TABLE fsdb.catalog_version, fsdb.catalog_migrations, fsdb.feature_sets, fsdb.server_mark"
            )
            with pytest.raises(ConnectionFailed, match=r"gave up: canceling statement due to statement timeout\."):
                fsdb.connect(database.url)
            for command in ("status", "sync"):
                assert "gave up: canceling statement due to statement timeout." in refused(
                    command, database.url, capsys
                )
            for call in (before.status, before.sync):
                with pytest.raises(ConnectionFailed, match=r"gave up: canceling statement due to statement timeout\."):
                    call()
        assert before.status().parts == ()
