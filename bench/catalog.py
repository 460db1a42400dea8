"""How long `fsdb status`, `plan` and `search` take in a large catalog, on a running server: the whole command, Python's start and all.

The baseline of each is `fsdb --version`, the least that a command takes. Each set has some rows.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from bench.report import Case, within
from fsdb.db import Database
from fsdb.migrate.modules import load_definitions
from fsdb.store import Store

ROWS = 100
AT_ONCE = 20  # sets that are made in one transaction
ROUNDS = 5
MOST_SECONDS = 1.0
DEFINITIONS = """
from fsdb import Feature, FeatureSet

SETS = [
    FeatureSet(f"set_{{s}}", {{"id": "bigint"}}, [Feature(f"s{{s}}_f{{f}}", "double precision", f"what {{f}} is in {{s}}") for f in range({width})])
    for s in range({sets})
]
"""


def run(url: str, sets: float = 300, features: float = 20_100) -> Iterator[Case]:
    """A case for each command, in seconds."""
    with tempfile.TemporaryDirectory(prefix="fsdb-bench-") as folder:
        project = Path(folder)
        file = project / "features.py"
        file.write_text(DEFINITIONS.format(sets=round(sets), width=round(features / sets)), encoding="utf-8")
        _make(url, str(file))
        least = _seconds(url, project, ["--version"])
        for name, arguments in {
            "status": ["status"],
            "plan": ["plan", str(file)],
            "search": ["search", "f7"],
        }.items():
            taken = _seconds(url, project, arguments)
            case = within("catalog", f"{name}_s", taken, unit="s", target=MOST_SECONDS)
            yield Case(case.bench, case.case, case.value, case.unit, least, taken / least, case.target, case.ok)


def _make(url: str, definitions: str) -> None:
    database = Database(url)
    database.open()
    store = Store(database)
    every = load_definitions(definitions)
    for start in range(0, len(every), AT_ONCE):
        store.apply(every[start : start + AT_ONCE])
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        fill = SQL("INSERT INTO {} (id) SELECT generate_series(1, {})")
        for one in every:
            connection.execute(fill.format(Identifier(one.name), ROWS))
        connection.execute("ANALYZE")  # as autovacuum does within a minute


def _seconds(url: str, project: Path, arguments: Sequence[str]) -> float:
    """The median of some runs of a command."""
    code = [sys.executable, "-m", "fsdb", *arguments]
    environment = os.environ | {"FSDB_URL": url, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run(code, cwd=project, env=environment, check=True, capture_output=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
