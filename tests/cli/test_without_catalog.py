"""What only looks makes nothing: no catalog, no database, no server's data."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import fsdb
from fsdb import embedded
from fsdb.cli.app import main
from fsdb.cli.commands import COMMANDS
from fsdb.errors import ConnectionFailed
from tests.conftest import cloned

# Commands that make a catalog, or the embedded server's data, since that is what they are for.
MAKES = {"demo", "init", "upgrade", "apply", "track", "register", "url", "psql", "serve"}
ARGUMENTS = {
    **{
        name: ["x"]
        for name in ("describe", "training-set", "deploy", "replay", "retain", "rollback", "canary", "undeploy")
    },
    **{name: ["x"] for name in ("stage", "repair")},
    "downgrade": ["base", "--catalog", "--yes"],
    "ingest": ["x", "SELECT 1"],
    "score": ["x", "SELECT 1"],
    "attach": ["x", "y"],
    "shadow": ["x"],
    "erase": ["x", "--key", "k=1", "--why", "asked", "--yes"],
    "grant": ["reader", "TO", "postgres"],
    "revoke": ["reader", "FROM", "postgres"],
    "run": ["x"],
    "pause": ["x"],
    "resume": ["x"],
    "plan": ["features.py"],
    "revision": ["-m", "x"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with definitions and no project."""
    monkeypatch.chdir(tmp_path)
    text = "import fsdb\nw = fsdb.FeatureSet('w', {'k': 'text'}, [fsdb.Feature('v', 'integer')])\n"
    (tmp_path / "features.py").write_text(text)
    return tmp_path


@pytest.fixture
def bare(server_url: str) -> Iterator[str]:
    """The URL of a database without a catalog."""
    for database in cloned(server_url, "template0"):
        yield database.url


def test_only_what_is_for_it_makes_a_catalog(bare: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in [name for name in COMMANDS if name not in MAKES | {"merge"}]:
        assert main([command, *ARGUMENTS.get(command, []), "--url", bare]) == 1, command
        assert "no fsdb catalog" in capsys.readouterr().err, command
        with psycopg.connect(bare) as connection:
            assert connection.execute("SELECT to_regnamespace('fsdb')").fetchone() == (None,), command
    assert main(["apply", "--url", bare, "--json"]) == 0
    assert main(["status", "--url", bare]) == 0


def test_what_looks_makes_no_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FSDB_DATA", str(folder / "data"))
    monkeypatch.delenv("FSDB_URL", raising=False)
    for command in ("status", "doctor", "sync", "search", "plan"):
        for where in ([], ["--url", "embedded:///shop"]):
            assert main([command, *ARGUMENTS.get(command, []), *where]) == 1
            assert (
                f"There is no embedded PostgreSQL in {folder / 'data'} yet: make one with fsdb init"
                in capsys.readouterr().err
            )
    assert not (folder / "data").exists()


def test_a_database_of_the_embedded_server_is_made_when_asked_for(
    server_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.environ.get("FSDB_TEST_URL"):
        pytest.fail("needs the embedded server")
    monkeypatch.setattr(embedded, "start", lambda _: server_url)
    monkeypatch.setattr("fsdb.config.data_folder", lambda: Path("/"))
    where, quoted = "embedded:///a new one", "a new one"
    for call in (lambda: fsdb.connect(where), lambda: fsdb.connect(where, create=False)):
        with pytest.raises(ConnectionFailed, match=r"has no database 'a new one': create it with fsdb init --url"):
            call()
    assert main(["upgrade", "--url", where]) == 1
    assert "has no database 'a new one'" in capsys.readouterr().err
    try:
        assert main(["init", "--url", where]) == 0
        assert "Catalog created in database a new one" in capsys.readouterr().out
        with fsdb.connect(where, create=True) as store:
            assert store.status().database == quoted
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute('DROP DATABASE IF EXISTS "a new one" WITH (FORCE)')
