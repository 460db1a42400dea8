-- name: create_tables
-- The tables an airline's application would have; fsdb knows nothing of them.
CREATE TABLE flights (
    flight_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier      text NOT NULL,
    tailnum      text,
    origin       text NOT NULL,
    dest         text NOT NULL,
    distance     integer NOT NULL,
    scheduled_at timestamptz NOT NULL,
    departed_at  timestamptz,
    arrived_at   timestamptz,
    dep_delay    integer,
    arr_delay    integer
);
CREATE TABLE observations (
    origin      text NOT NULL,
    temp        double precision,
    dewp        double precision,
    humid       double precision,
    wind_speed  double precision,
    wind_gust   double precision,
    precip      double precision,
    pressure    double precision,
    visib       double precision,
    observed_at timestamptz NOT NULL
);

-- name: copy_flights
-- Bulk load of the flights.
COPY flights (carrier, tailnum, origin, dest, distance, scheduled_at, departed_at, arrived_at, dep_delay, arr_delay) FROM STDIN (FORMAT csv)

-- name: copy_observations
-- Bulk load of the weather observations.
COPY observations FROM STDIN (FORMAT csv)

-- name: index_tables
-- What the application asks for by time.
CREATE INDEX ON flights (scheduled_at);
CREATE INDEX ON flights (departed_at) INCLUDE (carrier, origin, dep_delay);
CREATE INDEX ON flights (arrived_at);
CREATE INDEX ON flights (tailnum, arrived_at);
ANALYZE flights;
ANALYZE observations;

-- name: arrivals
-- Planes that arrived in a period, each with its last arrival of it.
SELECT DISTINCT ON (tailnum)
       tailnum, arr_delay, dep_delay, distance,
       (SELECT count(*) FROM flights AS earlier
        WHERE earlier.tailnum = flights.tailnum AND earlier.arrived_at <= flights.arrived_at
          AND earlier.arrived_at >= date_trunc('day', flights.arrived_at, 'America/New_York'))::integer AS flights_today,
       arrived_at
FROM flights
WHERE arrived_at >= %(after)s AND arrived_at < %(until)s AND tailnum IS NOT NULL
ORDER BY tailnum, arrived_at DESC

-- name: update_planes
-- The arrivals of a period, in bulk.
INSERT INTO plane_state AS p (tailnum, last_arr_delay, last_dep_delay, last_distance, flights_today, event_time)
{arrivals}
ON CONFLICT (tailnum) DO UPDATE
SET last_arr_delay = EXCLUDED.last_arr_delay, last_dep_delay = EXCLUDED.last_dep_delay, last_distance = EXCLUDED.last_distance,
    flights_today = EXCLUDED.flights_today, event_time = EXCLUDED.event_time

-- name: update_plane
-- One arrival.
INSERT INTO plane_state AS p (tailnum, last_arr_delay, last_dep_delay, last_distance, flights_today, event_time)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tailnum) DO UPDATE
SET last_arr_delay = EXCLUDED.last_arr_delay, last_dep_delay = EXCLUDED.last_dep_delay, last_distance = EXCLUDED.last_distance,
    flights_today = EXCLUDED.flights_today, event_time = EXCLUDED.event_time

-- name: update_carriers
-- How each carrier's departures from each airport went in the three hours before a moment.
INSERT INTO carrier_at_airport (carrier, origin, departures, mean_dep_delay, worst_dep_delay, event_time)
SELECT carrier, origin, count(*), avg(dep_delay)::double precision, max(dep_delay), %(until)s
FROM flights
WHERE departed_at >= %(until)s - interval '3 hours' AND departed_at < %(until)s
GROUP BY carrier, origin
ON CONFLICT (carrier, origin) DO UPDATE
SET departures = EXCLUDED.departures, mean_dep_delay = EXCLUDED.mean_dep_delay, worst_dep_delay = EXCLUDED.worst_dep_delay,
    event_time = EXCLUDED.event_time

-- name: observe_weather
-- One observation of the weather at an airport.
INSERT INTO airport_weather (origin, temp, dewp, humid, wind_speed, wind_gust, precip, pressure, visib, event_time)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (origin) DO UPDATE
SET temp = EXCLUDED.temp, dewp = EXCLUDED.dewp, humid = EXCLUDED.humid, wind_speed = EXCLUDED.wind_speed,
    wind_gust = EXCLUDED.wind_gust, precip = EXCLUDED.precip, pressure = EXCLUDED.pressure, visib = EXCLUDED.visib,
    event_time = EXCLUDED.event_time

-- name: observations
-- Observations of a period, in order of time.
SELECT * FROM observations WHERE observed_at >= %(after)s AND observed_at < %(until)s ORDER BY observed_at

-- name: departures
-- Flights scheduled in a period, in order of time.
SELECT tailnum, carrier, origin, distance,
       extract(hour FROM scheduled_at AT TIME ZONE 'America/New_York')::integer AS hour,
       extract(isodow FROM scheduled_at AT TIME ZONE 'America/New_York')::integer AS weekday,
       scheduled_at, arr_delay > 15 AS late
FROM flights WHERE scheduled_at >= %(after)s AND scheduled_at < %(until)s ORDER BY scheduled_at, flight_id

-- name: careless_join
-- The training rows with each entity's latest values, whenever they became true.
SELECT s.*, w.temp, w.dewp, w.humid, w.wind_speed, w.wind_gust, w.precip, w.pressure, w.visib,
       p.last_arr_delay, p.last_dep_delay, p.last_distance, p.flights_today,
       c.departures, c.mean_dep_delay, c.worst_dep_delay,
       f.year, f.engines, f.seats, f.manufacturer,
       8 * (w.event_time > s.scheduled_at)::integer + 4 * (p.event_time > s.scheduled_at)::integer
           + 3 * (c.event_time > s.scheduled_at)::integer + 4 * (f.event_time > s.scheduled_at)::integer AS leaked
FROM ({spine}) AS s
LEFT JOIN airport_weather AS w USING (origin)
LEFT JOIN plane_state AS p USING (tailnum)
LEFT JOIN carrier_at_airport AS c USING (carrier, origin)
LEFT JOIN plane AS f USING (tailnum)
ORDER BY s.scheduled_at

-- name: score
-- One flight: the insert looks up the features, scores and records.
INSERT INTO flight_delay (tailnum, carrier, origin, distance, hour, weekday) VALUES (%s, %s, %s, %s, %s, %s)
RETURNING prediction, probability

-- name: count_departures
-- How many flights are scheduled in a period.
SELECT count(*) FROM flights WHERE scheduled_at >= %(after)s AND scheduled_at < %(until)s
