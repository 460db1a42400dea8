"""`python -m tests.package.wheels 3.11 3.12`: the checkout's wheel in a clean environment of each Python, as a newcomer has it."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.environment import Environment, built_wheel

PYENV = Path.home() / ".pyenv" / "versions"
USE = """
import datetime as dt, importlib.metadata, importlib.util, fsdb, pyarrow as pa
from fsdb.cli import main
assert fsdb.__version__ == importlib.metadata.version("fsdb-postgres")
assert not any(importlib.util.find_spec(name) for name in ("pandas", "sklearn", "polars"))
assert main(["init"]) == 0
store = fsdb.connect()
store.apply([fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "double precision")])])
at = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
store.ingest("weather", pa.table({"origin": ["JFK"], "temp": [39.0], "event_time": [at]}))
spine = pa.table({"origin": ["JFK"], "at": [at + dt.timedelta(hours=1)]})
rows = store.training_set(spine=spine, features="weather.temp", timestamp="at", known="now")
assert rows.to_arrow()["temp"].to_pylist() == [39.0]
try:
    rows.to_pandas()
except Exception as error:
    assert isinstance(error, fsdb.FsdbError), error
    assert "pip install 'fsdb-postgres[pandas]'" in str(error), error
else:
    raise AssertionError("pandas is not installed, and to_pandas() works")
assert main(["status"]) == 0
print("used")
"""  # and the store is left open
ENDS_WITHIN = 60.0  # seconds, of a machine that does other things; what hung did so for good


def interpreter(version: str) -> str:
    """The Python of a version: on the path, or pyenv's newest. Raises SystemExit where there is none."""
    named = sorted(PYENV.glob(f"{version}.*/bin/python{version}"))
    found = [*map(str, named[-1:]), shutil.which(f"python{version}")]
    for python in found:
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    raise SystemExit(f"There is no Python {version} here: install it, or leave it out of PYTHONS.")


def check(version: str, wheel: Path, folder: Path) -> None:
    """Installs the wheel for a Python and uses it."""
    environment = Environment(folder / version, interpreter(version))
    environment.install(wheel)
    begun = time.perf_counter()
    done = environment.run(USE, FSDB_DATA=str(folder / f"data-{version}"))
    seconds = time.perf_counter() - begun
    if done.returncode or done.stderr or not done.stdout.endswith("used\n") or seconds > ENDS_WITHIN:
        raise SystemExit(
            f"Python {version}: exit status {done.returncode} after {seconds:.1f} s.\n{done.stdout}{done.stderr}"
        )
    sys.stdout.write(
        f"Python {version}: installed, used and ended in {seconds:.1f} s; {environment.megabytes:,.0f} MB.\n"
    )


def main(versions: list[str]) -> None:
    """Checks each of the versions."""
    with tempfile.TemporaryDirectory(prefix="fsdb-wheels-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        wheel = built_wheel(Path(folder))
        for version in versions:
            check(version, wheel, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
