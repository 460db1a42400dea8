"""Windows over events of a Parquet file: counts and exact sums of 20 windows for each row, by the kernel and by what others do.

The others add doubles up in some order and round at each step; `differing_bits` counts windows of the kernel that are not the exact sum, rounded once.
Seconds are CPU seconds of the process, reading the file included; `training` is a training set on DuckDB, from the copy of an event table, of 200,000 events at most.
"""

import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from psycopg.sql import SQL, Composed, Identifier, Literal

import fsdb
from bench.report import Case, at_least, at_most, within
from fsdb.runs import Asked
from fsdb.windows.kernel import AGGREGATES, Column, Events

SECOND, DAY = 10**6, 86_400 * 10**6
YEAR = 365 * DAY
HOURS = (1 / 6, 1 / 2, 1, 2, 4, 6, 8, 12, 24, 48, 72, 120, 168, 240, 336, 504, 720, 1080, 1440, 2160)
WIDTHS = [round(3600 * hours) * SECOND for hours in HOURS]
BUCKETS = 16
CHECKED = 5000  # rows whose windows are added up one by one
COPIED = 200_000  # events that are ingested at most
COLUMNS = ("key", "us", "amount")


def run(url: str, events: float = 1e6, rows: float = 1e5, keys: float = 1e4) -> Iterator[Case]:
    """Cases for even keys, for one key that has a tenth of all events and rows, and for a training set of the database at `url`."""
    with tempfile.TemporaryDirectory(prefix="fsdb-bench-") as folder:
        even = _made(Path(folder) / "even", round(events), round(rows), round(keys), skewed=False)
        taken, found = _measured(kernel, even)
        yield within("windows", "differing_bits", _differing(even, found), unit="windows", target=0)
        others = {"range_join": (range_join, 3), "polars": (rolling, 5), "range_between": (range_between, 10)}
        for name, (other, target) in others.items():
            baseline, theirs = _measured(other, even)
            assert _near(found, theirs), name
            yield at_least(
                "windows", f"training_vs_{name}", 1 / taken, unit="runs/s", baseline=1 / baseline, target=target
            )
        skewed, _ = _measured(
            kernel, _made(Path(folder) / "skewed", round(events), round(rows), round(keys), skewed=True)
        )
        yield at_most("windows", "skewed", skewed, unit="s", baseline=taken, target=1.2)
        few = _made(Path(folder) / "few", round(min(events, COPIED)), round(rows), round(keys), skewed=False)
        baseline, theirs = _measured(range_join, few)
        taken, found = _training(url, few, Path(folder) / "warehouse")
        assert _near(found, theirs), "training"
        yield at_least("windows", "training", 1 / taken, unit="runs/s", baseline=1 / baseline, target=3)


def kernel(folder: Path) -> pa.Table:
    """One bucket after the other, as the columnar copy is in buckets: events in the order of (key, time), as its files are."""
    events = pq.read_table(folder / "events.parquet", columns=list(COLUMNS)).combine_chunks()
    rows = pq.read_table(folder / "rows.parquet").sort_by("key")
    of_events, of_rows = (table["key"].to_numpy() for table in (events, rows))
    cuts = np.linspace(0, of_events[-1] + 1, BUCKETS + 1).astype(np.int64)
    pieces = []
    for begin, end in itertools.pairwise(cuts):
        some = [
            table.slice(first, last - first)
            for table, keys in ((events, of_events), (rows, of_rows))
            for first, last in [np.searchsorted(keys, (begin, end))]
        ]
        pieces.append(_bucket(*some))
    return pa.concat_tables(pieces).sort_by("position").drop_columns("position")


def _bucket(events: pa.Table, rows: pa.Table) -> pa.Table:
    asked = Asked([rows["key"]], rows["us"].to_numpy())
    of_row = np.repeat(np.arange(asked.keys), np.diff(asked.starts))
    order = np.lexsort((asked.moments, of_row))  # neighbours in the file are asked for together
    numbers = asked.find([events["key"].combine_chunks()])
    there = np.flatnonzero(numbers >= 0)
    held = Events(numbers[there], events["us"].to_numpy()[there])
    spans = held.spans(of_row, asked.moments[order], WIDTHS)
    column = Column(events["amount"].combine_chunks().take(pa.array(there)), spans)
    made = {"position": [rows["position"].take(pa.array(asked.positions[order]))]}
    made |= {name: AGGREGATES[name](column) for name in ("count", "sum")}
    return pa.table(
        {
            name if name == "position" else f"{name}_{n}": one
            for name, columns in made.items()
            for n, one in enumerate(columns)
        }
    )


def range_join(folder: Path) -> pa.Table:
    """DuckDB's join of each row with the events of its longest window."""
    within = SQL("count(e.amount) FILTER (e.us > s.us - {0}) AS {1}, sum(e.amount) FILTER (e.us > s.us - {0}) AS {2}")
    return _duckdb(
        folder,
        SQL(
            "SELECT {} FROM rows s LEFT JOIN events e ON e.key = s.key AND e.us <= s.us AND e.us > s.us - {} GROUP BY s.position ORDER BY s.position"
        ).format(_each(within), Literal(WIDTHS[-1])),
    )


def range_between(folder: Path) -> pa.Table:
    """SQL's windows over rows and events together, in DuckDB."""
    frame = SQL("OVER (PARTITION BY key ORDER BY us RANGE BETWEEN {0} - 1 PRECEDING AND CURRENT ROW)").as_string()
    within = SQL("count(amount) " + frame + " AS {1}, sum(amount) " + frame + " AS {2}")
    return _duckdb(
        folder,
        SQL(
            "SELECT * EXCLUDE (position) FROM (SELECT position, {} FROM (SELECT key, us, amount, NULL::bigint AS position FROM events "
            "UNION ALL SELECT key, us, NULL, position FROM rows)) WHERE position IS NOT NULL ORDER BY position"
        ).format(_each(within)),
    )


