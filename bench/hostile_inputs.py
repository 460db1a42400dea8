"""Hostile inputs, made from one seed: texts, model programs, ONNX, Parquet and Iceberg's metadata, each tried where it would come in.

`python -m bench.hostile_inputs KIND URL COUNT` tries them in a process of its own, since one may end it, and prints what was tried and what went wrong.
"""

import json
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from sklearn.linear_model import LogisticRegression

import fsdb
from tests.names import NAMES

SECRET = "s3cret-hunter2"  # the password of the URLs that are used; no message may have it
MARK = "fsdb_pwned"  # what every payload tries to leave behind
PAYLOADS = (
    f"'; CREATE TABLE public.{MARK} (); --",
    f'"; CREATE TABLE public.{MARK} (); --',
    f"$$; CREATE TABLE public.{MARK} (); $$",
    f"$_$; CREATE TABLE public.{MARK} (); $_$",
    f"$fsdb$; CREATE TABLE public.{MARK} (); $fsdb$",
    f"\\'; CREATE TABLE public.{MARK} (); --",
    f"*/; CREATE TABLE public.{MARK} (); /*",
    f"x) TO PUBLIC; CREATE ROLE {MARK} SUPERUSER; --",
    f"PUBLIC; CREATE ROLE {MARK}",
    f'"; CREATE ROLE {MARK} SUPERUSER; --',
    f"1; COPY (SELECT 1) TO PROGRAM 'touch /tmp/{MARK}'",
    f"SELECT 1 AS id, now() AS at; CREATE TABLE public.{MARK} ()",
    f"bigint); CREATE TABLE public.{MARK} (); --",
    f"numeric(1,1)) ; CREATE TABLE public.{MARK} (); --",
    f"{{0.__class__}} {MARK}",
    f"%(password)s %s %% {MARK}",
    f"[bold red]{MARK}[/] [link=file:///etc/passwd]x[/link]",
    f"<script>document.{MARK}</script>",
    f"../../{MARK}",
    f"file:///tmp/{MARK}",
    f"\x1b]0;{MARK}\x07\x1b[2J",
    "\u202e" + MARK,
    "\r\nSET ROLE postgres",
    "E'\\x41'",
    'U&"\\0041"',
    "pg_catalog.pg_class",
    "current_user",
    "session_user",
    "public",
    "none",
    "pg_read_server_files",
)
TEXTS = (*PAYLOADS, *NAMES[-45:])  # the names that are no words

Trial = Callable[[], Any]


def texts(url: str, _count: int) -> Iterator[tuple[str, Trial]]:
    """Every text in every place of the SDK that takes one; each in a transaction that is rolled back."""
    store = fsdb.connect(url)
    keys, features = {"id": "bigint"}, [fsdb.Feature("v", "bigint")]

    def define(**given: Any) -> Any:
        whole = {"name": "made", "keys": keys, "features": features, **given}
        return store.apply([fsdb.FeatureSet(**whole)])

    def view(**given: Any) -> Any:
        spine = "SELECT 1::bigint AS id, now() AS at"
        return store.apply(
            [fsdb.TrainingView(**{"name": "v", "spine": spine, "timestamp": "at", "features": ["one.v"], **given})]
        )

    places: dict[str, Callable[[str], Any]] = {
        "name of a set": lambda text: define(name=text),
        "name of a key": lambda text: define(keys={text: "bigint"}),
        "type of a key": lambda text: define(keys={"id": text}),
        "name of a feature": lambda text: define(features=[fsdb.Feature(text, "bigint")]),
        "type of a feature": lambda text: define(features=[fsdb.Feature("v", text)]),
        "default": lambda text: define(features=[fsdb.Feature("v", "text", default=text)]),
        "description, tags and owner": lambda text: define(description=text, tags=[text], owner=text),
        "max_age": lambda text: define(max_age=text),
        "name of a view": lambda text: view(name=text),
        "spine": lambda text: view(spine=text),
        "label": lambda text: view(label=text, description=text),
        "feature of a view": lambda text: view(features=[text]),
        "search": store.search,
        "describe": store.describe,
        "model": store.describe_model,
        "deployment": store.deployment,
        "stages": store.stages,
        "costs": store.costs,
        "saved set": store.load_training_set,
        "track": store.track,
        "query": lambda text: store.ingest("one", text),
        "event time": lambda text: store.ingest("one", pd.DataFrame({"id": [1], "v": [1]}), event_time=text),
        "time zone": lambda text: store.ingest("one", pd.DataFrame({"id": [1], "v": [1]}), timezone=text),
        "key": lambda text: store.feature_vector(["one.v"], {"id": text}),
        "features": lambda text: store.feature_vector([text], {"id": 1}),
        "role": lambda text: store.grant(text, "pg_monitor"),
        "user": lambda text: store.grant("reader", text),
        "target": lambda text: store.grant("writer", "pg_monitor", on=text),
        "revoked": lambda text: store.revoke("reader", text),
        "prefix": store.name_roles,
        "recorded object": lambda text: store.audit(object=text, operation=text),
        "deployed": lambda text: store.deploy("plain", text),
        "stage": lambda text: store.set_stage("plain", 1, text),
    }
    for place, call in places.items():
        for text in TEXTS:
            yield f"{place}={text!r}", lambda call=call, text=text: _rolled_back(store, call, text)  # type: ignore[misc]


