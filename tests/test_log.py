"""What fsdb writes into the log: what one wants to know afterwards, by part, and no value of a row, whatever the level."""

import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.errors import FsdbError
from tests.conftest import TestDatabase

TEXT, NUMBER, WHOLE, AT = "geheim-4711", 918273.25, 77665544, datetime(1987, 3, 19, 5, 43, 21, tzinfo=UTC)
VALUES = (TEXT, "4711", "918273", str(WHOLE), "1987", "05:43:21")
PARTS = {
    *("fsdb.columnar", "fsdb.deployments", "fsdb.erasure", "fsdb.history", "fsdb.ingest", "fsdb.migrate"),
    *("fsdb.retention", "fsdb.training", "fsdb.access"),
}


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Everything that is logged by anybody, at DEBUG."""
    kept: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    root, keeping = logging.getLogger(), Keeping(logging.DEBUG)
    before = root.level
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(keeping)
    root.setLevel(before)


def work(store: fsdb.Store) -> None:
    """Everything that values go through, and everything that refuses them."""
    features = [fsdb.Feature("x", "double precision"), fsdb.Feature("n", "bigint"), fsdb.Feature("t", "text")]
    store.apply([fsdb.FeatureSet("seen", keys={"k": "text"}, features=features, retention="1 second")])
    row = {"k": TEXT, "x": NUMBER, "n": WHOLE, "t": TEXT, "event_time": AT}
    frame = pd.DataFrame([row])
    store.ingest("seen", frame)
    store.ingest("seen", pd.DataFrame([{**row, "x": NUMBER + 1, "event_time": datetime(2020, 1, 1, tzinfo=UTC)}]))
    spine = pd.DataFrame({"k": [TEXT], "at": [pd.Timestamp("2024-01-01", tz="UTC")], "y": [NUMBER]})
    store.sync()
    for engine in ("postgres", "duckdb"):
        asked = {"features": ["seen.x", "seen.n"], "timestamp": "at", "label": "y", "engine": engine}
        built = store.training_set(spine=spine, **asked)
    built.save("kept")
    store.load_training_set("kept").verify()
    model = LinearRegression().fit(built.to_pandas()[["x", "n"]].astype(float), [NUMBER])
    store.register_model("m", model, training_set=built, rows=[{"x": NUMBER, "n": WHOLE}])
    deployed = store.deploy("m", table="scores", on_error="null")
    with store.transaction() as connection:
        connection.execute("INSERT INTO scores (k) VALUES (%s)", (TEXT,))
    deployed.score(spine[["k"]], record=True)
    deployed.replay()
    deployed.lineage(1)
    store.feature_vector("seen.*", {"k": TEXT})
    store.feature_vectors("seen.*", pd.DataFrame({"k": [TEXT]}))
    refused = [
        lambda: store.ingest("seen", pd.DataFrame([{**row, "n": TEXT}])),
        lambda: store.ingest("seen", pd.DataFrame([{**row, "event_time": TEXT}])),
        lambda: store.feature_vector("seen.*", {"k": WHOLE}),
        lambda: store.feature_vector(TEXT, {"k": TEXT}),
        lambda: store.training_set(spine=f"SELECT {WHOLE}/0 AS k, now() AS at", features=["seen.x"], timestamp="at"),
        lambda: deployed.score(pd.DataFrame({"k": [WHOLE]})),
        lambda: store.delete("seen", {"k": WHOLE}, AT),
    ]
    for call in refused:
        with suppress(FsdbError):
            call()
    store.retain("seen")
    with store.transaction() as connection:
        connection.execute("ALTER TABLE seen DISABLE TRIGGER USER")
        connection.execute("UPDATE seen SET x = %s", (NUMBER + 2,))
        connection.execute("ALTER TABLE seen ENABLE TRIGGER USER")
    store.repair("seen", "history")
    store.grant("reader", "pg_monitor")
    store.erase("seen", {"k": TEXT}, why="asked")
    store.status()


@pytest.mark.filterwarnings("ignore")
def test_no_value_of_a_row_is_in_the_log(
    database: TestDatabase, records: list[logging.LogRecord], tmp_path: Path
) -> None:
    with warnings.catch_warnings(), fsdb.connect(database.url, warehouse=str(tmp_path)) as store:
        work(store)
    own = [one for one in records if one.name.startswith("fsdb")]
    written = {one.name: [] for one in own}
    for one in own:
        written[one.name].append(f"{one.getMessage()} {one.exc_text or ''} {one.args}")
        assert one.exc_info is None
    found = [line for lines in written.values() for line in lines for value in VALUES if value in line]
    assert found == []
    others = [one.getMessage() for one in records if not one.name.startswith("fsdb")]
    assert [line for line in others for value in (TEXT, "918273") if value in line] == []
    informed = {".".join(one.name.split(".")[:2]) for one in own if one.levelno >= logging.INFO}
    assert informed >= PARTS
    lines = [line for lines in written.values() for line in lines]
    for wanted in (
        "Ingested into seen: 1 inserted, 0 updated, 0 late, 0 unchanged, in ",
        "Built training set, 1 rows and 2 features, by duckdb in ",
        "Registered version 1 of model m, a LinearRegression: ",
        "Deployment scores: deploy, version 1 of model m.",
        "Synced seen: 2 versions written in ",
        "Retention of seen: ",
        "Erased 1 entities of seen: ",
    ):
        assert any(line.startswith(wanted) for line in lines), wanted


def test_nothing_is_printed_unless_somebody_listens(database: TestDatabase) -> None:
    program = f"import fsdb\nwith fsdb.connect({database.url!r}) as s: s.apply([fsdb.FeatureSet('w', {{'k': 'text'}}, [fsdb.Feature('v', 'real')])])"
    for before, told in (
        ("", ""),
        ("import logging\nlogging.basicConfig(level='INFO')\n", "Changed w2: CreateFeatureSet."),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", before + program], capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stdout == ""
        assert (told in ran.stderr) if told else ran.stderr == ""
        program = program.replace("'w'", "'w2'")
