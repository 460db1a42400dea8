"""The demo does what it says, can be interrupted, and runs again at once."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb import embedded
from fsdb.doctor import diagnose
from tests.programs import Program

DEMO = "embedded:///fsdb_demo"


def command(folder: Path, *arguments: str) -> Program:
    environment = {name: value for name, value in os.environ.items() if name != "FSDB_URL"}
    return Program(
        [sys.executable, "-m", "fsdb", *arguments],
        env=environment | {"FSDB_DATA": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupted_at(folder: Path, heading: str, seconds: float) -> tuple[int, str]:
    """Runs the demo until a heading and some seconds more, and then presses Ctrl-C."""
    printed = []
    with command(folder, "demo") as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if heading in line:
                break
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        printed.append(process.stdout.read())
        return process.wait(timeout=60), "".join(printed)


@pytest.mark.slow
def test_the_demo_can_be_interrupted_and_run_again(server_place: Path) -> None:
    folder = server_place / "data"
    status, printed = interrupted_at(folder, "2. January to November", 6)
    assert status == 130, printed
    assert "Interrupted" in printed
    assert "Traceback" not in printed
    with psycopg.connect(make_conninfo(embedded.start(folder), dbname="fsdb_demo")) as connection:
        diagnosis = diagnose(connection)
        assert diagnosis.healthy, repr(diagnosis)

    with command(folder, "demo") as process:
        printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert "336,776 flights" in printed
    assert "Training set: 250,317 rows" in printed
    assert "28,135 flights scored, each in its own transaction" in printed
    assert "1000 predictions of flight_delay replayed: all came out the same" in printed
    leaked = re.search(r"would have leaked ([\d,]+) of ([\d,]+) values", printed)
    assert leaked is not None
    assert int(leaked[1].replace(",", "")) > 1_000_000
    promised, kept = (float(n) for n in re.findall(r"point-in-time values +([\d.]+) +([\d.]+)", printed)[0])
    careless_kept = float(re.findall(r"latest values +[\d.]+ +([\d.]+)", printed)[0])
    assert 0.6 < promised < kept + 0.05
    assert kept > careless_kept + 0.05  # what the careless join costs in December

    with psycopg.connect(make_conninfo(embedded.start(folder), dbname="fsdb_demo")) as connection:
        assert diagnose(connection).healthy
        scored, unscored = connection.execute(
            "SELECT count(*) FILTER (WHERE probability BETWEEN 0 AND 1), count(*) FILTER (WHERE prediction IS NULL) FROM flight_delay"
        ).fetchone()  # type: ignore[misc]
        assert (scored, unscored) == (28_135, 0)
        seen = connection.execute(
            "SELECT count(*) FROM plane_state_history WHERE event_time >= '2013-12-01 00:00-05'"
        ).fetchone()
        assert seen is not None
        assert seen[0] > 20_000
        lineage = connection.execute("SELECT * FROM fsdb.prediction_lineage('flight_delay', 1)").fetchall()
        assert len(lineage) == 23
    embedded.stop(folder)
