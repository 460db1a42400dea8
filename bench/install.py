"""What an installed fsdb weighs, and how long a newcomer waits: for the first import, the first result, and each command.

The environment is a clean one with the checkout's wheel. Baselines are of the same run: for bare_mb an environment with nothing in it, for an
extra the one before it; for import_s an interpreter that imports nothing; for command_s one that connects with psycopg and asks
the server one thing; for first_result_s a start of the embedded server from nothing.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.environment import Environment, built_wheel
from bench.report import Case

BARE_MB, SKLEARN_MB, DEMO_MB = 600.0, 900.0, 600.0
FIRST_S, IMPORT_S, COMMAND_S = 20.0, 0.4, 0.8
TIMES = 7
FIRST = """
import fsdb, pyarrow as pa, datetime as dt
with fsdb.connect() as store:
    store.apply([fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "double precision")])])
    at = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    store.ingest("weather", pa.table({"origin": ["JFK"], "temp": [39.0], "event_time": [at]}))
    spine = pa.table({"origin": ["JFK"], "at": [at + dt.timedelta(hours=1)]})
    assert store.training_set(spine=spine, features="weather.temp", timestamp="at", known="now").to_arrow()["temp"].to_pylist() == [39.0]
"""
START = "import os, pathlib; from fsdb import embedded; embedded.start(pathlib.Path(os.environ['FSDB_DATA']))"
COMMAND = "import sys; from fsdb.cli import main; sys.exit(main(['status', '--json']))"
ASKED = "import os, psycopg; print(psycopg.connect(os.environ['FSDB_URL']).execute('SELECT 1').fetchone())"


def run(url: str) -> Iterator[Case]:
    """The cases bare_mb, sklearn_mb, demo_mb, import_s, command_s and first_result_s."""
    with tempfile.TemporaryDirectory(prefix="fsdb-install-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o711)  # run by root, the embedded server is another user's
        wheel = built_wheel(place)
        environment = Environment(place / "environment")
        before = environment.megabytes
        for extra, most in (("", BARE_MB), ("sklearn", SKLEARN_MB), ("demo", DEMO_MB)):
            environment.install(wheel, extra)
            weight = environment.megabytes
            yield _case(f"{extra or 'bare'}_mb", weight, before, "MB", most)
            before = weight
        heavy = ", ".join(f"{name} {size:,.0f}" for name, size in environment.heaviest())
        sys.stderr.write(f"Heaviest, in MB: {heavy}.\n")
        yield _case("import_s", _seconds(environment, "import fsdb"), _seconds(environment, "pass"), "s", IMPORT_S)
        asked = _seconds(environment, ASKED, FSDB_URL=url)
        yield _case("command_s", _seconds(environment, COMMAND, FSDB_URL=url), asked, "s", COMMAND_S)
        start = _seconds(environment, START, 1, FSDB_DATA=str(place / "started"))
        first = _seconds(environment, FIRST, 1, FSDB_DATA=str(place / "first"))
        yield _case("first_result_s", first, start, "s", FIRST_S)


def _seconds(environment: Environment, code: str, times: int = TIMES, **variables: str) -> float:
    """How long a program takes, the median of several runs after one that is not counted."""
    taken = []
    for _ in range(times if times == 1 else times + 1):
        begun = time.perf_counter()
        done = environment.run(code, **variables)
        taken.append(time.perf_counter() - begun)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return statistics.median(taken[-times:])


def _case(name: str, value: float, baseline: float, unit: str, most: float) -> Case:
    return Case("install", name, value, unit, baseline, value / baseline, f"<= {most:g} {unit}", value <= most)
