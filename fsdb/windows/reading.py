"""Windows over one entity's events as of a moment, as SQL: the piece that as-of functions, vectors, training sets and triggers share."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import EventColumns, WindowRead
from fsdb.definitions.windows import WindowFeature
from fsdb.sql import joined, query
from fsdb.types import base_name, type_sql

FILE = "windows/windows"
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_DOUBLES = frozenset({"real", "double precision"})
_TEXTS = frozenset({"text", "character varying"})


def now(read: WindowRead, live: Composable, keys: Sequence[Composable], at: Composable) -> Composed:
    """A SELECT that gives one row, always: the features by name, over the events that the live table has.

    keys: an expression for each of the read's keys; at: of type timestamptz. Both may refer to anything outside but the names
    `state`, `bound` and `event`.
    """

    def events(columns: Composable) -> Composed:
        compared = _compared("event", read, keys)
        return query(FILE, "events_now", columns=columns, events=live, keys=compared, at=Identifier(read.events.at))

    return _state(read, keys, at, events)


def then(
    read: WindowRead, history: Composable, keys: Sequence[Composable], at: Composable, seen: Composable
) -> Composed:
    """As `now`, over the versions that history has and a reader saw. seen: a condition on `version`, beginning with AND, or nothing."""
    return _state(read, keys, at, _events_then(read, history, keys, seen))


def version(
    read: WindowRead, history: Composable, keys: Sequence[Composable], at: Composable, seen: Composable
) -> Composed:
    """As `then`, with what else the row of a version has: version_id and event_time, both NULL; recorded_at, when the last of the events
    was; and deleted, true where the longest window has no event."""
    return _state(read, keys, at, _events_then(read, history, keys, seen), as_version=True)


def counted_events(
    read: WindowRead, history: Composable, keys: Sequence[Composable], at: Composable, seen: Composable
) -> tuple[dict[str, Composable], dict[str, Composable], Composed]:
    """By feature whether an event counts in it, and the event's value as a text; and the rows `event` that these are over, as FROM takes them."""
    columns = _Events(read.events)
    counted: dict[str, Composable] = {}
    values: dict[str, Composable] = {}
    for feature in read.features:
        conditions = [
            SQL("event.at OPERATOR(pg_catalog.>) bound.{}").format(Identifier(_begin(_microseconds(feature.width))))
        ]
        values[feature.name] = SQL("NULL::text").format()
        if feature.column is not None:
            value = columns.name(Identifier("event", feature.column))
            conditions.append(SQL("{} IS NOT NULL").format(value))
            values[feature.name] = SQL("{}::text").format(value)
        if feature.where is not None:
            conditions.append(SQL("{} IS TRUE").format(columns.name(SQL("({})").format(SQL(feature.where)))))
        counted[feature.name] = joined(conditions, " AND ")
    for name in ("version_id", "recorded_at"):
        columns.listed.append(SQL("event.{0} AS {0}").format(Identifier(name)))
    events = _events_then(read, history, keys, seen)(joined(columns.listed))
    return counted, values, query(FILE, "bounded", bounds=joined(_bounds(read, at)), events=events)


def _events_then(
    read: WindowRead, history: Composable, keys: Sequence[Composable], seen: Composable
) -> Callable[[Composable], Composed]:
    def events(columns: Composable) -> Composed:
        return query(
            FILE,
            "events_then",
            columns=columns,
            history=history,
            keys=_compared("version", read, keys),
            at=Identifier(read.events.at),
            id=Identifier(read.events.id),
            seen=seen,
        )

    return events


def _compared(alias: str, read: WindowRead, keys: Sequence[Composable]) -> Composed:
    return joined(
        [
            SQL("{} OPERATOR(pg_catalog.=) {}").format(Identifier(alias, column), key)
            for column, key in zip(read.keys, keys, strict=True)
        ],
        " AND ",
    )


def _state(
    read: WindowRead,
    keys: Sequence[Composable],
    at: Composable,
    events: Callable[[Composable], Composed],
    as_version: bool = False,
) -> Composed:
    made = _Aggregates(read.events, query(FILE, "entity", keys=joined(list(keys))))
    outputs = [SQL("{} AS {}").format(made.value(feature), Identifier(feature.name)) for feature in read.features]
    if as_version:
        outputs.append(query(FILE, "version", recorded=made.recorded(), count=made.count()))
    return query(
        FILE,
        "state",
        outputs=joined(outputs),
        aggregates=joined(made.aggregates),
        rows=query(FILE, "bounded", bounds=joined(_bounds(read, at)), events=events(joined(made.columns))),
    )


def _bounds(read: WindowRead, at: Composable) -> list[Composed]:
    """The beginning of each width's windows, the earliest of them, and their end."""
    offset = _microseconds(read.offset)
    step = 1 if read.step is None else _microseconds(read.step)
    widths = {_microseconds(feature.width) for feature in read.features}
    named = [(_begin(width), width + offset, step) for width in sorted(widths)]
    named += [("longest", max(widths) + offset, step), ("until", offset, 1)]
    return [
        SQL("{} AS {}").format(query(FILE, "bound", at=at, back=Literal(back), step=Literal(step)), Identifier(name))
        for name, back, step in named
    ]