def _rolled_back(store: fsdb.Store, call: Callable[[str], Any], text: str) -> None:
    with suppress(_Done), store.transaction():
        str(call(text))
        raise _Done


class _Done(Exception):
    """Ends a transaction whose changes the next trial is not to see."""


def programs(_url: str, count: int) -> Iterator[tuple[str, Trial]]:
    """Mutated programs of models, read and compiled as a deployment does."""
    from fsdb.models import Program, compile_functions, program_of

    given = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
    program = program_of(LogisticRegression().fit(given, given.amount > 2), {"amount": "double precision"}, None)
    whole, chance = json.loads(program.to_json()), random.Random(1)

    def one(text: str) -> None:
        with suppress(
            ValueError, TypeError, KeyError, RecursionError
        ):  # what registry.load_program makes a sentence of
            compile_functions(Program.from_json(text), "fsdb_models", "plain_v1")

    for number in range(count):
        text = json.dumps(_mutated(whole, chance)) if number % 50 else "[" * (number * 40 + 1)
        yield f"program {number}", lambda text=text: one(text)  # type: ignore[misc]


def onnx(_url: str, count: int) -> Iterator[tuple[str, Trial]]:
    """Mutated bytes of an ONNX model, taken as `register_model` does."""
    from skl2onnx import to_onnx

    from fsdb.models import OnnxModel, program_of

    rows = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    whole = to_onnx(LogisticRegression().fit(rows, [0, 0, 1, 1]), rows).SerializeToString()
    chance = random.Random(2)
    for number in range(count):
        content = _bytes(whole, chance)
        yield f"ONNX {number}", lambda content=content: program_of(OnnxModel(content), {"X": "real"}, None)  # type: ignore[misc]


def parquet(url: str, count: int) -> Iterator[tuple[str, Trial]]:
    """Mutated bytes of a Parquet file, given to `ingest`."""
    store, chance = fsdb.connect(url), random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pd.DataFrame({"id": range(50), "v": range(50)}).to_parquet(path)
        whole = path.read_bytes()
        for number in range(count):
            path.write_bytes(_bytes(whole, chance))
            yield f"Parquet {number}", lambda: _rolled_back(store, lambda text: store.ingest("one", text), str(path))


