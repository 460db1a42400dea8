"""Files that another user of the machine may have written: code of a project, its settings, and data."""

import os
import shutil
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pytest

from fsdb import ownership
from fsdb.errors import InvalidData, InvalidDefinition
from fsdb.exchange.files import read_files
from fsdb.migrate import project, settings
from fsdb.migrate.modules import load_definitions

SET = (
    "import fsdb\nimport beside\nA = fsdb.FeatureSet('a', keys={'k': 'text'}, features=[fsdb.Feature('b', 'bigint')])\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose code leaves a mark."""
    found = settings.find_project(tmp_path)
    project.scaffold(found)
    (tmp_path / "features.py").write_text(SET)
    (tmp_path / "beside.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'mark')!r}).touch()\n")
    (found.folder / "versions" / "one.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'mark')!r}).touch()\nrevision, down_revision = 'one', None\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", ["features.py", "beside.py", "."])
@pytest.mark.parametrize("mode", [0o666, 0o777])
def test_definitions_that_everybody_may_write_are_not_run(folder: Path, place: str, mode: int) -> None:
    (folder / place).chmod(0o777 if place == "." else mode)
    with pytest.raises(InvalidDefinition, match="Every user of this machine may"):
        load_definitions("features.py")
    assert not (folder / "mark").exists()


@pytest.mark.parametrize(
    "place",
    [
        "migrations",
        "migrations/env.py",
        "migrations/script.py.mako",
        "migrations/versions",
        "migrations/versions/one.py",
    ],
)
def test_migrations_that_everybody_may_write_are_not_run(folder: Path, place: str) -> None:
    (folder / place).chmod(0o777)
    for call in (project.head_revision, lambda found: project.merge(found, "m")):
        with pytest.raises(InvalidDefinition, match="Every user of this machine may"):
            call(settings.find_project(folder))
    assert not (folder / "mark").exists()


def test_ones_own_in_a_folder_such_as_tmp(folder: Path) -> None:
    folder.chmod(0o1777)
    assert load_definitions("features.py")
    (folder / "mark").unlink()
    if os.geteuid() != 0:
        return
    os.chown(folder / "beside.py", 65534, 65534)
    with pytest.raises(InvalidDefinition, match="Every user of this machine may put files into"):
        load_definitions("features.py")
    assert not (folder / "mark").exists()


def test_the_word_that_takes_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "features.py").chmod(0o777)
    monkeypatch.setenv(ownership.TRUST_VARIABLE, "1")
    assert load_definitions("features.py")
    assert project.head_revision(settings.find_project(folder)) == "one"


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        b"tool = 1\n[tool.fsdb]",
        b"[tool]\nfsdb = ['x']",
        b"[tool.fsdb]\nmigrations = 5",
        b"[tool.fsdb]\ndefinitions = ['a', 'b']",
        b"x = " + b"[" * 100_000,
        b"#" * (2 << 20),
    ],
)
def test_settings_that_are_none(folder: Path, text: bytes) -> None:
    (folder / "pyproject.toml").write_bytes(text)
    with pytest.raises(InvalidDefinition, match=r"pyproject\.toml"):
        settings.find_project(folder)


def test_settings_that_everybody_may_write(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.fsdb]\ndefinitions = 'elsewhere.py'\n")
    (folder / "pyproject.toml").chmod(0o666)
    with pytest.raises(InvalidDefinition, match=r"may write .*pyproject\.toml"):
        settings.find_project(folder)
    (folder / "pyproject.toml").write_text("[tool.other]\n")
    assert settings.find_project(folder).definitions == "features.py"
    (folder / "pyproject.toml").unlink()
    os.mkfifo(folder / "pyproject.toml")
    assert settings.find_project(folder).definitions == "features.py"


def test_what_is_no_ordinary_file_is_no_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "nothing.parquet").symlink_to(tmp_path / "gone")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "round.csv").symlink_to("round.csv")
    for name in ("pipe.csv", "zero.csv", "nothing.parquet", "round.csv"):
        with pytest.raises(InvalidData, match=r"not a regular file|cannot be read|there are none"):
            read_files(tmp_path / name, "spine")
    with pytest.raises(InvalidData, match="not a regular file"):
        read_files(str(tmp_path / "pip*.csv"), "spine")
    with pytest.raises(InvalidData, match=r"not a regular file|cannot be read"):
        read_files(tmp_path, "spine")


@pytest.mark.skipif("os.geteuid() != 0")
def test_another_user_s_link_is_not_followed(tmp_path: Path) -> None:
    secret, shared = tmp_path / "secret.csv", tmp_path / "shared"
    pv.write_csv(pa.table({"k": [1]}), secret)
    secret.chmod(stat.S_IRUSR)
    shared.mkdir()
    (shared / "part.csv").symlink_to(secret)
    assert read_files(shared, "spine").num_rows == 1  # one's own link is one's own word
    os.chown(shared / "part.csv", 65534, 65534, follow_symlinks=False)
    for given in (shared, shared / "part.csv", str(shared / "*.csv")):
        with pytest.raises(InvalidData, match="a link that another user made"):
            read_files(given, "spine")
    shutil.chown(secret, 65534, 65534)
    assert read_files(shared, "spine").num_rows == 1  # and what its maker owns is its maker's to give
