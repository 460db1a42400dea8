"""A database with something for every operation to work on, the operations, and a way to wait until one stands in the queue."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread

import pandas as pd
import psycopg
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.migrate.repair import repair as repaired
from fsdb.worker import Worker

CUSTOMER = fsdb.FeatureSet("customer", {"id": "bigint"}, [fsdb.Feature("spend", "double precision")], retention="1 day")
ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0], "spend": [3.0, 1.0, 2.0]})
INPUTS = {"x": "double precision", "spend": "customer.spend"}
SECONDS = 60.0  # after which a test gives up


def make(url: str) -> None:
    """A set, two versions of a model, both of which were deployed, one deployment of a worker's, and an application's tables, one attached."""
    with fsdb.connect(url) as store:
        store.apply([CUSTOMER])
        for name, slope in (("m", 1.0), ("m", 2.0)):
            fitted = LinearRegression().fit(ROWS, ROWS.x * slope + ROWS.spend)
            store.register_model(name, fitted, inputs=INPUTS, rows=ROWS)
        for version in (1, 2):
            store.deploy("m", table="m", version=version)
        store.deploy("m", table="later", version=1, runtime="worker")
        with store.transaction() as connection:
            for table in ("orders", "baskets", "accounts"):
                connection.execute(f"CREATE TABLE {table} (no bigserial PRIMARY KEY, id bigint, x double precision)")
            connection.execute(
                "INSERT INTO customer (id, spend, event_time) VALUES (1, 1, '2024-01-01'), (2, 1, '2024-01-01')"
            )
            connection.execute("UPDATE customer SET spend = 2, event_time = '2024-01-02'")
            connection.execute("INSERT INTO accounts (id, x) VALUES (1, 1)")
        store.attach("m", "orders", version=2)
        with store.transaction() as connection:
            connection.execute("INSERT INTO orders (id, x) VALUES (1, 1)")
            connection.execute("INSERT INTO m (id, x) VALUES (1, 1)")
            connection.execute("INSERT INTO later (id, x) VALUES (1, 1)")


def deploy(store: fsdb.Store) -> None:
    store.deploy("m", table="m", version=1)


def deploy_null(store: fsdb.Store) -> None:
    store.deploy("m", table="m", version=1, on_error="null")


def deploy_worker(store: fsdb.Store) -> None:
    store.deploy("m", table="m", version=1, runtime="worker")


def deploy_attached(store: fsdb.Store) -> None:
    store.deploy("m", table="orders_predictions", version=1, on_error="null")


def rollback(store: fsdb.Store) -> None:
    store.deployment("m").rollback()


def canary(store: fsdb.Store) -> None:
    store.deployment("m").canary(version=1, share=0.5, by=["x"])


def shadow(store: fsdb.Store) -> None:
    store.deployment("m").shadow(version=1)


def refresh(store: fsdb.Store) -> None:
    """The deployments that look the set up are compiled again."""
    store.apply([replace(CUSTOMER, max_age="9000 days")])


def apply(store: fsdb.Store) -> None:
    more = fsdb.Feature("visits", "integer")
    store.apply([replace(CUSTOMER, features=(*CUSTOMER.features, more), max_age="8000 days")])


def track(store: fsdb.Store) -> None:
    store.track("accounts", keys=["no"])


def repair(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        repaired(connection)


def undeploy(store: fsdb.Store) -> None:
    store.deployment("m").undeploy(drop_predictions=True)


def undeploy_attached(store: fsdb.Store) -> None:
    store.deployment("orders_predictions").undeploy(drop_predictions=True)


def attach(store: fsdb.Store) -> None:
    store.attach("m", "baskets", version=2, backfill=True)


def attach_columns(store: fsdb.Store) -> None:
    store.attach("m", "baskets", version=2, columns=True)


def worker(store: fsdb.Store) -> None:
    Worker(store.url).run(once=True)


def score(store: fsdb.Store) -> None:
    store.deployment("m").score(pd.DataFrame({"id": [1, 2], "x": [1.0, 2.0]}), record=True)


def ingest(store: fsdb.Store) -> None:
    store.ingest("customer", pd.DataFrame({"id": [1, 2], "spend": [4.0, 5.0]}))


def train(store: fsdb.Store) -> None:
    """A training set."""
    spine = pd.DataFrame({"id": [1, 2], "at": [pd.Timestamp("2024-02-01", tz="UTC")] * 2})
    store.training_set(spine=spine, features=["customer.spend"], timestamp="at", known="now")


def sync(store: fsdb.Store) -> None:
    store.sync(["customer"])


def retain(store: fsdb.Store) -> None:
    store.retain("customer")


OPERATIONS: dict[str, Callable[[fsdb.Store], None]] = {
    run.__name__: run
    for run in (
        deploy,
        deploy_null,
        deploy_worker,
        deploy_attached,
        rollback,
        canary,
        shadow,
        refresh,
        apply,
        track,
        repair,
        undeploy,
        undeploy_attached,
        attach,
        attach_columns,
        worker,
        score,
        ingest,
        train,
        sync,
        retain,
    )
}


def prepare(name: str, store: fsdb.Store) -> None:
    """What an operation needs to have something to do."""
    if name == "retain":
        store.sync(["customer"])
    if name == "repair":
        with store.transaction() as connection:
            connection.execute("ALTER TABLE m DISABLE TRIGGER zz_fsdb_keep")
            connection.execute("ALTER TABLE customer DISABLE TRIGGER USER")


@dataclass
class Running:
    """An operation in a thread of its own, with what became of it."""

    thread: Thread
    error: BaseException | None = None

    def end(self) -> None:
        """Waits for it."""
        self.thread.join(SECONDS)
        assert not self.thread.is_alive(), "it is stuck"


def start(name: str, store: fsdb.Store) -> Running:
    """Runs an operation beside."""

    def run() -> None:
        try:
            OPERATIONS[name](store)
        except BaseException as error:
            running.error = error

    running = Running(Thread(target=run, daemon=True))
    running.thread.start()
    return running


def await_standing(observer: psycopg.Connection, running: Running, application: psycopg.Connection) -> None:
    """Until an operation waits for a lock or for other transactions to end, or is over."""
    deadline = time.monotonic() + SECONDS
    while running.thread.is_alive():
        row = observer.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL (%s)"
            " AND (wait_event_type = 'Lock' OR query LIKE '%%virtualxid%%' AND state LIKE 'idle%%')",
            [[observer.info.backend_pid, application.info.backend_pid]],
        ).fetchone()
        assert row is not None
        if row[0]:
            return
        assert time.monotonic() < deadline, "it neither waits nor ends"
        running.thread.join(0.005)
