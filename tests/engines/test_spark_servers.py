"""Spark that runs elsewhere: a standalone cluster and a Spark Connect server, both started here, give what brute force gives."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pyspark
import pytest

from fsdb.engines.spark import java
from tests.conftest import TestDatabase
from tests.engines.spark_session import QUICK, SMALL
from tests.engines.world import make

pytestmark = pytest.mark.slow
HOME = Path(pyspark.__file__).parent
# Plans that adapt to what was read, as users' sessions have them, over code that is not compiled.
SETTINGS = {name: value for name, value in SMALL.items() if "adaptive" not in name}
ENVIRONMENT = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_HOME": str(HOME),
    "SPARK_DAEMON_MEMORY": "512m",
    "SPARK_DAEMON_JAVA_OPTS": QUICK,
    "SPARK_SUBMIT_OPTS": QUICK,
}
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.executor.memory": "512m"}
PATIENCE = 60.0  # seconds
Start = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def server(log: Path, *command: str, told: str) -> Iterator[str]:
    """A process of Spark's for a block, and what it said of `told`. It and what it started are killed at the end, whatever happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(HOME / "bin" / "spark-class"), *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | ENVIRONMENT | {"JAVA_HOME": str(java.home())},
            start_new_session=True,
        )
    try:
        yield _said(process, log, told)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _said(process: "subprocess.Popen[bytes]", log: Path, told: str) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = re.search(told, log.read_text(errors="replace"))
        if found is not None:
            return found[1]
        assert process.poll() is None, log.read_text(errors="replace")
        time.sleep(0.1)
    raise AssertionError(f"{told!r} was not said within {PATIENCE:.0f} seconds:\n{log.read_text(errors='replace')}")


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The URL of a master with one worker."""
    with ExitStack() as stack:
        master = stack.enter_context(
            server(
                folder / "master.log",
                *("org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"),
                told=r"Starting Spark master at (spark://127\.0\.0\.1:\d+)",
            )
        )
        stack.enter_context(
            server(
                folder / "worker.log",
                *("org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0"),
                *("--cores", "2", "--memory", "1g", "--work-dir", str(folder / "work"), master),
                told=r"(Successfully registered with master)",
            )
        )
        yield master


@contextmanager
def connect(folder: Path) -> Iterator[str]:
    """The URL of a Spark Connect server."""
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": (folder / "tables").as_uri(),
        **LOOPBACK,
        **SETTINGS,
    }
    with server(
        folder / "connect.log",
        *("org.apache.spark.deploy.SparkSubmit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *("--master", "local[2]"),
        *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
        "spark-internal",
        told=r"Spark Connect server started at: \S+?:(\d+)",
    ) as port:
        yield f"sc://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("start", "module"), [(cluster, "pyspark.sql.session"), (connect, "pyspark.sql.connect.session")]
)
def test_spark_that_runs_elsewhere(database: TestDatabase, tmp_path: Path, start: Start, module: str) -> None:
    make(database, "partly")
    conf = tmp_path / "conf"
    conf.mkdir()
    lines = {**LOOPBACK, "spark.ui.enabled": "false", **SETTINGS}
    (conf / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    with start(tmp_path) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.engines.spark_client", database.url, str(tmp_path)],
            env=os.environ | ENVIRONMENT | {"FSDB_SPARK": url, "SPARK_CONF_DIR": str(conf)},
            check=False,
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{module}: 64 rows"
    assert not list((tmp_path / "warehouse").rglob("fsdb-spark-*"))
