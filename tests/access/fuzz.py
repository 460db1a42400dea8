"""Hostile files and programs, as many as are wanted: seeded mutations of good ones, each tried in a child process that may fail in one way alone.

`hunt(kind, seed, count)` tries them and returns what went wrong: an error that is none of fsdb's, a process that ended, one that took too long, a
file that was made. `python -m tests.access.fuzz KIND SEED COUNT` does it in this process, and says where it stands, so that an end can be told.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TYPES = dict.fromkeys("abc", "double precision")
SECONDS = 20.0  # that one input may take
_NUMBERS = (
    0,
    1,
    -1,
    2**31,
    -(2**31),
    2**63,
    10**30,
    1e308,
    0.5,
    "nan",
    "inf",
    None,
    True,
    "",
    [],
    {},
    "x" * 20_000,
    "'; --",
    "\0",
    "\ud800",
)


@dataclass(frozen=True)
class Breach:
    """What an input did that it must not: which one it is, and what happened."""

    kind: str
    number: int
    happened: str


def mutated_bytes(content: bytes, chance: random.Random) -> bytes:
    """Bytes with some of them flipped, cut out, doubled, or replaced by numbers that formats take for lengths."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(made) + 1)
        match chance.randrange(6):
            case 0 if made:
                made[place % len(made)] ^= 1 << chance.randrange(8)
            case 1 if made:
                made[place % len(made)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del made[place : place + chance.choice((1, 4, 64))]
            case 3:
                made[place:place] = made[place : place + chance.choice((1, 8, 256))]
            case 4:
                made[place : place + 4] = chance.choice(
                    (b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0" * 4, b"\x80\x80\x80\x80")
                )
            case _:
                other = chance.randrange(len(made) + 1)
                made[place:place] = made[other : other + 16]
    return bytes(made)


def mutated_json(value: Any, chance: random.Random) -> Any:
    """A JSON document with one or more places changed to another value, doubled, removed or nested."""
    made = json.loads(json.dumps(value))
    for _ in range(chance.choice((1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = []
        waiting = [made]
        while waiting:
            one = waiting.pop()
            entries = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
            for key, inner in entries:
                places.append((one, key))
                if isinstance(inner, dict | list):
                    waiting.append(inner)
        if not places:
            break
        holder, key = chance.choice(places)
        match chance.randrange(5):
            case 0:
                holder[key] = chance.choice(_NUMBERS)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.insert(key, holder[key])
            case 3:
                other, name = chance.choice(places)
                if name in (other if isinstance(other, dict) else range(len(other))):
                    holder[key] = json.loads(json.dumps(other[name]))
            case _ if type(holder[key]) in (int, float):
                holder[key] = chance.choice((holder[key] + 1, -holder[key], holder[key] * 2**20, -1))
            case _:
                holder[key] = [holder[key]]
    return made


def programs() -> Callable[[random.Random], None]:
    """Reads a mutated program, and compiles it to SQL and to ONNX."""
    from fsdb.errors import FsdbError
    from fsdb.models import Program, compile_functions, program_of
    from fsdb.models.backends.onnx import compile_onnx

    documents = [json.loads(program_of(model, TYPES).to_json()) for model in _fitted()]

    def one(chance: random.Random) -> None:
        text = json.dumps(mutated_json(chance.choice(documents), chance))
        if chance.random() < 0.1:
            text = mutated_bytes(text.encode(), chance).decode(errors="replace")
        try:
            program = Program.from_json(text)
        except ValueError:  # which load_program says in a sentence
            return
        for compiled in (lambda: compile_functions(program, "fsdb_models", "m"), lambda: compile_onnx(program)):
            try:
                made = compiled()
            except FsdbError:
                continue
            for statement in made if isinstance(made, list) else ():
                statement.as_string(None)

    return one


def onnx_models() -> Callable[[random.Random], None]:
    """Registers mutated ONNX bytes, as far as the program."""
    import numpy as np
    from skl2onnx import to_onnx

    from fsdb.errors import FsdbError
    from fsdb.models import OnnxModel, program_of

    contents = [to_onnx(model, np.zeros((1, 3))).SerializeToString() for model in _fitted()[:4]]

    def one(chance: random.Random) -> None:
        content = mutated_bytes(chance.choice(contents), chance)
        with suppress(FsdbError):
            program_of(OnnxModel(content, translate=chance.random() < 0.7), TYPES)

    return one


def copies() -> Callable[[random.Random], None]:
    """Reads a copy with one of its files mutated: metadata, a manifest or its list, rows."""
    from fsdb.columnar.iceberg import read
    from fsdb.errors import CopyBroken

    holder = tempfile.TemporaryDirectory(prefix="fsdb-fuzz-")
    folder = Path(holder.name).resolve()
    location, owner = _written(folder)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def one(chance: random.Random) -> None:
        path = chance.choice(sorted(files))
        if path.name.endswith(".json") and chance.random() < 0.7:
            path.write_text(json.dumps(mutated_json(json.loads(files[path]), chance)))
        else:
            path.write_bytes(mutated_bytes(files[path], chance))
        try:
            copy = read(location, "readings", [], [owner])
            for file in copy.files if copy else ():
                _rows(file.path)
        except CopyBroken:
            pass
        finally:
            path.write_bytes(files[path])
        held = {found for found in Path(holder.name).resolve().rglob("*") if found.is_file()}
        assert held == files.keys(), "a file was made or removed"

    return one


def _fitted() -> list[Any]:
    """Models of three numbers, whose programs have steps of many kinds."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    data = np.random.default_rng(7).normal(size=(60, 3))
    label = (data[:, 0] > 0).astype(int) + (data[:, 1] > 1)
    return [
        model.fit(data, label)
        for model in (
            make_pipeline(StandardScaler(), LogisticRegression()),
            RandomForestClassifier(2, max_depth=3, random_state=0),
            GradientBoostingClassifier(n_estimators=2, max_depth=2),
            make_pipeline(StandardScaler(), MLPClassifier((3,), max_iter=20, random_state=0)),
            SVC(),
            KNeighborsRegressor(3),
        )
    ]


def _written(folder: Path) -> tuple[str, str]:
    """A copy of three versions in a folder; where its metadata is, and the name of the database's folder."""
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("made", uri="sqlite://", warehouse=str(folder))
    catalog.create_namespace("public")
    rows = pa.table({"k": pa.array([1, 2, 3]), "x": pa.array([0.5, 1.5, 2.5]), "t": pa.array(["a", "b", "c"])})
    made = catalog.create_table("public.readings", rows.schema, location=f"{folder}/owner/readings-1")
    said = {"fsdb.snapshot": "1:1:", "fsdb.high": "3", "fsdb.restored": "0", "fsdb.floor": "0"}
    made.append(rows, snapshot_properties=said)
    return catalog.load_table("public.readings").metadata_location, "owner"


def _rows(path: str) -> None:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    with suppress(ArrowException, OSError, ValueError), pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches():
            batch.to_pydict()


KINDS: dict[str, Callable[[], Callable[[random.Random], None]]] = {
    "programs": programs,
    "onnx": onnx_models,
    "copies": copies,
}


def hunt(kind: str, seed: int, count: int) -> list[Breach]:
    """Tries `count` inputs of a kind, and returns what went wrong. Inputs after one that ended its process are tried in a new one."""
    breaches: list[Breach] = []
    first = 0
    while first < count:
        command = [sys.executable, "-m", "tests.access.fuzz", kind, str(seed), str(first), str(count)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS + 0.5 * (count - first), check=False
            )
            printed, ended = done.stdout, f"the process ended with {done.returncode}: {done.stderr[-300:]}"
        except subprocess.TimeoutExpired as late:
            printed, ended = (late.stdout or b"").decode(), "it takes too long"
        lines = printed.split()
        breaches += [Breach(kind, int(line.split("!", 1)[0]), line.split("!", 1)[1]) for line in lines if "!" in line]
        if lines and lines[-1] == "done":
            break
        last = max((int(line) for line in lines if line.isdigit()), default=first)
        breaches.append(Breach(kind, last, ended))
        first = last + 1
    return breaches


def _try(kind: str, seed: int, first: int, count: int) -> None:
    import faulthandler
    import warnings

    warnings.simplefilter("ignore")
    one = KINDS[kind]()
    for number in range(first, count):
        _say(str(number))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            one(random.Random(f"{kind} {seed} {number}"))
        except Exception as error:
            _say(f"{number}!{type(error).__name__}:{'_'.join(str(error).split())[:200]}")
    faulthandler.cancel_dump_traceback_later()
    _say("done")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _try(sys.argv[1], *map(int, sys.argv[2:5]))
