"""`python -m bench NAME [--json]`: runs one benchmark in a database of its own and prints its cases."""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.report import report
from fsdb import embedded
from fsdb.migrate import catalog

# Each module has run(url, …) -> Iterable[Case]; url is of an empty database that has the fsdb catalog. Further parameters of run are
# options of the command line: names, numbers, which may be written as 20e6, and flags.
BENCHES = {
    "pit": "bench.pit",
    "router": "bench.router",
    "scale": "bench.scale",
    "write": "bench.write",
    "vector": "bench.vector",
    "catalog": "bench.catalog",
    "score": "bench.score",
    "endpoint": "bench.endpoint",
    "deploy": "bench.deploy",
    "worker": "bench.worker",
    "sync": "bench.sync",
    "spark": "bench.spark",
    "wide": "bench.wide",
    "hostile": "bench.hostile",
    "roles": "bench.roles",
    "install": "bench.install",
    "windows": "bench.windows",
    "batch": "bench.batch",
}


@contextmanager
def fresh_database() -> Iterator[str]:
    """The URL of a database with the fsdb catalog: on the server at $FSDB_TEST_URL, else on an embedded one of its own."""
    with tempfile.TemporaryDirectory(prefix="fsdb-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # run by root, the server is another user's, who must reach its data
        given = os.environ.get("FSDB_TEST_URL")
        server = given or embedded.start(Path(folder) / "data")
        name = f"fsdb_bench_{uuid4().hex[:8]}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = make_conninfo(server, dbname=name)
            catalog.upgrade(url)
            yield url
        finally:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            if given is None:
                embedded.stop(Path(folder) / "data")


def main() -> None:
    """Reads the arguments, runs the benchmark, prints its cases. A missed target is reported, not an exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES), help="which benchmark to run")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one for each case")
    known, _ = parser.parse_known_args([argument for argument in sys.argv[1:] if argument not in ("-h", "--help")])
    run = importlib.import_module(BENCHES[known.name]).run
    options = [option for name, option in signature(run).parameters.items() if name != "url"]
    for option in options:
        flag = isinstance(option.default, bool)
        kind = str if isinstance(option.default, str) else float
        how: dict[str, Any] = {"action": "store_true"} if flag else {"type": kind, "default": option.default}
        parser.add_argument(f"--{option.name}", **how)
    arguments = parser.parse_args()
    with fresh_database() as url:
        given = {option.name: getattr(arguments, option.name) for option in options}
        report(run(url, **given), arguments.json)


if __name__ == "__main__":
    main()
