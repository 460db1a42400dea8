"""Every command, with odd words for each of its arguments and options, ends by an exit status: no error of Python's or of a library's leaves it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import fsdb
from fsdb.cli.app import app, main
from tests.conftest import TestDatabase
from tests.hostile.calls import make_world

pytestmark = pytest.mark.filterwarnings("ignore")  # of late values, which the world has

WORDS = ("", '%s {x} "$1', "x" * 5000, "9" * 30, "/", "nowhere.parquet")
OF_OPTIONS = ("", "no_such_thing", "-1", "9" * 30)
# What runs for long or for ever, makes a database of its own, or lets another program answer.
UNTRIED = {"demo", "worker", "calibrate", "psql"}
# Words that are right, so that an option is what is refused.
RIGHT = {
    "revision": "head",
    "feature_set": "weather",
    "data": "SELECT 'A' AS origin, 1.0::float8 AS temp",
    "name": "late",
    "model": "late",
    "table": "scores",
    "version": "1",
    "stage": "staging",
}


def _commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return {name: command for name, command in group.commands.items() if name not in UNTRIED}


def _tried(command: Any) -> Iterator[list[str]]:
    positional = [one for one in command.params if one.param_type_name == "argument"]
    right = [RIGHT.get(one.name or "", "weather") for one in positional if one.required]
    for position in range(len(right)):
        for word in WORDS:
            yield [*right[:position], word, *right[position + 1 :]]
    for option in command.params:
        if option.param_type_name == "option" and not option.is_flag and option.name not in ("url", "help"):
            for word in OF_OPTIONS:
                yield [*right, f"{option.opts[0]}={word}"]
    yield [*right, "surplus", "words"]
    yield [*right, "--no-such-option"]


@pytest.mark.slow
def test_commands_end_by_a_status(
    module_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSDB_URL", module_database.url)
    monkeypatch.setenv("FSDB_WAREHOUSE", str(tmp_path / "warehouse"))
    with fsdb.connect(module_database.url) as store:
        make_world(store)
    wrong = []
    for name, command in _commands().items():
        for words in _tried(command):
            try:
                status = main([name, *words])
            except Exception as error:
                wrong.append(f"{name} {[word[:40] for word in words]}: {type(error).__name__}: {str(error)[:200]}")
                continue
            said = capsys.readouterr()
            if status not in (0, 1, 2) or "Traceback" in said.err or (status and not said.err.strip()):
                wrong.append(f"{name} {[word[:40] for word in words]}: status {status}, {said.err[:200]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("url", ["mysql://x", "12", "postgresql://[", "postgresql://127.0.0.1:1/none"])
def test_a_url_that_leads_nowhere(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", url]) == 1
    assert capsys.readouterr().err.startswith("Refused: ")


def test_a_url_that_is_no_text() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fsdb", "status", "--url", b"embedded:///\xff"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Refused: ")
    assert "Traceback" not in done.stderr
