"""An application's table beside two live feature sets, and what must be recorded of it, found by brute force."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.models import program_text
from fsdb.deployments import register_model
from fsdb.deployments.feeds.attach import attach
from fsdb.models import Program, native_outputs, same_outputs
from tests.deployments.world import DEFAULTS, FEATURES, INPUTS, PLANE, WEATHER
from tests.oracle import Version, values_as_of

Connection = psycopg.Connection
KEYS = {"weather": ("origin",), "plane": ("carrier", "tailnum")}
MAX_AGE = {"weather": timedelta(hours=6), "plane": None}
# The application's names: the model's distance is "How far", its tailnum "Tail""No".
NAMED = {"distance": "How far", "tailnum": 'Tail"No'}
CREATE = (
    'CREATE TABLE orders ("How far" float8, note text, "Order No" integer PRIMARY KEY, hour smallint, carrier varchar(2),'
    ' "Tail""No" integer, origin varchar(5))'
)
RESULTS = ("prediction", "probability", "probabilities")
COLUMNS = ("origin", "carrier", "tailnum", "distance", "hour")


def make(connection: Connection, estimator: Any, sets: bool = True) -> Program:
    """Both sets with rows, table orders without, and the estimator registered as flight_delay."""
    if sets:
        history.create(connection, WEATHER)
        history.create(connection, PLANE)
        connection.execute("INSERT INTO weather (origin, temp, wind) VALUES ('JFK', 51.5, NULL), ('EWR', 33, 20)")
        connection.execute(
            "INSERT INTO plane (carrier, tailnum, age, kind, old) VALUES ('1', 11, 3.25, 'prop', false), ('UA', 7, NULL, NULL, NULL)"
        )
        connection.execute(CREATE)
    version = register_model(connection, "flight_delay", estimator, inputs=INPUTS)
    return Program.from_json(program_text(connection, "flight_delay", version.version))


def row(number: int, **values: Any) -> dict[str, Any]:
    """A row of orders by the names of the model."""
    given = {"origin": "JFK", "carrier": "1", "tailnum": 11, "distance": 700.5, "hour": 3}
    return {"number": number, **given, **values}


def insert(connection: Connection, *rows: Mapping[str, Any], more: str = "") -> list[dict[str, Any]]:
    """Inserts rows in one statement and returns what RETURNING shows; more: what stands before it."""
    names = ["Order No", *(NAMED.get(name, name) for name in COLUMNS)]
    line = SQL("({})").format(SQL(", ").join([SQL("%s")] * len(names)))
    text = SQL("INSERT INTO orders ({}) VALUES {} {} RETURNING *").format(
        SQL(", ").join(map(Identifier, names)), SQL(", ").join([line] * len(rows)), SQL(more)
    )
    values = [value for one in rows for value in (one["number"], *(one[name] for name in COLUMNS))]
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text, values, prepare=False).fetchall()  # columns come and go between calls


def records(connection: Connection, table: str = "orders_predictions") -> list[dict[str, Any]]:
    """All predictions, oldest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL("SELECT * FROM {} ORDER BY prediction_id").format(Identifier(table))).fetchall()


def numbers(connection: Connection, table: str = "orders_predictions") -> list[int]:
    """Which orders were predicted, in order of the predictions."""
    return [record["Order No"] for record in records(connection, table)]


def versions(connection: Connection, name: str) -> list[Version]:
    """What history has of a set."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(SQL("SELECT * FROM fsdb_history.{}").format(Identifier(name))).fetchall()
    return [
        Version(
            line["version_id"],
            tuple(line[key] for key in KEYS[name]),
            {feature: line[feature] for feature in FEATURES[name]},
            line["event_time"],
            line["recorded_at"],
            line["deleted"],
        )
        for line in found
    ]


def check_records(connection: Connection, estimator: Any, program: Program, lines: Iterable[Mapping[str, Any]]) -> None:
    """That each prediction is the native one, on what the database knew of its keys at its moment."""
    past = {name: versions(connection, name) for name in KEYS}
    lines = list(lines)
    given = [
        {
            **{
                feature: value
                for name, key in KEYS.items()
                for feature, value in values_as_of(
                    past[name],
                    tuple(line[part] for part in key),
                    line["scored_at"],
                    FEATURES[name],
                    max_age=MAX_AGE[name],
                    defaults=DEFAULTS,
                    known=line["scored_at"],
                ).items()
            },
            "distance": line["distance"],
            "hour": line["hour"],
        }
        for line in lines
    ]
    assert lines
    for line, inputs, native in zip(lines, given, native_outputs(estimator, program, given), strict=True):
        assert "error" not in native
        recorded = {name: line[name] for name in RESULTS if name in line}
        assert same_outputs(native, recorded), (inputs, native, line)


def check_shown(connection: Connection, columns: bool) -> None:
    """That each order shows its newest prediction, and none where it has none; and that this one is of what it holds now."""
    newest = {record["Order No"]: record for record in records(connection)}
    with connection.cursor(row_factory=dict_row) as cursor:
        table = "orders" if columns else "orders_scored"
        shown = cursor.execute(SQL("SELECT * FROM {}").format(Identifier(table))).fetchall()
    for order in shown:
        record = newest.get(order["Order No"])
        for name in ("prediction_id", "prediction", "probability", "model_version"):
            assert order[name] == (None if record is None else record[name]), (order, record)
        if record is not None:
            for name in COLUMNS:
                assert order[NAMED.get(name, name)] == record[name]


def attached(connection: psycopg.Connection, **options: Any) -> None:
    """flight_delay attached to orders."""
    attach(connection, "flight_delay", "orders", inputs=NAMED, **options)