def _training(url: str, folder: Path, warehouse: Path) -> tuple[float, pa.Table]:
    """CPU seconds of this process for a training set of the rows, from the copy of the events, and what it holds."""
    events, rows = (pq.read_table(folder / f"{name}.parquet") for name in ("events", "rows"))
    windows = fsdb.Window("amount", ["count", "sum"], [timedelta(microseconds=width) for width in WIDTHS])
    with fsdb.connect(url, warehouse=str(warehouse)) as store:
        store.apply(
            [
                fsdb.EventTable("spent", id="n", event_time="at", columns={"key": sa.BigInteger, "amount": sa.Double}),
                fsdb.WindowSet("spending", "spent", {"key": "key"}, [windows]),
            ]
        )
        numbered = events.append_column("n", pa.array(range(events.num_rows), pa.int64()))
        store.ingest("spent", _timed(numbered))
        store.sync()
        spine = _timed(rows)
        began = time.process_time()
        built = store.training_set(spine=spine, features="spending", timestamp="at", engine="duckdb").to_arrow()
        taken = time.process_time() - began
    names = [f"{function}_{n}" for function in ("count", "sum") for n in range(len(WIDTHS))]
    return taken, built.select(range(len(spine.column_names), built.num_columns)).rename_columns(names)


def _timed(table: pa.Table) -> pa.Table:
    """With moments in place of microseconds."""
    at = table["us"].cast(pa.timestamp("us", "UTC"))
    return table.drop_columns("us").append_column("at", at)


def _each(within: SQL) -> Composed:
    """A count and a sum for each width."""
    return SQL(", ").join(
        [
            within.format(Literal(width), Identifier(f"count_{n}"), Identifier(f"sum_{n}"))
            for n, width in enumerate(WIDTHS)
        ]
    )


def rolling(folder: Path) -> pa.Table:
    """polars' rolling groups, one width after the other."""
    events = pl.read_parquet(folder / "events.parquet", columns=list(COLUMNS)).with_columns(
        position=pl.lit(None, pl.Int64)
    )
    rows = pl.read_parquet(folder / "rows.parquet").select(
        "key", "us", pl.lit(None, pl.Float64).alias("amount"), "position"
    )
    both = pl.concat([events, rows]).sort("key", "us").with_columns(at=pl.from_epoch("us", "us"))
    found = []
    for n, width in enumerate(WIDTHS):
        made = both.rolling("at", period=f"{width}us", closed="right", group_by="key").agg(
            pl.col("position").last(),
            pl.col("amount").count().alias(f"count_{n}"),
            pl.col("amount").sum().alias(f"sum_{n}"),
        )
        made = made.with_columns(both["position"].alias("row")).filter(pl.col("row").is_not_null()).sort("row")
        found.append(made.select(f"count_{n}", f"sum_{n}"))
    return pl.concat(found, how="horizontal").to_arrow()


def _duckdb(folder: Path, statement: Composed) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        for name in ("events", "rows"):
            connection.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
        return connection.sql(statement.as_string()).to_arrow_table()


def _made(folder: Path, events: int, rows: int, keys: int, skewed: bool) -> Path:
    folder.mkdir()
    draw = np.random.default_rng(7)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        key = draw.integers(0, keys, count)
        if skewed:
            key[draw.random(count) < 0.1] = 17
        return key, draw.integers(0, YEAR, count)

    key, us = drawn(events)
    order = np.lexsort((us, key))
    amount = np.round(np.exp(3 + 1.5 * draw.random(events)), 2)
    pq.write_table(pa.table({"key": key[order], "us": us[order], "amount": amount}), folder / "events.parquet")
    key, us = drawn(rows)
    pq.write_table(pa.table({"position": np.arange(rows), "key": key, "us": us}), folder / "rows.parquet")
    return folder


def _measured(how: Callable[[Path], pa.Table], folder: Path) -> tuple[float, pa.Table]:
    began = time.process_time()
    found = how(folder)
    return time.process_time() - began, found


def _differing(folder: Path, found: pa.Table) -> int:
    """How many windows are not what `math.fsum` gives for their events, each looked up for itself."""
    events, rows = (pq.read_table(folder / f"{name}.parquet") for name in ("events", "rows"))
    keys, times, amounts = (events[name].to_numpy() for name in COLUMNS)
    wrong = 0
    for row, (key, at) in enumerate(
        zip(rows["key"].to_pylist()[:CHECKED], rows["us"].to_pylist()[:CHECKED], strict=True)
    ):
        first, last = np.searchsorted(keys, [key, key + 1])
        own, when = amounts[first:last], times[first:last]
        for n, width in enumerate(WIDTHS):
            held = own[(when > at - width) & (when <= at)]
            expected = (len(held), math.fsum(held) if len(held) else None)
            wrong += (found[f"count_{n}"][row].as_py(), found[f"sum_{n}"][row].as_py()) != expected
    return wrong


def _near(one: pa.Table, other: pa.Table) -> bool:
    """Whether counts are equal, and sums but for their rounding."""
    for n in range(len(WIDTHS)):
        if not np.array_equal(one[f"count_{n}"].to_numpy(), other[f"count_{n}"].to_numpy()):
            return False
        sums, others = (np.nan_to_num(table[f"sum_{n}"].to_numpy().astype(float)) for table in (one, other))
        if not np.allclose(sums, others, rtol=1e-9, atol=1e-9):
            return False
    return True