class _Aggregates:
    """What is computed of the events of all windows, each once, and the features that are made of it.

    entity: the key's values as a text, for errors.
    """

    def __init__(self, events: EventColumns, entity: Composable) -> None:
        self._types = events.types
        self._entity = entity
        self._columns = _Events(events)
        self._made = _Named("state", "a")

    def recorded(self) -> Composable:
        """When the last of the events was recorded."""
        return self._made.name(query(FILE, "recorded", value=self._columns.name(Identifier("event", "recorded_at"))))

    def count(self) -> Composable:
        """How many events the longest window has."""
        return self._made.name(query(FILE, "events"))

    @property
    def columns(self) -> list[Composable]:
        """What is read of each event: its time, its id, and what is aggregated."""
        return self._columns.listed

    @property
    def aggregates(self) -> list[Composable]:
        """Each aggregate under its name."""
        return self._made.listed

    def value(self, feature: WindowFeature) -> Composable:
        """A feature, made of the aggregates."""
        if feature.column is None:
            return self._aggregate("count", feature, SQL("1"))
        kind = base_name(self._types[feature.column])
        if kind.endswith("[]") and feature.function != "count":  # an array of arrays has no elements that are arrays
            shown = self._columns.name(SQL("{}::text").format(Identifier("event", feature.column)))
            return SQL("{}::{}").format(
                self._aggregate(feature.function, feature, shown), type_sql(self._types[feature.column])
            )
        plain = self._columns.name(Identifier("event", feature.column))
        if feature.function in ("count", "first", "last"):
            return self._aggregate(feature.function, feature, plain)
        if feature.function in ("min", "max"):
            extreme = self._aggregate(feature.function, feature, plain)
            return query(FILE, "without_sign", value=extreme) if kind in _DOUBLES else extreme
        total = self._total(feature, feature.column, kind)
        if feature.function == "sum":
            if kind in _INTEGERS:
                named = Literal(feature.name)
                return query(FILE, "sum_of_integers", sum=total, feature=named, entity=self._entity)
            return query(FILE, "sum_of_doubles", sum=total) if kind in _DOUBLES else total
        count = self._aggregate("count", feature, plain)
        if feature.function == "mean":
            return query(FILE, "mean", sum=total, count=count)
        squares = self._aggregate("squares", feature, self._columns.name(_exact(feature.column, kind)))
        return query(FILE, "stddev", sum=total, squares=squares, count=count)

    def _total(self, feature: WindowFeature, column: str, kind: str) -> Composable:
        """The sum of a column without rounding, as numeric; NULL where none counts."""
        if kind in _INTEGERS:  # sums of bigint are numeric
            return self._aggregate(
                "sum", feature, self._columns.name(SQL("{}::bigint").format(Identifier("event", column)))
            )
        if kind not in _DOUBLES:
            return self._aggregate("sum", feature, self._columns.name(_exact(column, kind)))
        # Three whole numbers a double add up much faster than the numeric that it is.
        double = SQL("{}::double precision").format(Identifier("event", column))
        parts = {
            part: self._aggregate("sum", feature, self._columns.name(query(FILE, part, value=double)))
            for part in ("whole", "fraction", "rest", "far")
        }
        return query(FILE, "total", **parts)

    def _aggregate(self, function: str, feature: WindowFeature, value: Composable) -> Identifier:
        """An aggregate over a feature's window, in the row `state`."""
        conditions: list[Composable] = []
        if feature.where is not None:
            conditions.append(SQL(" AND {}").format(self._columns.name(SQL("({})").format(SQL(feature.where)))))
        if function in ("first", "last"):  # arrays hold NULLs, which do not count
            conditions.append(SQL(" AND {} IS NOT NULL").format(value))
        begin = Identifier(_begin(_microseconds(feature.width)))
        within = query(FILE, "within", begin=begin, condition=joined(conditions, ""))
        return self._made.name(query(FILE, function, value=value, within=within))


class _Named:
    """Expressions that are computed once, under names of a relation."""

    def __init__(self, relation: str, letter: str) -> None:
        self._relation = relation
        self._letter = letter
        self._names: dict[str, str] = {}
        self.listed: list[Composable] = []

    def name(self, value: Composable) -> Identifier:
        """Where the expression's value is found."""
        text = value.as_string()
        if text not in self._names:
            self._names[text] = f"{self._letter}{len(self._names) + 1}"
            self.listed.append(SQL("{} AS {}").format(value, Identifier(self._names[text])))
        return Identifier(self._relation, self._names[text])


class _Events(_Named):
    """What is read of each event: its time, its id, and what is aggregated."""

    def __init__(self, events: EventColumns) -> None:
        super().__init__("event", "v")
        event_id: Composable = Identifier("event", events.id)
        if base_name(events.types[events.id]) in _TEXTS:
            event_id = SQL('{} COLLATE pg_catalog."C"').format(event_id)
        self.listed += [SQL("{} AS at").format(Identifier("event", events.at)), SQL("{} AS id").format(event_id)]


def _begin(width: int) -> str:
    return f"from_{width}"


def _exact(column: str, kind: str) -> Composable:
    """A column as numbers that add up without rounding."""
    plain = Identifier("event", column)
    if kind in _DOUBLES:
        return SQL("fsdb.exact({}::double precision)").format(plain)
    return SQL("{}::numeric").format(plain)


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
