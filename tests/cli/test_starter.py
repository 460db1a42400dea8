"""fsdb init PROJECT: what it writes works as it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsdb.cli.app import main
from tests.conftest import TestDatabase

WRITTEN = {
    *("README.md", "features.py", "pyproject.toml", "tests/test_features.py"),
    *("migrations/env.py", "migrations/script.py.mako", "migrations/versions/first_customers.py"),
}


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A starter project."""
    assert main(["init", str(tmp_path / "shop")]) == 0
    assert "Next: cd " in capsys.readouterr().err
    return tmp_path / "shop"


def files(folder: Path) -> set[str]:
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and file.parent.name[0] not in "._"
    }


def test_definitions_migration_and_database_agree(
    project: Path, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files(project) == WRITTEN
    monkeypatch.chdir(project)
    monkeypatch.setenv("FSDB_URL", database.url)
    (project / "features.py").rename(project / "definitions.py")
    settings = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(settings.replace("features.py", "definitions.py"))
    assert main(["plan"]) == 0  # [tool.fsdb] says where the definitions are
    assert "Create feature set customer" in capsys.readouterr().out
    assert main(["upgrade"]) == 0
    assert main(["revision", "--autogenerate", "-m", "nothing"]) == 0
    assert "No migration is needed: the database is as definitions.py defines." in capsys.readouterr().out
    assert main(["apply", "--json"]) == 0
    assert capsys.readouterr().out.strip() == "[]"


def test_a_file_that_is_there_is_left_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in WRITTEN - {"features.py"}:
        (project / name).unlink()
    (project / "features.py").write_text("mine")
    assert main(["init", str(project)]) == 1
    assert "has features.py already" in capsys.readouterr().err
    assert files(project) == {"features.py"}
    assert (project / "features.py").read_text() == "mine"


@pytest.mark.slow
def test_the_project_s_own_test_passes(project: Path, server_place: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FSDB_URL"}
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            cwd=project,
            env=environment | {"FSDB_DATA": str(server_place / "data")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "2 passed" in ran.stdout
