"""Point-in-time joins by keys of texts and of several columns, on the DuckDB engine: against reading the columns that they need once."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import fsdb
from bench import copies
from bench.report import Case, at_most
from fsdb import columnar
from fsdb.store import Store

FEATURES = [f"f{number}" for number in range(1, 11)]
KEYS = {"text_keys": {"name": "text"}, "composite_keys": {"shop": "integer", "name": "text"}}
PER_KEY, SHOPS = 20, 97
START = 1_577_836_800_000_000  # 2020, in microseconds
BATCH_KEYS = 20_000
SCANS, ROUNDS = 3, 3


def run(url: str, warehouse: str, count: int, rows: int, scan: Callable[..., Any]) -> Iterator[Case]:
    """The cases text_keys and composite_keys (s): the training set of the DuckDB engine. scan: reads columns of a copy once."""
    with fsdb.connect(url, warehouse=warehouse) as store:
        for case, keys in KEYS.items():
            features = [fsdb.Feature(name, "double precision") for name in FEATURES]
            store.apply([fsdb.FeatureSet(case, keys, features)])
            yield _case(store, url, warehouse, case, (count, rows), scan)


def _case(store: Store, url: str, warehouse: str, case: str, sizes: tuple[int, int], scan: Callable[..., Any]) -> Case:
    count, rows = sizes
    keys = list(KEYS[case])
    total = max(1, count // PER_KEY)
    buckets = 1 << max(0, (count // 4_000_000).bit_length())
    bucketed = ("name", buckets) if buckets > 1 else None
    copies.write(url, warehouse, case, bucketed, lambda schema: _versions(total, schema))
    with store.transaction() as connection:
        copy = columnar.read_copy(connection, case)
    random = np.random.default_rng(3)
    moments = pa.array(START + random.integers(0, count, rows) * 1_000_000, pa.timestamp("us", "UTC"))
    asked = _keys(random.integers(0, total, rows)).select(keys).append_column("at", moments)
    references = [f"{case}.{name}" for name in FEATURES]

    def built() -> Any:
        made = store.training_set(spine=asked, features=references, timestamp="at", engine="duckdb", known="now")
        return made.to_pandas()

    taken: list[float] = []
    once: list[float] = []
    for _ in range(ROUNDS):
        taken.append(_timed(built))
        once.append(_timed(lambda: scan(copy, keys)))
    return at_most("pit", case, statistics.median(taken), unit="s", baseline=statistics.median(once), target=SCANS)


def _versions(total: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """20 versions of each key, in turns a second apart."""
    random = np.random.default_rng(1)
    for begin in range(0, total, BATCH_KEYS):
        of = np.repeat(np.arange(begin, min(begin + BATCH_KEYS, total)), PER_KEY)
        turn = np.tile(np.arange(PER_KEY), len(of) // PER_KEY) * total + of
        moment = (START + turn * 1_000_000).astype("datetime64[us]")
        made: dict[str, Any] = {
            "version_id": turn + 1,
            "event_time": moment,
            "recorded_at": moment,
            "xid": np.full(len(of), 3, np.int64),
            "deleted": np.zeros(len(of), bool),
            **{name: random.random(len(of)) for name in FEATURES},
        }
        columns = {name: pa.array(values) for name, values in made.items()}
        columns |= dict(zip(("shop", "name"), (column.combine_chunks() for column in _keys(of).columns), strict=True))
        yield pa.record_batch([columns[field.name].cast(field.type) for field in schema], schema=schema)


def _keys(of: NDArray[np.int64]) -> pa.Table:
    """Key columns of entities by their numbers."""
    names = pa.array(np.char.add("customer-", np.char.zfill(of.astype(str), 9)).tolist(), pa.string())
    return pa.table({"shop": pa.array(of % SHOPS, pa.int32()), "name": names})


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
