"""Any changes, in any order, by two sessions: live table, history and as-of are what the invariants say."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from tests import oracle
from tests.conftest import TestDatabase
from tests.history import kept as reading
from tests.history.kept import day
from tests.history.model import Key, Model, Outcome, Row, Said, Values, image
from tests.oracle import Version

MAX_AGE = timedelta(hours=36)
CREATED = FeatureSet(
    "weather",
    keys={"k": "bigint", "p": "text"},
    features=[Feature("a", "double precision"), Feature("b", "text")],
    max_age=MAX_AGE,
)
Kind = Literal["created", "by_clock", "tracked", "clock"]
OF_FSDB = ("created", "by_clock")

EVERY_TIME, HUNTED = 60, 240  # examples: the first are the same in every run, the others new ones

# A row whose event_time lies ahead forces every later clock of its key past it.
FUTURE = [datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 2, tzinfo=UTC)]
KEYS: st.SearchStrategy[Key] = st.sampled_from([(1, "1"), (2, "1"), (3, "1"), (1, "11")])
TIMES = st.sampled_from([day(1), day(2), day(3), day(4), *FUTURE])
UNSET_OR_TIMES = st.one_of(st.none(), TIMES)
A = st.sampled_from([None, 0.0, -0.0, 1.0, float("nan")])
B = st.sampled_from([None, "", "x"])
VALUES: st.SearchStrategy[Values] = st.builds(lambda a, b: {"a": a, "b": b}, A, B)
CHANGES: st.SearchStrategy[Values] = st.fixed_dictionaries({}, optional={"a": A, "b": B})
ROWS = st.lists(st.builds(Row, KEYS, VALUES, UNSET_OR_TIMES), min_size=1, max_size=3, unique_by=lambda row: row.key)
SOME = st.lists(KEYS, min_size=1, max_size=3, unique=True)
SAID: st.SearchStrategy[Said] = st.one_of(st.sampled_from(("unnamed", "same", "null")), TIMES)


@dataclass(frozen=True)
class Change:
    """A statement: its name, its arguments, and the keys it may touch (None: all). A move says which of the rows by number."""

    name: str
    arguments: tuple[Any, ...] = ()
    keys: frozenset[Key] | None = None


def _of_rows(name: str) -> st.SearchStrategy[Change]:
    return st.builds(
        lambda rows, named, gone: Change(name, (rows, named, gone), frozenset(row.key for row in rows)),
        ROWS,
        st.booleans(),
        st.lists(KEYS, max_size=2, unique=True),
    )


def _of_keys(name: str, *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
    return st.builds(lambda keys, *given: Change(name, (keys, *given), frozenset(keys)), SOME, *others)


MOVES = st.one_of(
    st.builds(lambda *given: Change("move", given), st.integers(0, 3), KEYS, CHANGES, SAID),
    st.builds(lambda by, said: Change("shift", (by, said)), st.sampled_from((1, -1)), SAID),
)
# Several times: what fills the table, so that the rest finds rows to change.
CHANGE = st.one_of(
    *(_of_rows(name) for name in ("insert", "copy", "upsert", "upsert", "upsert", "merge", "merge")),
    _of_keys("update", CHANGES, SAID),
    _of_keys("update", CHANGES, SAID),
    st.builds(lambda changes, said: Change("update_all", (changes, said)), CHANGES, SAID),
    _of_keys("delete"),
    _of_keys("delete_as_of", TIMES),
    st.one_of(_of_keys("touch"), st.just(Change("truncate"))),
    MOVES,
    MOVES,
)
CONTROL = st.sampled_from(
    [
        Change(name)
        for name in ("begin", "begin", "begin", "savepoint", "savepoint", "rollback_to", "commit", "rollback")
    ]
)
STEP = st.tuples(st.integers(0, 1), st.one_of(CHANGE, CHANGE, CHANGE, CONTROL))
# Most of a list that may be short are: both kinds, so that failures still shrink to few steps.
STEPS = st.one_of(st.lists(STEP, min_size=1, max_size=8), st.lists(STEP, min_size=14, max_size=24))


@dataclass
class Session:
    """A connection, and what the model takes back when its transaction, or a savepoint, is rolled back."""

    connection: psycopg.Connection
    frames: list[dict[Key, tuple[Version, ...]]] = field(default_factory=list)
    touched: set[Key] = field(default_factory=set)
    used: bool = False
    truncated: bool = False

    def end(self) -> None:
        self.frames, self.touched, self.used, self.truncated = [], set(), False, False


@dataclass
class World:
    """One live table, two sessions, and the model of what they do."""

    registered: RegisteredSet
    sessions: tuple[Session, Session]
    model: Model
    seen: int = 0

    def step(self, number: int, change: Change) -> None:
        """Runs one step and compares; a step that would wait for the other session is left out."""
        session, other = self.sessions[number], self.sessions[1 - number]
        if change.name in CONTROLS:
            CONTROLS[change.name](self, session)
            return
        if change.name == "move":
            present = sorted(self.model.live())
            if not present:
                return
            number, *others = change.arguments
            key = present[number % len(present)]
            change = Change("move", (key, *others), frozenset((key, others[0])))
        if change.name == "delete_as_of" and self.model.by_clock:
            return  # refused, since it gives a time
        if other.truncated or (change.name == "truncate" and other.used):
            return
        if (other.touched if change.keys is None else other.touched & change.keys) != set():
            return
        self._run(session, change)
        self._compare_live(session.connection, other.touched)

    def _run(self, session: Session, change: Change) -> None:
        outcome = PLANS[change.name](self.model, *change.arguments)
        before = _clock(session.connection)
        try:
            with session.connection.transaction():
                STATEMENTS[change.name](self, session.connection, *change.arguments)
        except outcome.errors:
            outcome = Outcome()
        else:
            assert not outcome.certain, f"{change} was to be refused"
        written = self._new_versions(session.connection)
        after = _clock(session.connection)
        keys = {e.key for e in outcome.written}
        assert keys == {version.key for version in written}
        for key in keys:
            expected = [e for e in outcome.written if e.key == key]
            found = [version for version in written if version.key == key]
            if session.frames:
                session.frames[-1].setdefault(key, self.model.versions.get(key, ()))
            for e, version in zip(expected, found, strict=True):
                self.model.add(e, version, before, after)
        if session.frames:
            session.used = True
            session.touched |= set(self.model.versions) if change.keys is None else change.keys
            session.touched |= keys
            session.truncated |= change.name == "truncate"

    def _new_versions(self, connection: psycopg.Connection) -> list[Version]:
        found = [version for version in reading.versions(connection, self.registered) if version.version_id > self.seen]
        self.seen = max([self.seen, *(version.version_id for version in found)])
        return found

    def _compare_live(self, connection: psycopg.Connection, hidden: set[Key]) -> None:
        expected = {key: version for key, version in self.model.live().items() if key not in hidden}
        found = {key: row for key, row in reading.live(connection, self.registered).items() if key not in hidden}
        assert set(found) == set(expected)
        for key, row in found.items():
            if self.model.timed:
                assert row.pop("event_time") == self.model.time_of(expected[key])
            assert image(row) == image(expected[key].values)

    def finish(self) -> None:
        """Ends both transactions and compares everything with the model and the oracle."""
        for session in self.sessions:
            _commit(self, session)
        connection = self.sessions[0].connection
        self._compare_live(connection, set())
        expected = self.model.every()
        found = reading.versions(connection, self.registered)
        assert [_shown(version) for version in found] == [_shown(version) for version in expected]
        moments = {v.event_time + timedelta(microseconds=m) for v in expected for m in (-1, 0, 1)}
        moments |= {v.event_time + MAX_AGE for v in expected} | {datetime.now(UTC)}
        view = _rows(connection, SQL("SELECT * FROM {}").format(Identifier(f"{self.registered.table_name}_history")))
        for moment in sorted(moments):
            self._compare_as_of(connection, moment, view)

    def _compare_as_of(self, connection: psycopg.Connection, moment: datetime, view: list[dict[str, Any]]) -> None:
        function = Identifier(f"{self.registered.table_name}_as_of")
        read = _rows(connection, SQL("SELECT * FROM {}(%s)").format(function), moment)
        found = {(row["k"], row["p"]): (row["event_time"], image(_values(row))) for row in read}
        assert len(found) == len(read)
        expected, holding = {}, {}
        for key, kept in self.model.versions.items():
            version = oracle.as_of(kept, key, moment)
            if version is None:
                continue
            max_age = MAX_AGE if self.registered.max_age is not None else None
            values = oracle.values_as_of(kept, key, moment, ("a", "b"), max_age=max_age)
            expected[key] = (version.event_time, image(values))
            holding[key] = version.version_id
        assert found == expected
        valid = [
            row for row in view if row["valid_from"] <= moment and (row["valid_to"] is None or moment < row["valid_to"])
        ]
        assert len({(row["k"], row["p"]) for row in valid}) == len(valid)
        assert {(row["k"], row["p"]): row["version_id"] for row in valid if not row["deleted"]} == holding


def _clock(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def _rows(connection: psycopg.Connection, query: Composed, *arguments: object) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, arguments).fetchall()


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {"a": row["a"], "b": row["b"]}


def _shown(version: Version) -> tuple[Any, ...]:
    values = image(None if version.deleted else version.values)
    return (version.version_id, version.key, values, version.event_time, version.recorded_at)


# --- what each step says to PostgreSQL


def _columns(world: World) -> list[str]:
    return ["k", "p", "a", "b", *([world.registered.event_time_column] if world.registered.event_time_column else [])]


def _source(world: World, rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(*row.key, row.values["a"], row.values["b"], *((row.time,) if world.model.timed else ())) for row in rows]


def _listed(names: list[str], form: str = "{}") -> Composable:
    return SQL(", ").join(SQL(form).format(Identifier(name)) for name in names)


def _values_list(world: World, rows: list[Row]) -> tuple[Composable, list[Any]]:
    form = "(%s::bigint, %s::text, %s::float8, %s::text" + (", %s::timestamptz)" if world.model.timed else ")")
    return SQL(", ").join([SQL(form)] * len(rows)), [value for row in _source(world, rows) for value in row]


def _sets(world: World, changes: Values, said: Said) -> tuple[Composable, list[Any]]:
    """The SET list of an UPDATE with its arguments; of no change, one that changes nothing."""
    sets: list[Composable] = [SQL("{} = %s").format(Identifier(name)) for name in changes]
    arguments = list(changes.values())
    column = world.registered.event_time_column
    if column is not None and said != "unnamed":
        time = Identifier(column)
        sets.append(SQL("{0} = {0}").format(time) if said == "same" else SQL("{} = %s").format(time))
        arguments += [] if said == "same" else [None] if said == "null" else [said]
    return SQL(", ").join(sets or [SQL("a = a")]), arguments


CHOSEN = SQL("(t.k, t.p) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))")


def _chosen(keys: list[Key]) -> list[Any]:
    return [[k for k, _ in keys], [p for _, p in keys]]


def _insert(world: World, connection: psycopg.Connection, rows: list[Row], *_: object) -> None:
    values, arguments = _values_list(world, rows)
    text = SQL("INSERT INTO {} ({}) VALUES {}")
    connection.execute(text.format(world.registered.live, _listed(_columns(world)), values), arguments)


def _copy(world: World, connection: psycopg.Connection, rows: list[Row], *_: object) -> None:
    text = SQL("COPY {} ({}) FROM STDIN").format(world.registered.live, _listed(_columns(world)))
    with connection.cursor() as cursor, cursor.copy(text) as copy:
        for row in _source(world, rows):
            copy.write_row(row)


def _upsert(world: World, connection: psycopg.Connection, rows: list[Row], named: bool, *_: object) -> None:
    values, arguments = _values_list(world, rows)
    sets = _columns(world)[2 : None if named else 4]
    connection.execute(
        SQL("INSERT INTO {} ({}) VALUES {} ON CONFLICT (k, p) DO UPDATE SET {}").format(
            world.registered.live, _listed(_columns(world)), values, _listed(sets, "{0} = excluded.{0}")
        ),
        arguments,
    )


def _merge(world: World, connection: psycopg.Connection, rows: list[Row], named: bool, gone: list[Key]) -> None:
    values, arguments = _values_list(world, rows)
    columns = _columns(world)
    connection.execute(
        SQL(
            "MERGE INTO {} t USING (VALUES {}) s({}) ON t.k = s.k AND t.p = s.p"
            " WHEN MATCHED AND (s.k, s.p) IN (SELECT * FROM unnest(%s::bigint[], %s::text[])) THEN DELETE"
            " WHEN MATCHED THEN UPDATE SET {} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})"
        ).format(
            world.registered.live,
            values,
            _listed(columns),
            _listed(columns[2 : None if named else 4], "{0} = s.{0}"),
            _listed(columns),
            _listed(columns, "s.{}"),
        ),
        [*arguments, *_chosen(gone)],
    )


def _update(world: World, connection: psycopg.Connection, keys: list[Key], changes: Values, said: Said) -> None:
    sets, arguments = _sets(world, changes, said)
    text = SQL("UPDATE {} t SET {} WHERE {}").format(world.registered.live, sets, CHOSEN)
    connection.execute(text, [*arguments, *_chosen(keys)])


def _update_all(world: World, connection: psycopg.Connection, changes: Values, said: Said) -> None:
    sets, arguments = _sets(world, changes, said)
    connection.execute(SQL("UPDATE {} SET {}").format(world.registered.live, sets), arguments)


def _touch(world: World, connection: psycopg.Connection, keys: list[Key]) -> None:
    column = Identifier("b" if world.registered.max_age is not None else "note")
    text = SQL("UPDATE {} t SET {} = {} WHERE {}")
    value = column if world.registered.max_age is not None else SQL("clock_timestamp()::text")
    connection.execute(text.format(world.registered.live, column, value, CHOSEN), _chosen(keys))


def _move(world: World, connection: psycopg.Connection, old: Key, new: Key, changes: Values, said: Said) -> None:
    sets, arguments = _sets(world, changes, said)
    text = SQL("UPDATE {} SET k = %s, p = %s, {} WHERE k = %s AND p = %s").format(world.registered.live, sets)
    connection.execute(text, [*new, *arguments, *old])


def _shift(world: World, connection: psycopg.Connection, by: int, said: Said) -> None:
    sets, arguments = _sets(world, {}, said)
    connection.execute(SQL("UPDATE {} SET k = k + %s, {}").format(world.registered.live, sets), [by, *arguments])


def _delete(world: World, connection: psycopg.Connection, keys: list[Key]) -> None:
    connection.execute(SQL("DELETE FROM {} t WHERE {}").format(world.registered.live, CHOSEN), _chosen(keys))


def _delete_as_of(world: World, connection: psycopg.Connection, keys: list[Key], moment: datetime) -> None:
    history.delete_as_of(connection, world.registered, [{"k": k, "p": p} for k, p in keys], moment)


def _truncate(world: World, connection: psycopg.Connection) -> None:
    connection.execute(SQL("TRUNCATE {}").format(world.registered.live))


STATEMENTS: dict[str, Callable[..., None]] = {
    "insert": _insert,
    "copy": _copy,
    "upsert": _upsert,
    "merge": _merge,
    "update": _update,
    "update_all": _update_all,
    "touch": _touch,
    "move": _move,
    "shift": _shift,
    "delete": _delete,
    "delete_as_of": _delete_as_of,
    "truncate": _truncate,
}
PLANS: dict[str, Callable[..., Outcome]] = {
    "insert": lambda model, rows, *_: model.insert(rows),
    "copy": lambda model, rows, *_: model.insert(rows),
    "upsert": lambda model, rows, named, *_: model.upsert(rows, named=named),
    "merge": lambda model, rows, named, gone: model.merge(rows, gone, named=named),
    "update": Model.update,
    "update_all": lambda model, changes, said: model.update(model.live(), changes, said),
    "touch": lambda model, keys: model.update(keys, {}, "unnamed"),
    "move": lambda model, old, new, changes, said: model.move({old: new}, changes, said),
    "shift": lambda model, by, said: model.move({(k, p): (k + by, p) for k, p in model.live()}, {}, said),
    "delete": Model.delete,
    "delete_as_of": Model.delete_as_of,
    "truncate": lambda model: model.delete(model.live()),
}


# --- transactions


def _begin(world: World, session: Session) -> None:
    if not session.frames:
        session.connection.execute("BEGIN")
        session.frames.append({})


def _commit(world: World, session: Session) -> None:
    if session.frames:
        session.connection.execute("COMMIT")
        session.end()


def _rollback(world: World, session: Session) -> None:
    if session.frames:
        session.connection.execute("ROLLBACK")
        for frame in reversed(session.frames):
            world.model.versions.update(frame)
        session.end()


def _savepoint(world: World, session: Session) -> None:
    if session.frames:
        session.connection.execute("SAVEPOINT here")
        session.frames.append({})


def _rollback_to(world: World, session: Session) -> None:
    """Back to the last savepoint, which stays."""
    if len(session.frames) > 1:
        session.connection.execute("ROLLBACK TO SAVEPOINT here")
        world.model.versions.update(session.frames[-1])
        session.frames[-1] = {}


CONTROLS: dict[str, Callable[[World, Session], None]] = {
    "begin": _begin,
    "commit": _commit,
    "rollback": _rollback,
    "savepoint": _savepoint,
    "rollback_to": _rollback_to,
}


# --- the tables


class Pair:
    """Two sessions that last for some examples, as an application's do.

    PostgreSQL keeps what a session once compiled of functions that are gone, and looks through all of it at every change: after hundreds of
    examples that would be most of the time.
    """

    EXAMPLES = 8

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self.examples = 0
        self.opened: list[psycopg.Connection] = []

    def connections(self) -> tuple[psycopg.Connection, psycopg.Connection]:
        """The two, for one example more."""
        if self.examples % self.EXAMPLES == 0:
            self.close()
            self.opened = [self.database.connect(), self.database.connect()]
            for connection in self.opened:
                connection.prepare_threshold = None  # each example has a table of its own, all of one name
                connection.execute("SET lock_timeout = '10s'")
        self.examples += 1
        first, second = self.opened
        return first, second

    def close(self) -> None:
        for connection in self.opened:
            connection.close()


@pytest.fixture(scope="module")
def pair(module_database: TestDatabase) -> Iterator[Pair]:
    made = Pair(module_database)
    yield made
    made.close()


@contextmanager
def _world(
    connections: tuple[psycopg.Connection, psycopg.Connection], kind: Kind, present: list[Row]
) -> Iterator[World]:
    first = connections[0]
    with first.transaction():
        registered, model = _made(first, kind, present)
    world = World(registered, (Session(first), Session(connections[1])), model)
    try:
        _first_versions(world, kind, present)
        yield world
    finally:
        for connection in connections:
            connection.rollback()
        with first.transaction():
            history.drop(first, registered)
            if kind not in OF_FSDB:
                first.execute("DROP TABLE weather")


def _made(connection: psycopg.Connection, kind: Kind, present: list[Row]) -> tuple[RegisteredSet, Model]:
    """The set; of a tracked table with rows that are there already."""
    if kind in OF_FSDB:
        definition = replace(CREATED, event_time="clock" if kind == "by_clock" else None)
        return history.create(connection, definition), Model(timed=True, by_clock=kind == "by_clock")
    connection.execute(
        SQL("CREATE TABLE weather (note text, a float8, k bigint, b text, {} p text, PRIMARY KEY (k, p))").format(
            SQL("seen timestamptz," if kind == "tracked" else "")
        )
    )
    columns = ["k", "p", "a", "b", *(["seen"] if kind == "tracked" else [])]
    for row in present:
        connection.execute(
            SQL("INSERT INTO weather ({}) VALUES ({})").format(
                _listed(columns), SQL(", ").join([SQL("%s")] * len(columns))
            ),
            [*row.key, row.values["a"], row.values["b"], *([row.time or day(2)] if kind == "tracked" else [])],
        )
    definition = history.tracked_definition(
        connection, "weather", features=["a", "b"], event_time="seen" if kind == "tracked" else None
    )
    return history.create(connection, definition), Model(timed=kind == "tracked", tracked=True)


def _first_versions(world: World, kind: Kind, present: list[Row]) -> None:
    """A row that a tracked table had has its first version."""
    found = world._new_versions(world.sessions[0].connection)
    wanted = {} if kind in OF_FSDB else {row.key: row for row in present}
    assert {version.key for version in found} == set(wanted)
    assert len(found) == len(wanted)
    for version in found:
        row = wanted[version.key]
        assert image(version.values) == image(row.values)
        assert not version.deleted
        if kind == "tracked":
            assert version.event_time == (row.time or day(2))
        world.model.written[version.version_id] = version.event_time if kind == "tracked" else None
        world.model.versions[row.key] = (version,)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["created", "by_clock", "tracked", "clock"])
@settings(
    max_examples=HUNTED if os.environ.get("FSDB_HUNT") else EVERY_TIME,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(present=st.one_of(st.just([]), ROWS), begun=st.sets(st.integers(0, 1)), steps=STEPS)
def test_any_changes(
    pair: Pair,
    kind: Kind,
    present: list[Row],
    begun: set[int],
    steps: list[tuple[int, Change]],
) -> None:
    """`present`: rows of a tracked table from before it was tracked. `begun`: sessions that begin with a transaction."""
    with _world(pair.connections(), kind, present) as world:
        for number in begun:
            world.step(number, Change("begin"))
        for number, change in steps:
            world.step(number, change)
        world.finish()
