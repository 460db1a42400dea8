"""Rights and hostile inputs: every cell of the matrix as PostgreSQL itself has it, and inputs that were made to break in.

`breaches` are cells that differ from the table of rights, objects that it does not know, inputs that were executed, ended the process or in an error that is no
sentence of fsdb's, and messages that tell a secret.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psycopg
from psycopg.conninfo import make_conninfo
from sklearn.linear_model import LogisticRegression

import fsdb
from bench.hostile_inputs import SECRET, left_behind
from bench.report import Case, within
from tests.access.cells import cells, unknown
from tests.access.world import ruled

COUNTS = {"texts": 1, "programs": 4_500, "onnx": 2_000, "parquet": 1_500, "iceberg": 1_000}


def run(url: str, verbose: bool = False) -> Iterator[Case]:
    """Cases: cells, inputs of each kind and together, breaches. verbose: names each breach."""
    breaches = []
    with tempfile.TemporaryDirectory() as folder:
        with ruled(url, Path(folder) / "ruled") as world, world.administrator() as connection:
            tested = list(cells(world, connection))
            breaches += unknown(connection)
            breaches += [str(cell) for cell in tested if cell.wanted != cell.found]
        yield Case("roles", "cells", len(tested), "cells", None, None, ">= 1 cells", len(tested) > 0)
        _prepare(url, Path(folder) / "warehouse")
        total = 0
        for kind, count in COUNTS.items():
            number, wrong = _tried(kind, make_conninfo(url, password=SECRET), count)
            total += number
            breaches += wrong
            yield Case("roles", f"inputs_{kind}", number, "inputs", None, None, "", True)
        with psycopg.connect(url) as connection:
            breaches += left_behind(connection)
    yield Case("roles", "inputs", total, "inputs", None, None, ">= 10,000 inputs", total >= 10_000)
    yield within("roles", "breaches", len(breaches), unit="breaches", target=0)
    if verbose:
        for breach in breaches:
            yield Case("roles", breach, 1, "breach", None, None, "", False)


def _prepare(url: str, warehouse: Path) -> None:
    given = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
    with fsdb.connect(url, warehouse=str(warehouse)) as store:
        store.apply([fsdb.FeatureSet("one", {"id": "bigint"}, [fsdb.Feature("v", "bigint")])])
        store.ingest("one", pd.DataFrame({"id": [1], "v": [1]}))
        store.sync()
        fitted = LogisticRegression().fit(given, given.amount > 2)
        store.register_model("plain", fitted, inputs={"amount": "double precision"}, rows=given)


def _tried(kind: str, url: str, count: int) -> tuple[int, list[str]]:
    """How many inputs of a kind were tried, and what went wrong."""
    command = [sys.executable, "-m", "bench.hostile_inputs", kind, url, str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    number = sum(line.get("tried", 0) for line in lines)
    wrong = [f"{line['name']}: {line['wrong']}" for line in lines if "wrong" in line]
    if ended.returncode or not number:
        wrong.append(f"{kind}: the process ended with {ended.returncode}: {ended.stderr.strip()[-300:]}")
    if SECRET in ended.stdout + ended.stderr:
        wrong.append(f"{kind}: a password in what was printed")
    return number, wrong
