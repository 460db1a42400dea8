"""Writers, syncs and readers at the same time: at one snapshot every engine has the same rows."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from fsdb.columnar import compact, read_copy, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.engines import router
from fsdb.training import build, load, save, verify
from tests.columnar.made import history_ids, ids, tail_ids
from tests.conftest import TestDatabase
from tests.history.kept import made

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
SET = FeatureSet("readings", keys={"k": "bigint"}, features=[Feature("x", "double precision")])
KEYS, ROUNDS, READS = 20, 60, 12
SPINE = pa.table(
    {
        "k": [k for _ in range(6) for k in range(KEYS)],
        "at": pa.array(
            [NOW + (hours - 3) * timedelta(hours=1) for hours in range(6) for _ in range(KEYS)],
            pa.timestamp("us", "UTC"),
        ),
    }
)


def test_engines_agree_at_one_snapshot_while_others_write_and_sync(database: TestDatabase) -> None:
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        with database.connect() as connection:
            for number in range(ROUNDS):
                with connection.transaction(force_rollback=chance.random() < 0.2):
                    for key in sorted(chance.sample(range(KEYS), 4)):
                        moment = NOW + timedelta(minutes=chance.randrange(-200, 200))
                        connection.execute(
                            "INSERT INTO readings (k, x, event_time) VALUES (%s, %s, %s)"
                            " ON CONFLICT (k) DO UPDATE SET x = excluded.x, event_time = excluded.event_time",
                            [key, number + chance.random(), moment],
                        )
                    done.wait(chance.random() / 50)

    def keep_syncing() -> int:
        rounds = 0
        while not done.is_set():
            sync(database.url)
            rounds += 1
            if rounds % 5 == 0:
                compact(database.url)
        return rounds

    def read() -> list[str]:
        names = []
        with database.connect() as connection:
            for number in range(READS):
                built = build(connection, spine=SPINE, features=["readings.x"], timestamp="at", engine="postgres")
                other = router.run(connection, built.description, "duckdb")
                assert other.result.table().equals(built.to_arrow())
                assert other.result.late_values == built.late_values
                names.append(f"saved_{number}")
                save(connection, built, names[-1])
        return names

    with database.connect() as connection, ThreadPoolExecutor(6) as pool:
        made(connection, SET)
        syncing = [pool.submit(keep_syncing) for _ in range(2)]
        writing = [pool.submit(write, seed) for seed in range(3)]
        try:
            names = pool.submit(read).result()
            for one in writing:
                one.result()
        finally:
            done.set()
        assert all(one.result() > 0 for one in syncing)
        copy = read_copy(connection, "readings")
        assert sorted([*ids(copy), *tail_ids(connection)]) == history_ids(connection)
        sync(database.url)
        assert ids(read_copy(connection, "readings")) == history_ids(connection)
        for name in names:
            saved = load(connection, name).saved
            assert verify(connection, saved, "duckdb") == verify(connection, saved, "postgres") == saved.content_hash
