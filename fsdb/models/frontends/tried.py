"""Reads a model's file in a process of its own first: what a damaged file does to a library's reader is done there.

XGBoost, LightGBM and skops read files in C++ or unpack them whole. A file that was cut or made for it can end the process that reads it, or take
all of its memory. So a copy of the file is read in a process that has limits and is thrown away, and only then that very copy in this one.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from fsdb.errors import UnsupportedModel

SECONDS = 300
_GIGABYTE = 1 << 30
# Runs without fsdb, which takes longer to load than a model. What it prints is what its reader said.
_SCRIPT = """
import json, sys
given = json.loads(sys.argv[1])
sys.path[:] = given["path"]
try:
    import resource
except ImportError:
    resource = None  # Windows
if resource:
    for limit, most in ((resource.RLIMIT_AS, given["bytes"]), (resource.RLIMIT_CPU, given["seconds"]), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
try:
    if given["kind"] == "xgboost":
        import xgboost
        xgboost.Booster().load_model(given["file"])
    elif given["kind"] == "lightgbm":
        import lightgbm
        lightgbm.Booster(model_file=given["file"])
    else:
        from skops.io import get_untrusted_types, load
        if not set(get_untrusted_types(file=given["file"])) - set(given["trusted"]):
            load(given["file"], trusted=given["trusted"])
except ImportError:
    pass
except BaseException as error:
    lines = str(error).strip().splitlines() or [""]
    print("\\n" + json.dumps(type(error).__name__ + ": " + lines[0][:300]))
"""


@dataclass(frozen=True)
class _Copy:
    """A private copy of a model's file; one with the same content is the same."""

    digest: str
    suffix: str
    size: int
    file: Path = field(compare=False)


@contextmanager
def copied(file: Path, kind: str, trusted: tuple[str, ...] = ()) -> Iterator[Path]:
    """A private copy of a file of xgboost, lightgbm or skops that another process has read; gone after the block. trusted: the types that a file of skops may name.

    The file is read once, so what is loaded from the copy is what was tried, whatever becomes of the file meanwhile. Raises UnsupportedModel
    with the reason where the trial fails, or ends the process.
    """
    content = file.read_bytes()
    with TemporaryDirectory(prefix="fsdb-model-", ignore_cleanup_errors=True) as folder:  # nobody else can open it
        copy = Path(folder, f"model{file.suffix}")  # by which xgboost knows the format
        copy.write_bytes(content)
        said = _said(_Copy(sha256(content).hexdigest(), file.suffix, len(content), copy), kind, trusted)
        del content
        if said is not None:
            reason = said.replace(str(copy), file.name)
            raise UnsupportedModel(f"the file {file.name} cannot be loaded by {kind}: {reason}")
        yield copy


@lru_cache(maxsize=256)
def _said(copy: _Copy, kind: str, trusted: tuple[str, ...]) -> str | None:
    """What is wrong with a file; nothing where it was read."""
    given = {
        "path": [place for place in sys.path if place],  # never what lies in the folder where the process works
        "bytes": 8 * _GIGABYTE + 8 * copy.size,
        "seconds": SECONDS,
        "kind": kind,
        "file": str(copy.file),
        "trusted": list(trusted),
    }
    command = [sys.executable, "-I", "-c", _SCRIPT, json.dumps(given)]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=2 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it is not read within {2 * SECONDS} seconds"
    last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    if done.returncode:
        return "reading it ends the process that does"
    return str(json.loads(last[0])) if last and last[0].startswith('"') else None
