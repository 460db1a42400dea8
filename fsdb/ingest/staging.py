"""The staging table of one ingest: the rows in the set's types, and the statements of each pass."""

from functools import cached_property
from typing import Any

from psycopg import Connection, Cursor
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData
from fsdb.history import bounds
from fsdb.history.held import refuse_unfit
from fsdb.history.names import internal
from fsdb.history.reach import refuse_before
from fsdb.history.versions import version_row
from fsdb.ingest.matching import FILE, Matching
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.types import type_sql

TABLE = Identifier("_fsdb_ingest")


class Staging:
    """Rows numbered in their order, keys as k0…, the set's features as f0…, event time as t; names that no column of a set can disturb."""

    def __init__(self, connection: Connection[Any], registered: RegisteredSet, matching: Matching) -> None:
        self._connection = connection
        self._set = registered
        self._matching = matching
        self._keys = [(f"k{n}", key) for n, key in enumerate(registered.keys)]
        self._features = [(f"f{n}", feature) for n, feature in enumerate(registered.features)]
        self._timed = matching.event_time is not None

    def fill(self, rows: Composable) -> int:
        """Takes the rows of a query and returns their number. Raises InvalidData for rows without key or moment."""
        types = [*self._set.keys.values(), *(feature.type for _, feature in self._features)]
        names = [name for name, _ in [*self._keys, *self._features]]
        declared = [SQL("{} {}").format(Identifier(n), type_sql(kind)) for n, kind in zip(names, types, strict=True)]
        self._run("create", columns=joined(declared))
        values = {column.name: column.value for column in (*self._matching.keys, *self._matching.features)}
        given = [(staged, values[key]) for staged, key in self._keys]
        given += [(staged, values[f.name]) for staged, f in self._features if f.name in values]
        if self._matching.event_time is not None:
            given.append(("t", self._matching.event_time.value))
        self._run(
            "fill",
            columns=joined([Identifier(staged) for staged, _ in given]),
            expressions=joined([value for _, value in given]),
            rows=rows,
        )
        self._run("analyze", columns=joined([Identifier(name) for name in [*(k for k, _ in self._keys), "t"]]))
        return self._check()

    def refuse_repeated(self) -> None:
        """Raises InvalidData, which names key and moment, where two rows are of one entity and moment."""
        row = self._run("repeated", keys=self._listed("s", [staged for staged, _ in self._keys])).fetchone()
        if row is not None:
            count, moment, *values = row
            named = ", ".join(f"{key} {value!r}" for (_, key), value in zip(self._keys, values, strict=True))
            raise InvalidData(
                f"{count:,} rows are of {named} at {moment.isoformat(sep=' ')}: an entity has one row a moment. Group them, or give each its event_time."
            )

    def points(self) -> Composed:
        """The rows under the set's own names, as what stands after FROM."""
        pairs = [*self._keys, *((staged, f.name) for staged, f in self._features), ("t", "event_time")]
        named = [SQL("{} AS {}").format(Identifier(staged), Identifier(name)) for staged, name in pairs]
        return query(FILE, "points", staging=TABLE, columns=joined(named))

    def drop(self) -> None:
        """Removes the table."""
        self._run("drop")

    def carry_lacking(self) -> None:
        """Gives each row the features that the data lacks, as they were at its moment. Raises RetentionRefused."""
        lacking = [(s, f) for s, f in self._features if f.name in self._matching.lacking]
        if lacking:
            self._refuse_gone(lacking[0][1].name)
            self._run(
                "carry",
                assignments=joined([SQL("{0} = carried.{0}").format(Identifier(s)) for s, _ in lacking]),
                carried=joined(
                    [SQL("{} AS {}").format(Identifier("v", f.history_column), Identifier(s)) for s, f in lacking]
                ),
                history=self._set.history,
                h_is_g=self._same("h", "g"),
            )

    def remove_unchanged(self) -> int:
        """Removes rows that say what is known already; returns their number."""
        name = "remove_unchanged" if self._timed else "remove_unchanged_now"
        return self._run(
            name,
            history=self._set.history,
            live=self._set.live,
            s_features=self._row("s", [s for s, _ in self._features]),
            v_features=self._listed("v", [f.history_column for _, f in self._features]),
            l_features=self._listed("l", [f.name for _, f in self._features]),
            s_keys=self._staged_keys("s"),
            h_is_b=self._same("h", "b"),
            l_is_s=self._same("l", "s"),
        ).rowcount

    def insert_first(self) -> tuple[int, int]:
        """Inserts the first row of each new entity; returns their number, and how many of them a later tombstone takes out again."""
        with of_user(self._connection):
            inserted, ghosts = self._one(
                "insert_first",
                live=self._set.live,
                history=self._set.history,
                s_keys=self._staged_keys("s"),
                keys=joined([Identifier(staged) for staged, _ in self._keys]),
                live_keys=joined([Identifier(key) for _, key in self._keys]),
                live_columns=self._live_columns,
                columns=self._staged_columns,
                l_is_s=self._same("l", "s"),
                h_is_gone=self._same("h", "gone"),
                in_time=query(FILE, "in_time", history=self._set.history, h_is_s=self._same("h", "s"))
                if self._by_tracked_time
                else SQL("true"),
            )
        return inserted, ghosts

    def lock(self) -> None:
        """Locks the live rows of all entities that are left."""
        self._run(
            "lock",
            live=self._set.live,
            l_is_s=self._same("l", "s"),
            l_keys=self._listed("l", [k for _, k in self._keys]),
        )

    def sort_out(self) -> tuple[int, int]:
        """Marks late rows and the newest of each entity; returns the number of late rows and of the others."""
        self._run(
            "sort_out",
            history=self._set.history,
            live=self._set.live,
            h_is_g=self._same("h", "g"),
            l_is_g=self._same("l", "g"),
            g_keys=self._staged_keys("g"),
            l_features=self._listed("l", [f.name for _, f in self._features]),
            g_features=self._row("g", [staged for staged, _ in self._features]),
        )
        late, others = self._one("count")
        return late, others

    def write_others(self) -> None:
        """Writes everything but the newest rows into history.

        Of a tracked table with a time of its own the newest too: what time its trigger would give them is for an application's rows.
        """
        others = SQL("true") if self._by_tracked_time else SQL("NOT s.newest")
        self._hold(others)
        self._run(
            "write_others",
            others=others,
            write=internal(self._set.history_table, "write"),
            history=self._set.history,
            version=version_row(
                self._set,
                keys=[Identifier("s", staged) for staged, _ in self._keys],
                features={f.history_column: Identifier("s", staged) for staged, f in self._features},
                event_time=Identifier("s", "t"),
            ),
        )

    def _hold(self, others: Composable) -> None:
        """Refuses rows that go to history alone where the live table would not take them."""
        values = {key: Identifier("s", staged) for staged, key in self._keys}
        values |= {feature.name: Identifier("s", staged) for staged, feature in self._features}
        if self._set.event_time_column is not None:
            values[self._set.event_time_column] = Identifier("s", "t")
        rows = query(FILE, "others", staging=TABLE, others=others)
        refuse_unfit(self._connection, self._set, rows, values=values)

    def update_newest(self) -> None:
        """Writes the newest rows of entities that are live; their trigger writes the versions."""
        assignments = [
            SQL("{} = {}").format(Identifier(f.name), Identifier("s", staged)) for staged, f in self._features
        ]
        if self._live_time is not None:
            column, value = self._live_time
            assignments.append(SQL("{} = {}").format(column, Identifier("s", "t") if self._timed else value))
        parts = {"live": self._set.live, "assignments": joined(assignments), "l_is_s": self._same("l", "s")}
        with of_user(self._connection):
            self._run("update_newest", **parts)

    def insert_newest(self) -> int:
        """Inserts the newest rows of entities that were deleted before these; returns their number."""
        with of_user(self._connection):
            return self._run(
                "insert_newest",
                live=self._set.live,
                live_columns=self._live_columns,
                columns=self._staged_columns,
                l_is_s=self._same("l", "s"),
                keys=joined([Identifier(staged) for staged, _ in self._keys]),
            ).rowcount

    def _refuse_gone(self, lacking: str) -> None:
        """Raises RetentionRefused where the version that a row would take the feature from may have left history."""
        if self._timed and self._set.limited:
            (earliest,) = self._one("earliest")
            refuse_before(
                self._connection,
                self._set,
                earliest,
                f"The data lacks feature {lacking!r} of {self._set.name} and begins",
            )

    def _check(self) -> int:
        """The number of rows, once they have been found to have keys and moments."""
        missing = [SQL("{} IS NULL").format(Identifier(staged)) for staged, _ in self._keys]
        parts = {"keys_missing": joined(missing, " OR "), **bounds.parts(self._set.ahead)}
        no_key, no_time, infinite, outside, total = self._one("unusable", **parts)
        if no_key:
            raise InvalidData(
                f"{no_key:,} of {total:,} rows have no value for the key {', '.join(self._set.keys)}: leave them out."
            )
        if self._timed and (no_time or infinite):
            raise InvalidData(
                f"{no_time:,} of {total:,} rows have no event time, {infinite:,} an infinite one: give them a moment, or leave them out."
            )
        if self._timed and outside:
            raise InvalidData(
                f"{outside:,} of {total:,} rows have an event time that is not within {bounds.words(self._set.ahead)}: give them a moment within, or leave them out."
            )
        if not self._timed:
            (repeated,) = self._one("repeated_keys", keys=joined([Identifier(staged) for staged, _ in self._keys]))
            if repeated:
                raise InvalidData(
                    f"{repeated:,} rows repeat an entity, and no column says when each was true: name that column with event_time=."
                )
        return int(total)

    @property
    def _by_tracked_time(self) -> bool:
        """Whether the rows have a time, and go into an application's table that has one, too."""
        return self._timed and self._set.tracked

    @cached_property
    def _live_time(self) -> tuple[Identifier, Composable] | None:
        """The live table's column of event time with what it is set to; None where its trigger sets it, or it has none."""
        column = self._set.event_time_column
        if column is None or not (self._timed or self._set.tracked):
            return None
        return Identifier(column), Identifier("t") if self._timed else query(FILE, "clock")

    @cached_property
    def _live_columns(self) -> Composed:
        names: list[Composable] = [Identifier(name) for name in (*self._set.keys, *(f.name for _, f in self._features))]
        return joined([*names, self._live_time[0]] if self._live_time else names)

    @cached_property
    def _staged_columns(self) -> Composed:
        names: list[Composable] = [Identifier(staged) for staged, _ in [*self._keys, *self._features]]
        return joined([*names, self._live_time[1]] if self._live_time else names)

    def _staged_keys(self, alias: str) -> Composed:
        return self._listed(alias, [staged for staged, _ in self._keys])

    def _same(self, theirs: str, ours: str) -> Composed:
        """The condition that a row of live table or history and a staged row have the same key."""
        same = SQL("{} OPERATOR(pg_catalog.=) {}")
        pairs = [same.format(Identifier(theirs, key), Identifier(ours, s)) for s, key in self._keys]
        return joined(pairs, " AND ")

    @staticmethod
    def _listed(alias: str, names: list[str]) -> Composed:
        return joined([Identifier(alias, name) for name in names])

    def _row(self, alias: str, names: list[str]) -> Composed:
        return SQL("ROW({})").format(self._listed(alias, names))

    def _run(self, name: str, **parts: Composable) -> Cursor[Any]:
        return self._connection.execute(query(FILE, name, staging=TABLE, **parts))

    def _one(self, name: str, **parts: Composable) -> tuple[Any, ...]:
        row = self._run(name, **parts).fetchone()
        assert row is not None
        return tuple(row)
