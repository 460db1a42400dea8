"""Wide training sets and vectors hold what narrow ones and the brute-force as-of give, whatever the types."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.engines.postgres import arrays, pieces
from fsdb.training import build, load, rebuild, save, verify
from fsdb.vectors import feature_vector, feature_vectors
from tests.conftest import TestDatabase
from tests.oracle import Version
from tests.training.made import made_set, put
from tests.training.oracle import History, expected, late_values, matched_rows

T = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WIDTH = 570
KEYS = ["a", "b", "c", "gone"]
# What a feature of a type may hold: as it is written, and as Arrow holds it.
VALUES: dict[str, list[tuple[Any, Any]]] = {
    "double precision": [(0.1, 0.1), (-0.0, -0.0), (float("inf"), float("inf")), (1e300, 1e300)],
    "real": [(0.5, 0.5), (-3.25, -3.25)],
    "smallint": [(-32768, -32768), (7, 7)],
    "integer": [(-1, -1), (2**31 - 1, 2**31 - 1)],
    "bigint": [(-1, -1), (2**63 - 1, 2**63 - 1)],
    "boolean": [(True, True), (False, False)],
    "text": [("", ""), ('a "quoted", näme', 'a "quoted", näme'), ("NULL", "NULL")],
    "numeric(10,2)": [(Decimal("1.50"), Decimal("1.50"))],
    "numeric": [(Decimal("1.5000"), "1.5000")],
    "date": [(date(1969, 12, 31), date(1969, 12, 31))],
    "timestamp with time zone": [(T, T)],
    "uuid": [(UUID(int=5), str(UUID(int=5)))],
    "real[]": [([0.5, None], [0.5, None]), ([], [])],
    "jsonb": [('{"a": [1, null]}', '{"a": [1, null]}')],
}
KINDS = list(VALUES)


def definition(name: str, kinds: list[str], max_age: str | None = None, defaults: bool = False) -> FeatureSet:
    features = []
    for number in range(WIDTH):
        kind = kinds[number % len(kinds)]
        default = VALUES[kind][0][0] if defaults and number % 5 == 0 and kind not in ("real[]", "jsonb") else None
        features.append(Feature(f"{name}_{number}", kind, default=default))
    return FeatureSet(name, {"k": "text"}, features, max_age=max_age)


def versions(of: FeatureSet, chance: random.Random) -> list[tuple[Version, Version]]:
    """Versions of a few keys as they are written and as they are read, with ties, tombstones, late ones and NULLs."""
    made = []
    for number in range(1, 25):
        key = ("gone" if number % 9 == 0 else chance.choice(KEYS[:3]),)
        at = T - chance.randint(0, 12) * HOUR
        recorded = at + chance.choice([-HOUR, timedelta(), 30 * HOUR])
        deleted = number % 9 == 0 or chance.random() < 0.15
        pairs = {
            feature.name: (None, None)
            if deleted or chance.random() < chance.choice([0, 0.3])
            else chance.choice(VALUES[feature.sql_type])
            for feature in of.features
        }
        made.append(
            tuple(
                Version(number, key, {name: pair[side] for name, pair in pairs.items()}, at, recorded, deleted)
                for side in (0, 1)
            )
        )
    return made  # type: ignore[return-value]


@pytest.fixture(scope="module")
def world(module_database: TestDatabase) -> Iterator[tuple[psycopg.Connection, list[History], list[str]]]:
    """Numbers alone; every type, with a max_age; every type with defaults and a max_age."""
    chance = random.Random(11)
    definitions = [
        definition("numbers", ["double precision"]),
        definition("kinds", KINDS, max_age="6 hours"),
        definition("filled", KINDS, max_age="3 hours", defaults=True),
    ]
    histories = []
    with module_database.connect() as connection:
        for of in definitions:
            both = versions(of, chance)
            put(connection, made_set(connection, of), [written for written, _ in both])
            defaults = {f.name: dict(VALUES[f.sql_type])[f.default] for f in of.features if f.default is not None}
            names = {f.name: f.name for f in of.features}
            histories.append(History(("k",), names, [read for _, read in both], of.max_age, defaults))  # type: ignore[arg-type]
        references = [reference for of in definitions for reference in of.references]
        chance.shuffle(references)
        yield connection, histories, references


def spine() -> list[dict[str, Any]]:
    chance = random.Random(5)
    rows = [{"k": chance.choice([*KEYS, "unknown", None]), "at": T - chance.randint(-3, 13) * HOUR} for _ in range(40)]
    return [{"row": number, **row} for number, row in enumerate([*rows, *rows[:3]])]


def as_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(
        rows,
        pa.schema([("row", pa.int64()), ("k", pa.string()), ("at", pa.timestamp("us", "UTC"))]),
    )


@pytest.mark.parametrize("known", ["now", "then", T - 2 * HOUR])
def test_training_sets(world: tuple[psycopg.Connection, list[History], list[str]], known: str | datetime) -> None:
    connection, histories, references = world
    rows = spine()
    built = build(connection, spine=as_table(rows), features=references, timestamp="at", known=known, engine="postgres")
    names = [reference.partition(".")[2] for reference in references]
    assert built.to_arrow().column_names == ["row", "k", "at", *names]
    for found, wanted in zip(built.to_arrow().to_pylist(), expected(rows, "at", histories, known), strict=True):
        assert found == wanted
    counts = dict(zip(("numbers", "kinds", "filled"), matched_rows(rows, "at", histories, known), strict=True))
    assert {one.feature_set: one.matched for one in built.coverage} == counts
    if known == "now":
        assert built.late_values == late_values(rows, "at", histories) > 0
    # Narrow ones take another way: text, a column for each feature.
    for start in range(0, len(references), 600):
        some = references[start : start + 600]
        narrow = build(connection, spine=as_table(rows), features=some, timestamp="at", known=known, engine="postgres")
        assert narrow.to_arrow().equals(built.to_arrow().select(narrow.to_arrow().column_names), check_metadata=True)


def test_spines_of_the_database_and_saved_sets(world: tuple[psycopg.Connection, list[History], list[str]]) -> None:
    connection, histories, references = world
    query = "SELECT n AS row, k, at FROM given ORDER BY n DESC"
    rows = spine()
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TEMPORARY TABLE given (n bigint, k text, at timestamptz)")
        connection.cursor().executemany("INSERT INTO given VALUES (%(row)s, %(k)s, %(at)s)", rows)
        built = build(connection, spine=query, features=references, timestamp="at", engine="postgres")
        assert built.to_arrow().to_pylist() == expected(rows[::-1], "at", histories)
        save(connection, built, "wide")
        saved = load(connection, "wide")
        assert verify(connection, saved.saved, engine="postgres") == built.content_hash
        assert rebuild(connection, saved.saved, engine="postgres").to_arrow().equals(built.to_arrow())
        assert len(repr(saved)) < 5000


def test_a_spine_without_rows(world: tuple[psycopg.Connection, list[History], list[str]]) -> None:
    connection, _, references = world
    full = build(connection, spine=as_table(spine()), features=references, timestamp="at", engine="postgres")
    none = build(connection, spine=as_table([]), features=references, timestamp="at", engine="postgres")
    assert (none.num_rows, none.to_arrow().schema) == (0, full.to_arrow().schema)


def test_vectors(world: tuple[psycopg.Connection, list[History], list[str]]) -> None:
    """One entity, read in arrays, has the values and Python types that are read as columns."""
    connection, _, references = world
    parts = [references[start : start + 90] for start in range(0, len(references), 90)]
    for key in [*KEYS, "unknown"]:
        wide = feature_vector(connection, references, {"k": key})
        narrow: dict[str, Any] = {}
        found = True
        for part in parts:
            vector = feature_vector(connection, part, {"k": key})
            found &= vector.pop("found")
            narrow |= vector
        assert (list(wide), wide) == ([*narrow, "found"], {**narrow, "found": found})
        assert [type(value) for value in wide.values()] == [type(value) for value in [*narrow.values(), found]]


def test_many_vectors(world: tuple[psycopg.Connection, list[History], list[str]]) -> None:
    connection, _, references = world
    keys = [{"k": key} for key in ["b", "unknown", "a", "a", "gone", "c"]]
    wide = feature_vectors(connection, references, keys)
    narrow = [feature_vectors(connection, references[at : at + 600], keys) for at in range(0, len(references), 600)]
    assert wide.column_names == [*(name for part in narrow for name in part.column_names[:-1]), "found"]
    for part in narrow:
        assert part.drop_columns("found").equals(wide.select(part.column_names[:-1]), check_metadata=True)
    together = [all(row) for row in zip(*(part["found"].to_pylist() for part in narrow), strict=True)]
    assert wide["found"].to_pylist() == together
    assert set(together) == {True, False}
    assert feature_vectors(connection, references, []).schema == wide.schema


def test_every_piece_sees_one_snapshot(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and texts are read by different queries; what is committed between them is seen by neither."""
    features = [Feature(f"n{n}", "bigint") for n in range(600)] + [Feature(f"t{n}", "text") for n in range(300)]
    columns = {"n": [f"n{n}" for n in range(600)], "t": [f"t{n}" for n in range(300)]}
    read_arrays = arrays.read_arrays
    with database.connect() as connection, database.connect() as other:
        of = [FeatureSet(name, {"k": "text"}, features) for name in ("one", "two")]
        registered: list[RegisteredSet] = [made_set(connection, each) for each in of]

        def write(number: int) -> None:
            values = dict.fromkeys(columns["n"], number) | {c: str(number) for c in columns["t"]}
            with other.transaction():
                for each in registered:
                    put(other, each, [Version(number, ("a",), values, T - HOUR, T - HOUR)])

        def read_then_write(*arguments: Any) -> Any:
            answer = read_arrays(*arguments)
            write(2)
            return answer

        write(1)
        references = [reference for each in of for reference in each.references]
        monkeypatch.setattr(pieces, "read_arrays", read_then_write)
        row = feature_vectors(connection, references, [{"k": "a"}]).to_pylist()[0]
        assert {str(value) for name, value in row.items() if name != "found"} == {"1"}
        monkeypatch.setattr(pieces, "read_arrays", read_arrays)
        row = feature_vectors(connection, references, [{"k": "a"}]).to_pylist()[0]
        assert {str(value) for name, value in row.items() if name != "found"} == {"2"}
        assert set(map(str, feature_vector(connection, references, {"k": "a"}).values())) == {"2", "True"}
