"""CSV and Parquet files: ingested, as spines and scored; what they hold is what was written, or refused by column and row."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import FsdbError, InvalidData, UnknownName
from fsdb.ingest import IngestResult, ingest
from fsdb.training import build

KINDS = {
    "note": "text", "open": "boolean", "since": "timestamptz", "day": "date", "tags": "jsonb", "v": "real[]", "owner": "uuid",
    "n": "integer", "amount": "numeric(10,2)", "x": "double precision",
}  # fmt: skip
OWNER = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
CSV = f"""shop,note,open,since,day,tags,v,owner,n,amount,x,event_time
007,NA,true,2024-01-01T10:00:00+02:00,2024-01-02,"{{""a"": [1, null]}}","[1, 2.5]",{str(OWNER).upper()},12,62.23,1e-3,2024-01-01 00:00:00Z
"0,8","",,2024-01-01 10:00:00.5Z,,,"{{1,NULL}}",,1.0,,NaN,2024-01-01T00:00:00Z
"""
ROWS = [
    ("0,8", "", None, datetime(2024, 1, 1, 10, 0, 0, 500_000, UTC), None, None, [1.0, None], None, 1, None, "nan"),
    ("007", "NA", True, datetime(2024, 1, 1, 8, tzinfo=UTC), date(2024, 1, 2), {"a": [1, None]}, [1.0, 2.5], OWNER, 12, Decimal("62.23"), 0.001),
]  # fmt: skip


@pytest.fixture
def shop(connection: psycopg.Connection) -> RegisteredSet:
    with connection.transaction():
        return history.create(
            connection, FeatureSet("shop", {"shop": "text"}, [Feature(name, kind) for name, kind in KINDS.items()])
        )


def kept(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    rows = connection.execute("SELECT shop, note, open, since, day, tags, v, owner, n, amount, x FROM shop ORDER BY 1")
    return [tuple("nan" if value != value else value for value in row) for row in rows]  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("name", ["a.csv", "a.CSV.gz", "marked.csv"])
def test_csv_is_what_is_written_in_it(
    connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    text = CSV.encode("utf-8-sig" if name == "marked.csv" else "utf-8")
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert ingest(connection, shop, path) == IngestResult(2, 0, 0, 0)
    assert kept(connection) == ROWS
    assert ingest(connection, shop, str(path)) == IngestResult(0, 0, 0, 2)


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "|")])
def test_fields_may_be_parted_otherwise(
    connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path, name: str, mark: str
) -> None:
    (tmp_path / name).write_text('shop;note;n\n007;"a;b, c";1\n8;"";\n'.replace(";", mark))
    ingest(connection, shop, tmp_path / name)
    assert [row[:2] + row[8:9] for row in kept(connection)] == [("007", f"a{mark}b, c", 1), ("8", "", None)]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("n", "1.5", "'1.5' in row 1, which is not a whole number"),
        ("n", "99999999999", "out of range of integer"),
        ("n", "abc", "not a number"),
        ("x", '"1,5"', "'1,5' in row 1, which is not a number"),
        ("x", "1e400", "out of range of double precision"),
        ("open", "maybe", "not a boolean"),
        ("since", "2024-01-01 10:00", "naive: give their time zone"),
        ("since", "01/02/2024", "not a time"),
        ("since", "2024-01-01 10:00:00.1234567Z", "nanoseconds"),
        ("day", "01/02/2024", "not of type date"),
        ("v", "x", r"not of type real\[\]"),
        ("owner", "x", "not a UUID"),
        ("tags", "{", "not JSON"),
        ("other", "1", "has no 'other'"),
    ],
)
def test_what_a_field_cannot_be_is_said_by_row(
    connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path, column: str, value: str, words: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"shop,{column}\na,\nb,{value}\n")
    with pytest.raises((InvalidData, UnknownName), match=words):
        ingest(connection, shop, path)
    assert kept(connection) == []


@pytest.mark.parametrize("text", [b"", b"shop,note\n1,caf\xe9\n", b"shop,note\n1,2,3\n", b"shop,shop\n1,2\n"])
def test_files_that_are_none(connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path, text: bytes) -> None:
    for name in ("a.csv", "a.csv.gz", "a.parquet"):
        (tmp_path / name).write_bytes(text)
        for call in (
            lambda name=name: ingest(connection, shop, tmp_path / name),
            lambda name=name: build(connection, spine=tmp_path / name, features=["shop.n"], timestamp="at"),
        ):
            with pytest.raises(FsdbError, match=r"cannot be read: .*\.$|two columns named"):
                call()


def test_a_csv_file_is_a_spine(connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path) -> None:
    ingest(
        connection,
        shop,
        pa.table({"shop": ["007", "8"], "n": [7, 8], "event_time": [datetime(2024, 1, 1, tzinfo=UTC)] * 2}),
    )
    path = tmp_path / "spine.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(
            "shop,at,zip,row,label,share,clock,seen\n007,2024-06-01,01234,9007199254740993,true,0.1,10:00:00,2024-06-01\n"
        )
        file.write("8,2024-06-01T00:00:00,00001,1,false,,11:00:00,\n")
    found = build(connection, spine=path, features=["shop.n"], timestamp="at", timezone="+02:00").to_arrow()
    moment = datetime(2024, 5, 31, 22, tzinfo=UTC)
    assert found.to_pylist() == [
        {"shop": "007", "at": moment, "zip": "01234", "row": 9007199254740993, "label": True, "share": 0.1, "clock": "10:00:00", "seen": date(2024, 6, 1), "n": 7},
        {"shop": "8", "at": moment, "zip": "00001", "row": 1, "label": False, "share": None, "clock": "11:00:00", "seen": None, "n": 8},
    ]  # fmt: skip


@pytest.mark.parametrize("arrow", [True, False])
def test_int96_has_all_years_and_no_hidden_nanoseconds(
    connection: psycopg.Connection, shop: RegisteredSet, tmp_path: Path, arrow: bool
) -> None:
    times = [datetime(1600, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 30, 23)]
    table = pa.table({"shop": ["a", "b", "c"], "n": [1, 2, 3], "event_time": pa.array(times, pa.timestamp("us"))})
    path = tmp_path / "old.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=arrow)
    with pytest.raises(InvalidData, match="naive"):
        ingest(connection, shop, path)
    ingest(connection, shop, path, timezone="UTC")
    found = connection.execute("SELECT event_time FROM shop ORDER BY n").fetchall()
    assert found == [(time.replace(tzinfo=UTC),) for time in times]
    spine = tmp_path / "spine.parquet"
    pq.write_table(
        table.select(["shop", "event_time"]), spine, use_deprecated_int96_timestamps=True, store_schema=arrow
    )
    built = build(connection, spine=spine, features=["shop.n"], timestamp="event_time", timezone="UTC").to_arrow()
    assert built["n"].to_pylist() == [1, 2, 3]
    nanoseconds = pa.table({"shop": ["d", "e"], "n": [1, 2], "event_time": pa.array([0, 1], pa.timestamp("ns"))})
    pq.write_table(nanoseconds, path, use_deprecated_int96_timestamps=True, store_schema=arrow)
    with pytest.raises(InvalidData, match="'event_time' of the data has nanoseconds in row 1"):
        ingest(connection, shop, path, timezone="UTC")
