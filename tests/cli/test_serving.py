"""fsdb url, psql and serve: other programs reach the database, and no list of processes shows a password."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb.cli import serving
from fsdb.cli.app import main
from tests.conftest import TestDatabase
from tests.programs import Program

PSQL = "SELECT current_database() AS name"


def test_url_shows_no_password(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["url", "--url", make_conninfo(database.url, password="s3cret", application_name="shop")]) == 0
    printed = capsys.readouterr().out.strip()
    assert "s3cret" not in printed
    assert "application_name=shop" in printed
    with psycopg.connect(printed) as connection:
        assert connection.info.dbname == database.name


def test_psql_has_the_password_in_its_environment(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[list[str], str]] = []
    run = subprocess.run

    def watched(command: list[str], **options: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        ran.append((command, options["env"]["PGPASSWORD"]))
        return run(command, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(serving.subprocess, "run", watched)
    url = make_conninfo(database.url, password="s3cret")
    assert main(["psql", "--url", url, "--", "--quiet", "--tuples-only", "--command", PSQL]) == 0
    assert capfd.readouterr().out.strip() == database.name
    ((command, password),) = ran
    assert password == "s3cret"
    assert not any("s3cret" in part for part in command)
    assert main(["psql", "--url", url, "--", "--command", "SELECT nonsense"]) == 1


def test_serve_is_for_the_embedded_server(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--url", database.url]) == 1
    assert "is a server of its own" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_keeps_the_server_up_until_it_is_ended(server_place: Path, ending: signal.Signals) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FSDB_URL"}
    with Program(
        [sys.executable, "-m", "fsdb", "serve"],
        env=environment | {"FSDB_DATA": str(server_place / "data"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with psycopg.connect(url, connect_timeout=10) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        process.send_signal(ending)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "Traceback" not in told
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5)
