"""The picture of the README: a psql session in a small database, run and drawn as it came out."""

from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from psycopg import Connection, sql
from sklearn.tree import DecisionTreeClassifier

import fsdb
from manual.svg import Drawing

SESSION = (
    ("The application goes on as before: one UPDATE …", "UPDATE airport_weather SET temp = 28.5 WHERE origin = 'JFK'"),
    (
        "… and the history has one version more.",
        "SELECT version_id, origin, temp FROM airport_weather_history ORDER BY version_id",
    ),
    (
        "A model is a table: what is inserted is scored, in the same transaction.",
        "INSERT INTO flight_delay (origin, distance) VALUES ('JFK', 2475) RETURNING prediction_id, prediction, round(probability::numeric, 2) AS probability",
    ),
    (
        "Every prediction names the exact versions that it read.",
        "SELECT input, value, feature_set, version_id FROM fsdb.prediction_lineage('flight_delay', 1)",
    ),
)
LINE, TOP, WIDTH = 19, 58, 900


def world(url: str) -> None:
    """Weather of two airports, and a model of one feature and one input."""
    with fsdb.connect(url) as store:
        temp = fsdb.Feature("temp", sa.Double, "Air temperature, °F")
        store.apply([fsdb.FeatureSet("airport_weather", keys={"origin": sa.Text}, features=[temp])])
        store.ingest("airport_weather", pd.DataFrame({"origin": ["JFK", "LGA"], "temp": [39.0, 39.9]}))
        data = pd.DataFrame(
            {
                "temp": np.tile([25.0, 30.0, 40.0, 50.0], 5),
                "distance": np.repeat([200.0, 900.0, 1500.0, 2400.0, 3000.0], 4),
            }
        )
        late = (data["temp"] < 32) & (data["distance"] > 400) | (data.index % 9 == 0)
        model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(data, late)
        inputs = {"temp": "airport_weather.temp", "distance": "double precision"}
        store.register_model("flight_delay", model, inputs=inputs, rows=data)
        store.deploy("flight_delay", table="flight_delay")


def printed(columns: list[str], rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows as psql prints them."""
    cells = [
        [*columns],
        *[
            [
                ""
                if value is None
                else {True: "t", False: "f"}.get(value, str(value))
                if isinstance(value, bool)
                else str(value)
                for value in row
            ]
            for row in rows
        ],
    ]
    widths = [max(len(line[n]) for line in cells) for n in range(len(columns))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return [
        f" {lines[0]}",
        "-" + "-+-".join("-" * width for width in widths) + "-",
        *(f" {line}" for line in lines[1:]),
    ]


def session(connection: Connection[Any]) -> list[tuple[str, str]]:
    """The lines of the session with their colours."""
    lines: list[tuple[str, str]] = []
    for told, statement in SESSION:
        lines.append(("faint", f"-- {told}"))
        words, broken = f"shop=> {statement};", statement.find(" RETURNING ")
        lines += (
            [("first", words)]
            if broken < 0
            else [("first", words[: broken + 7]), ("first", f"  {words[broken + 7 :]}")]
        )
        cursor = connection.execute(sql.SQL(statement))
        if cursor.description is not None:
            lines += [
                ("ink", line) for line in printed([column.name for column in cursor.description], cursor.fetchall())
            ]
        else:
            lines.append(("ink", str(cursor.statusmessage)))
        lines.append(("ink", ""))
    return lines[:-1]


def drawn(url: str) -> str:
    """The picture as SVG, from a database that is made for it."""
    world(url)
    with fsdb.connect(url) as store, store.transaction() as connection:
        lines = session(connection)
    drawing = Drawing(
        WIDTH, TOP + LINE * len(lines) + 12, "A psql session: an update, the history, a scored insert, and its lineage"
    )
    drawing.box(1, 1, WIDTH - 2, drawing.height - 2, colour="ground")
    drawing.box(1, 1, WIDTH - 2, 33)
    for number, colour in enumerate(("second", "faint", "third")):
        drawing.dot(22 + 20 * number, 17, colour)
    drawing.text(WIDTH / 2, 22, "psql shop", colour="faint", anchor="middle")
    for number, (colour, words) in enumerate(lines):
        drawing.text(20, TOP + LINE * number, words, colour=colour, kind="code")
    return drawing.svg()
