"""The whole job on real data: live tables, history, a point-in-time training set, a model deployed as a table, lineage, replay.

Works in a database of its own, `fsdb_demo`, which every run makes anew; an interrupted run leaves nothing that matters.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import fsdb

from . import data, features, model, play

DATABASE = "fsdb_demo"
NEW_YORK = ZoneInfo("America/New_York")
JANUARY, NOVEMBER, DECEMBER, NEW_YEAR = (
    datetime(2013, 1, 1, tzinfo=NEW_YORK),
    datetime(2013, 11, 1, tzinfo=NEW_YORK),
    datetime(2013, 12, 1, tzinfo=NEW_YORK),
    datetime(2014, 1, 1, tzinfo=NEW_YORK),
)
SETS = [features.airport_weather, features.plane_state, features.carrier_at_airport, features.plane]
REPLAYED = 1000


def run(server_url: str, console: Console | None = None, alias: str | None = None) -> None:
    """Runs the demo on the server at `server_url`, which must let the user create a database.

    alias: how a user names the demo's database on the embedded server.
    """
    console = console or Console()
    started = time.perf_counter()
    url = _new_database(server_url)
    with fsdb.connect(url) as store, psycopg.connect(url, autocommit=True) as application:
        _header(console, 1, "Feature sets")
        console.print(store.plan(SETS))
        store.apply(SETS)

        _header(console, 2, "January to November through the live tables")
        _play_until_december(console, store, application)
        store.apply([features.delays])

        _header(console, 3, "A training set, point-in-time correct")
        # Every value was recorded just now, when the year was played, and not in 2013: an explicit "now" says that this is meant.
        training_set = _timed(console, "Built", lambda: store.training_set("delays", known="now"))
        console.print(training_set)
        training_set.save("delays_2013")
        frame = training_set.to_pandas()
        careless = _careless_join(console, application, frame)

        _header(console, 4, "A model, deployed as a table")
        fitted = model.fit(_before_november(frame))
        promised = model.auc(fitted, _from_november(frame))
        version = store.register_model(
            "flight_delay", fitted, training_set=training_set, metrics={"auc_november": promised}
        )
        console.print(version)
        deployment = _timed(
            console, "Deployed as table flight_delay", lambda: store.deploy("flight_delay", table="flight_delay")
        )

        _header(console, 5, "December, flight by flight: INSERT … RETURNING prediction, probability")
        scored = _play_december(console, application)
        _compare(console, store, application, promised, careless, scored)

        _header(console, 6, "Why did it say that?")
        console.print(deployment.lineage(len(scored.labels) // 2))
        console.print(
            f"Model {version.model} version {version.version}, fitted on training set {version.training_set}, "
            f"hash {version.training_set_hash}.",
            highlight=False,
        )
        console.print(deployment.replay(limit=REPLAYED))
    console.print(
        f"\nDone in {time.perf_counter() - started:.0f} s. All of it is in database {DATABASE}.", highlight=False
    )
    if alias is not None:
        console.print(f"Look around: [bold]{sys.argv[0]} status --url {alias}[/bold]", highlight=False)


def _new_database(server_url: str) -> str:
    with psycopg.connect(server_url, autocommit=True) as admin:
        name = sql.Identifier(DATABASE)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
    return make_conninfo(server_url, dbname=DATABASE)


def _play_until_december(console: Console, store: fsdb.Store, application: psycopg.Connection[Any]) -> None:
    with console.status("Loading the application's tables"):
        flights = data.load_application(application)
    console.print(f"{flights:,} flights and their weather in the application's own tables.", highlight=False)
    console.print(store.ingest("plane", data.planes(), event_time="known_since"))
    before = time.perf_counter()
    with _progress(console, "Playing", (DECEMBER - JANUARY).days) as advance:
        written = play.play_in_bulk(application, JANUARY, DECEMBER, lambda _rows: advance())
    seconds = time.perf_counter() - before
    console.print(
        f"{written:,} rows written in {seconds:.1f} s, {written / seconds:,.0f} rows/s, each with its version in history.",
        highlight=False,
    )


def _careless_join(console: Console, application: psycopg.Connection[Any], frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with latest values, and what that gave away."""
    query = sql.SQL(data.TEXTS["careless_join"]).format(spine=sql.SQL(features.delays.spine))
    cursor = application.execute(query)
    assert cursor.description is not None
    careless = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    leaked = int(careless.pop("leaked").fillna(0).sum())
    values = len(frame) * len(features.delays.features)
    console.print(
        f"A careless join with the latest values would have leaked {leaked:,} of {values:,} values from after the "
        f"flight's scheduled departure ({leaked / values:.0%}).",
        highlight=False,
    )
    careless = careless.astype({column: frame[column].dtype for column in model.INPUTS})
    # The latest value of a whole column can be missing, which gradient boosting does not take.
    return careless.fillna(dict.fromkeys(careless.columns[careless.isna().all()], 0.0))


def _play_december(console: Console, application: psycopg.Connection[Any]) -> play.Scored:
    with _progress(console, "Scoring", _count(application, DECEMBER, NEW_YEAR)) as advance:
        scored = play.play_and_score(application, DECEMBER, NEW_YEAR, lambda _rows: advance())
    console.print(
        f"{len(scored.labels):,} flights scored, each in its own transaction: p50 {scored.percentile(0.5):.2f} ms, "
        f"p99 {scored.percentile(0.99):.2f} ms per insert, commit included.",
        highlight=False,
    )
    return scored


def _compare(
    console: Console,
    store: fsdb.Store,
    application: psycopg.Connection[Any],
    promised: float,
    careless: pd.DataFrame,
    scored: play.Scored,
) -> None:
    from sklearn.metrics import roc_auc_score

    known = [(label, p) for label, p in zip(scored.labels, scored.probabilities, strict=True) if label is not None]
    careless_model = model.fit(_before_november(careless))
    flights = pd.DataFrame(
        application.execute(data.TEXTS["departures"], {"after": DECEMBER, "until": NEW_YEAR}).fetchall(),
        columns=["tailnum", "carrier", "origin", "distance", "hour", "weekday", "scheduled_at", "late"],
    )
    december = store.training_set(
        spine=flights[flights["late"].notna()],
        features=features.delays.features,
        timestamp="scheduled_at",
        label="late",
        known="now",
    ).to_pandas()
    console.print(
        fsdb.Table.of(
            ("trained on", "AUC promised by November", "AUC in December"),
            (
                ("point-in-time values", promised, float(roc_auc_score(*zip(*known, strict=True)))),
                (
                    "latest values",
                    model.auc(careless_model, _from_november(careless)),
                    model.auc(careless_model, december),
                ),
            ),
        )
    )


def _before_november(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["scheduled_at"] < NOVEMBER]


def _from_november(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["scheduled_at"] >= NOVEMBER]


def _count(application: psycopg.Connection[Any], after: datetime, until: datetime) -> int:
    row = application.execute(data.TEXTS["count_departures"], {"after": after, "until": until}).fetchone()
    assert row is not None
    return int(row[0])


def _header(console: Console, number: int, title: str) -> None:
    console.print(f"\n[bold]{number}. {title}[/bold]", highlight=False)


def _timed(console: Console, label: str, work: Any) -> Any:
    before = time.perf_counter()
    result = work()
    console.print(f"{label} in {time.perf_counter() - before:.1f} s.", highlight=False)
    return result


@contextmanager
def _progress(console: Console, label: str, total: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)
