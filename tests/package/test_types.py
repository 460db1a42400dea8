"""A program outside of the checkout sees fsdb's types, as `py.typed` promises."""

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import fsdb
import sqlalchemy as sa

weather = fsdb.FeatureSet("weather", keys={"origin": sa.Text}, features=[fsdb.Feature("temp", sa.Double)])
store = fsdb.connect()
reveal_type(store.training_set(features=["weather.temp"]))
reveal_type(store.feature_vector(["weather.temp"], {"origin": "JFK"}))
reveal_type(fsdb.__version__)
store.feature_vector(["weather.temp"], 3)
"""


def test_a_program_outside_sees_the_types(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False).stdout
    assert [re.sub(r"^program\.py:\d+: \w+: ", "", line) for line in told.splitlines()] == [
        'Revealed type is "fsdb.training.training_set.TrainingSet"',
        'Revealed type is "dict[str, Any]"',
        'Revealed type is "str"',
        'Argument 2 to "feature_vector" of "ReadingStore" has incompatible type "int"; expected "Mapping[str, Any]"  [arg-type]',
        "Found 1 error in 1 file (checked 1 source file)",
    ]