def iceberg(url: str, count: int) -> Iterator[tuple[str, Trial]]:
    """Mutated metadata of a copy, read as an engine does."""
    from fsdb.columnar import read_copy
    from fsdb.columnar.reading import forget

    store, chance = fsdb.connect(url), random.Random(4)
    with store.transaction() as connection:
        row = connection.execute("SELECT metadata_location FROM fsdb_iceberg.iceberg_tables").fetchone()
        assert row is not None
        path = Path(row[0].removeprefix("file://"))
        whole = path.read_bytes()
        for number in range(count):
            text = json.dumps(_mutated(json.loads(whole), chance)).encode() if number % 2 else _bytes(whole, chance)

            def one(text: bytes = text) -> None:
                path.write_bytes(text)
                forget()
                try:
                    read_copy(connection, "one")
                finally:
                    path.write_bytes(whole)

            yield f"metadata {number}", one


def _mutated(value: Any, chance: random.Random) -> Any:
    """The JSON value with one to three of its parts replaced, taken out, doubled or put elsewhere."""
    made = json.loads(json.dumps(value))
    for _ in range(chance.randint(1, 3)):
        holders = list(_holders(made))
        holder, key = chance.choice(holders)
        what = chance.randrange(4)
        if what == 0 and isinstance(holder, dict):
            holder.pop(key)
        elif what == 1:
            holder[key] = chance.choice(
                [*TEXTS, None, True, -1, 2**63, 10**400, 1e308, [], {}, [[[[]]]], "nan", "inf", {"is": "Program"}]
            )
        elif what == 2:
            other, at = chance.choice(holders)
            holder[key] = json.loads(json.dumps(other[at]))
        elif isinstance(holder, dict):
            holder[chance.choice(TEXTS)] = json.loads(json.dumps(holder.get(key)))
        made = json.loads(json.dumps(made))
        if not isinstance(made, dict | list) or not made:
            return made
    return made


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _holders(value[key])


def _bytes(whole: bytes, chance: random.Random) -> bytes:
    """The bytes with some changed, cut out, doubled, or replaced by a payload."""
    made = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, len(made)))
        what = chance.randrange(4)
        if what == 0:
            made[at : at + 1] = bytes([chance.randrange(256)])
        elif what == 1:
            del made[at : at + chance.randint(1, 40)]
        elif what == 2:
            made[at:at] = made[at : at + chance.randint(1, 40)]
        else:
            payload = chance.choice(PAYLOADS).encode()
            made[at : at + len(payload)] = payload
    return bytes(made)


KINDS: dict[str, Callable[[str, int], Iterator[tuple[str, Trial]]]] = {
    "texts": texts,
    "programs": programs,
    "onnx": onnx,
    "parquet": parquet,
    "iceberg": iceberg,
}


def tried(kind: str, url: str, count: int) -> Iterator[tuple[str, str]]:
    """Each trial's name with what went wrong, "" where it was taken or refused by a sentence of fsdb's."""
    for name, trial in KINDS[kind](url, count):
        wrong = ""
        try:
            trial()
        except fsdb.FsdbError as error:
            text = str(error)
            wrong = (
                "no sentence"
                if not text.strip() or "Traceback" in text
                else f"tells {SECRET}"
                if SECRET in text
                else ""
            )
        except Exception as error:
            wrong = f"{type(error).__name__}: {str(error)[:200]}"
        yield name, wrong


def main() -> None:
    """Prints a line of JSON for each trial that went wrong, and last how many there were."""
    kind, url, count = sys.argv[1:]
    total = 0
    with warnings.catch_warnings(action="ignore"):
        for name, wrong in tried(kind, url, int(count)):
            total += 1
            if wrong:
                sys.stdout.write(json.dumps({"name": name, "wrong": wrong}) + "\n")
    sys.stdout.write(json.dumps({"tried": total}) + "\n")


def left_behind(connection: psycopg.Connection) -> list[str]:
    """What a payload that was executed would have left."""
    found = (
        [f"table {MARK}"]
        if connection.execute("SELECT to_regclass(%s) IS NOT NULL", [MARK]).fetchone() == (True,)
        else []
    )
    row = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [MARK]).fetchone()
    found += [f"role {MARK}"] if row != (0,) else []
    return [*found, *([f"/tmp/{MARK}"] if Path("/tmp", MARK).exists() else [])]


if __name__ == "__main__":
    main()
