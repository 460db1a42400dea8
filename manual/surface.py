"""The reference of SQL: tables, views and functions with their columns and comments, from a database that has one of everything."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa
from psycopg import Connection
from sklearn.tree import DecisionTreeClassifier

import fsdb
from fsdb.sql import query

HEAD = """# SQL

Every table, view and function of fsdb, with columns and comments, from the catalog of a live database. The functions that
take a table or a feature set take its name, with its schema where that is not `public`. Which role may use what is in
[security](../security.md#the-matrix).
"""
APPLICATION = """
CREATE TABLE flights (flight integer, origin text, leaves timestamptz, late boolean);
CREATE TABLE orders (id integer PRIMARY KEY, origin text);
"""
# What each kind of object is for, and one of it in the database of the example.
OF_A_SET = {
    "weather": "The **live table** `<set>`: the newest values. Applications read and write it.",
    "weather_history": "The **history view** `<set>_history`: every version, with the time during which it holds.",
}
OF_A_VIEW = {
    "delays_training": "The **training view** `<view>_training`: the spine's rows with each feature as of the row's own moment."
}
OF_A_DEPLOYMENT = {
    "late_flights": "The **model table** that `deploy` makes: an INSERT gives the keys and inputs, the trigger fills in the rest. "
    "`<set>_version` names the version that was read, one column for each feature set.",
    "orders_predictions": "The **predictions of an attached table**, `<table>_predictions`: a model table with the primary key of the row.",
    "orders_scored": "The **view of an attached table**, `<table>_scored`: each row with its newest prediction.",
}
FUNCTIONS_OF_OBJECTS = {
    "weather_as_of": "One row for each entity that exists at a moment: `<set>_as_of(moment)`.",
    "delays_vector": "What a model would be given now: `<view>_vector(keys)`. Always one row; `found` is false for an unknown entity.",
}
# Columns of the objects above that have no comment in the catalog.
KNOWN = {
    "event_time": "When the values became true.",
    "recorded_at": "When the version was written.",
    "version_id": "The version's number. Per key it follows the order of commits.",
    "deleted": "True for the version that a DELETE writes.",
    "xid": "The transaction that wrote the version.",
    "valid_from": "From when on the version holds: its `event_time`.",
    "valid_to": "Until when it holds, exclusive; NULL for the newest one.",
    "origin": "The key.",
    "temp": "A feature.",
    "late": "The label.",
    "leaves": "The moment of the row.",
    "flight": "A further column of the spine.",
    "id": "The table's primary key.",
    "found": "Whether the entity exists.",
    "prediction_id": "Number of the newest prediction.",
    "prediction": "What the model gave.",
    "probability": "Of two classes: of the second one. Of several: of the predicted one.",
    "model_version": "The model version that scored the row.",
    "scored_at": "When the row was scored.",
    "error": "Why the row could not be scored; NULL where it was.",
}
NOTHING: Mapping[str, str] = {}
CALLED = [
    "prediction_lineage",
    "deployment_costs",
    "model_comparison",
    "rejections",
    "key_share",
    "reach",
    "sees_all_versions",
    "last_version",
    "warm_up",
    "record_operation",
    "run_due",
]
SHORT = {"timestamp with time zone": "timestamptz"}


def _type(text: str) -> str:
    for long, short in SHORT.items():
        text = text.replace(long, short)
    return text


def _cell(text: str | None) -> str:
    """A comment in a cell of a table, without the fingerprint that generated objects bear."""
    told = re.sub(r"^fsdb [0-9a-f]+(?: [0-9a-f]{12})?: ", "", text or "")
    return re.sub(r"\s+", " ", told).replace("|", "\\|").replace("<", "&lt;").strip()


def _sentence(text: str | None) -> str:
    told = _cell(text)
    return told[:1].upper() + told[1:] + ("" if not told or told.endswith((".", "?")) else ".")


def _relation(connection: Connection[Any], oid: int, title: str, told: str, known: Mapping[str, str] = NOTHING) -> str:
    rows = []
    for name, kind, comment in connection.execute(query("catalog/surface", "columns"), {"relation": oid}):
        rows.append(f"| `{name}` | {_type(kind)} | {_cell(comment) or known.get(name, '')} |")
    return "\n\n".join(
        part for part in (title, told, "\n".join(["| column | type | |", "|---|---|---|", *rows])) if part
    )


def _relations(connection: Connection[Any], schema: str, names: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
    return connection.execute(query("catalog/surface", "relations"), {"schema": schema, "names": names}).fetchall()


def _functions(connection: Connection[Any], schema: str, names: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
    return connection.execute(query("catalog/surface", "functions"), {"schema": schema, "names": names}).fetchall()


def _objects(connection: Connection[Any], told: dict[str, str]) -> list[str]:
    found = {row[2]: row[0] for row in _relations(connection, "public", list(told))}
    return [_relation(connection, found[name], f"### {name}", sentence, known=KNOWN) for name, sentence in told.items()]


def _called(name: str, takes: str, gives: str, told: str) -> str:
    """A function that people call, what it gives as a table of columns where it gives several."""
    columns = re.fullmatch(r"TABLE\((.*)\)", gives)
    given = f"```sql\n{name}({_type(takes)})" + ("" if columns else f" → {_type(gives)}") + "\n```"
    if columns is None:
        return "\n\n".join((f"### {name}", told, given))
    rows = [f"| `{one.split(' ', 1)[0]}` | {_type(one.split(' ', 1)[1])} |" for one in columns[1].split(", ")]
    return "\n\n".join((f"### {name}", told, given, "\n".join(["| column | type |", "|---|---|", *rows])))


def page(connection: Connection[Any]) -> str:
    """The whole page, from a database that `world` was made in."""
    parts = [
        HEAD,
        "## Of each feature set",
        "The example is a set `weather` with the key `origin` and the feature `temp`.",
    ]
    parts += _objects(connection, OF_A_SET)
    of_objects = {row[0]: row for row in _functions(connection, "public", list(FUNCTIONS_OF_OBJECTS))}

    def function(name: str) -> str:
        _, takes, gives, _ = of_objects[name]
        return _called(name, takes, gives, FUNCTIONS_OF_OBJECTS[name])

    parts += [
        function("weather_as_of"),
        "## Of each training view",
        "The example is a view `delays` over a table of flights.",
    ]
    parts += [*_objects(connection, OF_A_VIEW), function("delays_vector")]
    parts += [
        "## Of each deployment",
        "The example is a model `late`, deployed as `late_flights` and attached to a table `orders`.",
    ]
    parts += _objects(connection, OF_A_DEPLOYMENT)
    functions = _functions(connection, "fsdb")
    parts += [
        "## Functions that you call",
        "They stand in schema `fsdb` and run with the caller's rights unless they say otherwise.",
    ]
    by_name = {row[0]: row for row in functions}
    parts += [
        _called(f"fsdb.{name}", takes, gives, _sentence(told))
        for name, takes, gives, told in (by_name[name] for name in CALLED)
    ]
    views = [row for row in _relations(connection, "fsdb") if row[3]]
    tables = [row for row in _relations(connection, "fsdb") if not row[3]]
    parts += [
        "## Views of the catalog",
        *(_relation(connection, oid, f"### fsdb.{name}", _sentence(told)) for oid, _, name, _, told in views),
    ]
    parts += ["## Tables of the catalog", "Read them as you like. Write them through fsdb alone."]
    parts += [_relation(connection, oid, f"### fsdb.{name}", _sentence(told)) for oid, _, name, _, told in tables]
    parts += ["## Iceberg's catalog", "Schema `fsdb_iceberg` has the layout that Iceberg's SQL catalogs have."]
    parts += [
        _relation(connection, oid, f"### fsdb_iceberg.{name}", _sentence(told))
        for oid, _, name, _, told in _relations(connection, "fsdb_iceberg")
    ]
    rows = [
        f"| `{name}({_type(takes)})` | {_type(gives)} | {_sentence(told)} |"
        for name, takes, gives, told in functions
        if name not in CALLED
    ]
    parts += ["## Functions of fsdb's own", "Triggers, and what fsdb's statements call. You need none of them."]
    parts.append("\n".join(["| function | gives | |", "|---|---|---|", *rows]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def world(url: str) -> None:
    """One of everything that makes objects: a set, a view, a deployment, an attached table."""
    with fsdb.connect(url) as store:
        with store.transaction() as connection:
            connection.execute(APPLICATION)
        temp = fsdb.Feature("temp", sa.Double, "Air temperature, °F")
        weather = fsdb.FeatureSet("weather", keys={"origin": sa.Text}, features=[temp])
        delays = fsdb.TrainingView(
            "delays", spine="SELECT * FROM flights", timestamp="leaves", label="late", features=["weather.temp"]
        )
        store.apply([weather, delays])
        data = pd.DataFrame({"temp": [10.0, 20.0, 30.0, 40.0]})
        model = DecisionTreeClassifier().fit(data, [True, True, False, False])
        store.register_model("late", model, inputs={"temp": "weather.temp"}, rows=data)
        store.deploy("late", table="late_flights")
        store.attach("late", table="orders")


def page_of(url: str) -> str:
    """The page of a database that is made for it."""
    world(url)
    with fsdb.connect(url) as store, store.transaction() as connection:
        return page(connection)
