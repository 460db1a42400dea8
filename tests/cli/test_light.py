"""A command that only looks waits for no library that it does not use, and loads no other command."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fsdb
from fsdb.cli.app import main
from fsdb.cli.commands import COMMANDS
from tests.conftest import TestDatabase

HEAVY = {"alembic", "duckdb", "fsspec", "numpy", "onnx", "pandas", "polars", "pyarrow", "pyiceberg", "pyspark", "scipy", "sklearn", "sqlalchemy", "sqlglot"}  # fmt: skip
LOOKING = (["--version"], ["--help"], ["url"], ["list"], ["list", "feature-sets"], ["status"], ["search", "weather"], ["describe", "weather"], ["audit"], ["roles"])  # fmt: skip
PROGRAM = """
import json, sys
from fsdb.cli import main
told = []
for words in json.loads(sys.argv[1]):
    status = main(words)
    told.append([words, status, sorted(sys.modules)])
sys.stderr.write(json.dumps(told))
"""


def test_a_command_that_looks_loads_no_heavy_library(database: TestDatabase, tmp_path: Path) -> None:
    definitions = tmp_path / "features.py"
    definitions.write_text(
        "import fsdb\nsets = [fsdb.FeatureSet('city', {'id': 'bigint'}, [fsdb.Feature('size', 'real')])]"
    )
    with fsdb.connect(database.url) as store:
        store.apply([fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "real")])])
    commands = [
        [*words, *(["--url", database.url] if not words[0].startswith("-") else [])]
        for words in (*LOOKING, ["plan", str(definitions)])
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], capture_output=True, text=True, check=True, timeout=120
    )
    for words, status, loaded in json.loads(done.stderr):
        assert status == 0, words
        assert {name.partition(".")[0] for name in loaded} & HEAVY == set(), words
        assert "fsdb.store.store" not in loaded, words
        assert "fsdb.cli.models" not in loaded, words


def test_each_command_is_where_the_list_says_and_does_what_the_list_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    for name in COMMANDS:
        told = re.sub(r"\s+", " ", (COMMANDS[name].__doc__ or "").strip()).replace("`", "")
        assert f" {name} {told}" in shown.replace("`", ""), name
