"""From `deploy()` to the first scored row, for 300 trees × depth 6, the parity gate on its stored rows included."""

import time
from collections.abc import Iterator

from bench.endpoint_clients import INSERT
from bench.report import Case, within
from bench.serving_world import MODEL, TABLE, connected, make_world
from fsdb.catalog.models import get_version
from fsdb.deployments import deploy, parity
from fsdb.deployments.objects import scorer_name
from fsdb.deployments.registry import load_program

BENCH = "deploy"
TREES = 300
TARGET = 3.0  # seconds


def run(url: str) -> Iterator[Case]:
    """The cases first_row (s) and, of that, parity_gate (s): the gate once more by itself."""
    with connected(url) as connection:
        make_world(connection, entities=100, versions=2, trees=TREES)
        begin = time.perf_counter()
        with connection.transaction():
            deploy(connection, MODEL, TABLE)
        connection.execute(INSERT, ("k1", "k1", 0.5, 7)).fetchone()
        first = time.perf_counter() - begin
        yield within(BENCH, "gbdt300x6_first_row", first, unit="s", target=TARGET)
        version = get_version(connection, MODEL, 1)
        program = load_program(connection, version)
        with connected(url) as fresh, fresh.transaction():
            begin = time.perf_counter()
            parity.check(fresh, MODEL, 1, version.inputs, program, scorer_name(MODEL, 1))
            yield Case(BENCH, "gbdt300x6_parity_gate", time.perf_counter() - begin, "s", None, None, "", True)
