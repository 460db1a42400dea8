"""A copy of a billion versions, written by the copy's own writer from a generator, and a training set of a million rows from it.

PostgreSQL is passed by on the way in, so that the size of the copy is all that this measures: one feature, 100 versions of
each key, a million spine rows at random keys and moments.
"""

import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import LongType

import fsdb
from bench import copies
from bench.report import Case, within

BENCH = "scale"
PER_KEY = 100
BATCH_KEYS = 10_000
BUCKETS = 64
START, YEAR = 1_700_000_000_000_000, 365 * 86_400_000_000  # microseconds
MOST_MEMORY = 4096


def run(url: str, versions: float = 1e6, spine: float = 1e6) -> Iterator[Case]:
    """Writes the copy, builds the training set in a process of its own, and says how long and how large."""
    keys = max(int(versions) // PER_KEY, 1)
    with fsdb.connect(url) as store:
        store.apply([fsdb.FeatureSet("readings", {"sensor": "bigint"}, (fsdb.Feature("value", "double precision"),))])
    with TemporaryDirectory(prefix="fsdb-scale-") as warehouse:
        begun = time.perf_counter()
        rows, size = write(url, warehouse, keys)
        seconds = time.perf_counter() - begun
        sys.stderr.write(f"{rows:,} versions written in {seconds:.0f} s, {size / 1e9:.1f} GB\n")
        yield Case(BENCH, "write", rows / seconds, "versions/s", None, None, "", True)
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            asked, peak, found = apart.submit(ask, url, keys, int(spine)).result()
        yield Case(BENCH, "training_set", asked, "s", None, None, "", found > 0)
        yield within(BENCH, "peak_mb", peak, unit="MB", target=MOST_MEMORY)


def write(url: str, warehouse: str, keys: int) -> tuple[int, int]:
    """Fills the copy of `readings`, and makes history's position its own: returns versions and bytes."""
    buckets = BUCKETS if keys * PER_KEY > 4_000_000 else 1
    bucketed = ("sensor", buckets) if buckets > 1 else None
    return copies.write(url, warehouse, "readings", bucketed, lambda schema: generated(keys, buckets, schema))


def generated(keys: int, buckets: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Versions bucket by bucket, as compaction would leave them, at random moments of a year."""
    random = np.random.default_rng(1)
    sensors = np.arange(keys, dtype=np.int64)
    if buckets > 1:
        of = BucketTransform(buckets).pyarrow_transform(LongType())
        sensors = sensors[np.argsort(np.asarray(of(pa.array(sensors))), kind="stable")]
    version = 0
    for begin in range(0, keys, BATCH_KEYS):
        sensor = np.repeat(sensors[begin : begin + BATCH_KEYS], PER_KEY)
        moment = START + random.integers(0, YEAR, len(sensor))
        values: dict[str, NDArray[np.generic]] = {
            "version_id": np.arange(version + 1, version + len(sensor) + 1, dtype=np.int64),
            "event_time": moment.astype("datetime64[us]"),
            "recorded_at": (moment + 1000).astype("datetime64[us]"),
            "xid": np.full(len(sensor), 3, np.int64),
            "deleted": np.zeros(len(sensor), bool),
            "sensor": sensor,
            "value": random.random(len(sensor)),
        }
        version += len(sensor)
        yield pa.record_batch([pa.array(values[f.name]).cast(f.type) for f in schema], schema=schema)


def ask(url: str, keys: int, spine: int) -> tuple[float, float, int]:
    """Builds the training set: seconds, the process's peak in MB, and how many rows found a value."""
    random = np.random.default_rng(2)
    rows = pa.table(
        {
            "sensor": random.integers(0, keys, spine),
            "at": pa.array(START + random.integers(0, YEAR, spine), pa.timestamp("us", "UTC")),
        }
    )
    with fsdb.connect(url) as store:
        begun = time.perf_counter()
        built = store.training_set(spine=rows, features=["readings.value"], timestamp="at", engine="duckdb")
        found = spine - built.to_arrow().column("value").null_count
        seconds = time.perf_counter() - begun
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found
