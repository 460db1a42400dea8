"""What a choice of features compiles to, kept for as long as no definition changes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import Column, SetRead, set_read
from fsdb.asof.computing import bind_expression, hidden_names
from fsdb.asof.description import Computed
from fsdb.asof.names import output_names
from fsdb.catalog.choice import Choice as ChosenFeatures
from fsdb.catalog.choice import resolve_choice
from fsdb.catalog.expressions import RegisteredExpression
from fsdb.catalog.feature_sets import RegisteredFeature
from fsdb.engines.postgres.lookup import newest
from fsdb.engines.postgres.packs import PackedRead, newest_packed, pack_values, packed
from fsdb.engines.postgres.pieces import aliased, output_values
from fsdb.errors import InvalidDefinition
from fsdb.expressions.statements import value_sql
from fsdb.forks import Lock
from fsdb.keys import Key, comparison_type
from fsdb.sql import joined, query
from fsdb.types import type_sql
from fsdb.vectors.request import Requested

logger = logging.getLogger(__name__)

FILE = "vectors/vectors"
_KEPT = 1000  # choices of features, of all databases that this process reads
_AT = SQL("moment.at")
MOST_COMPUTED = 1000  # columns of a vector with expressions
_REQUEST = "request "  # before the name of a column that a request brings: no feature is called so
MOST_SINGLE = 100  # features that come as a column each; more come in arrays, which is faster and has no limit


@dataclass(frozen=True)
class CompiledVector:
    """A choice of features, compiled at one generation of the catalog.

    one: the statement for one entity, with `$1`… for the values of `keys`; its row is what `values` takes, found, generation,
    and the server process that answered.
    names: of what comes out. values: their values, in their order, from the row.
    request: what a request brings for expressions; its values come after those of the keys. outputs: the features that are read. computed
    and names: the expressions over them and the request's columns, and what comes out, as in AsOf.
    """

    generation: int
    keys: tuple[Key, ...]
    reads: tuple[SetRead, ...]
    outputs: tuple[Column, ...]
    names: tuple[str, ...]
    one: bytes
    values: Callable[[Sequence[Any]], Sequence[Any]]
    request: tuple[Requested, ...] = ()
    computed: tuple[Computed, ...] = ()

    @property
    def small(self) -> bool:
        """Whether each feature is a column of its own."""
        return bool(self.computed) or len(self.names) <= MOST_SINGLE

    @cached_property
    def key_names(self) -> frozenset[str]:
        """The names of the keys."""
        return frozenset(key.name for key in self.keys)

    def given_keys(self, read: SetRead, values: Sequence[Composable]) -> list[Composable]:
        """What a read's keys are compared with, of expressions for each of `keys`."""
        return _keys_of(read, dict(zip(self.keys, values, strict=True)))


Choice = tuple[bytes, bytes, bytes, tuple[str, ...]]
_compiled: dict[Choice, CompiledVector] = {}
_lock = Lock()


def choice_of(connection: Connection[Any], features: str | Sequence[str]) -> Choice:
    """What a compiled vector is kept under: the database and the features. A text is one of these, not its letters."""
    pgconn = connection.pgconn
    return (pgconn.host, pgconn.port, pgconn.db, (features,) if isinstance(features, str) else tuple(features))


def kept(choice: Choice) -> CompiledVector | None:
    """What was compiled for a choice before; it holds where the database still has its generation."""
    return _compiled.get(choice)


def compile_vector(connection: Connection[Any], choice: Choice) -> CompiledVector:
    """Compiles and keeps a choice of features. Raises UnknownName, or InvalidDefinition for a choice that makes no vector."""
    features = choice[-1]
    if not features:
        raise InvalidDefinition("No features were chosen: name at least one as 'set.feature'.")
    generation = current_generation(connection)
    choice_made = resolve_choice(connection, features)
    shown = output_names(choice_made.features)
    expressions = {one.name for one in choice_made.expressions}
    clashing = sorted(expressions & set(shown))
    if clashing:
        raise InvalidDefinition(
            f"Expression {clashing[0]} and a feature would both be called {clashing[0]!r}: choose one of them."
        )
    chosen = choice_made.read
    named = list(zip(chosen, [*shown, *hidden_names(choice_made, {*shown, *expressions})], strict=True))
    sets = {owner.name: owner for owner, _ in chosen}
    of_set: dict[str, list[tuple[RegisteredFeature, str]]] = {name: [] for name in sets}
    for (owner, feature), name in named:
        of_set[owner.name].append((feature, name))
    reads = tuple(set_read(registered, of_set[name]) for name, registered in sets.items())
    keys: dict[tuple[str, str], Key] = {}
    for read in reads:
        for binding in read.keys:
            kind = comparison_type(binding.type)
            keys.setdefault((binding.spine_column, kind), Key(binding.spine_column, kind, read.feature_set))
    columns = tuple(Column(name, feature.type) for (_, feature), name in named)
    names = tuple(column.name for column in columns)
    request, computed = _computed(choice_made, reads)
    if computed:
        stored = iter(shown)
        names = tuple(
            one.name if isinstance(one, RegisteredExpression) else next(stored) for one in choice_made.members
        )
        if len(columns) + len(computed) > MOST_COMPUTED:
            raise InvalidDefinition(
                f"A vector with expressions has at most {MOST_COMPUTED:,} columns, and this one would have {len(columns) + len(computed):,}: choose the features in two calls."
            )
    numbered: dict[Key, Composable] = {
        key: SQL("${}::{}").format(SQL(str(n)), type_sql(key.type)) for n, key in enumerate(keys.values(), start=1)
    }
    values: Callable[[Sequence[Any]], Sequence[Any]]
    if computed:
        statement, values = (
            _with_expressions(reads, columns, numbered, generation, request, computed, names),
            _as_they_are,
        )
    elif len(columns) <= MOST_SINGLE:
        statement, values = _single(reads, columns, numbered, generation), _as_they_are
    else:
        together = [packed(read) for read in reads]
        statement, values = _together(together, numbered, generation), _unpacking(together, names)
    compiled = CompiledVector(
        generation,
        tuple(keys.values()),
        reads,
        columns,
        names,
        statement.as_bytes(connection),
        values,
        request,
        computed,
    )
    logger.debug("Compiled a vector of %s features of %s.", len(columns), ", ".join(sets))
    with _lock:
        if len(_compiled) >= _KEPT:
            _compiled.pop(next(iter(_compiled)))
        _compiled[choice] = compiled
    return compiled


def current_generation(connection: Connection[Any]) -> int:
    """The catalog's generation that a transaction sees."""
    row = connection.execute(query(FILE, "generation")).fetchone()
    assert row is not None
    return int(row[0])


def found(reads: Sequence[tuple[str, SetRead]]) -> Composed:
    """Whether every set, each with the alias of its version, has the entity."""
    if not reads:
        return Composed([SQL("true")])
    return joined([SQL("coalesce({}.found, false)").format(Identifier(alias)) for alias, _ in reads], " AND ")


def _single(
    reads: Sequence[SetRead], columns: Sequence[Column], keys: dict[Key, Composable], generation: int
) -> Composed:
    """The statement for one entity, with a column for each feature."""
    versions = [(alias, newest(read, _keys_of(read, keys), _AT)) for alias, read in aliased(reads)]
    return _one(output_values(reads, columns), reads, versions, generation)


def requested(name: str) -> str:
    """The column of what a request brings, among those of features."""
    return _REQUEST + name


def _computed(choice: ChosenFeatures, reads: Sequence[SetRead]) -> tuple[tuple[Requested, ...], tuple[Computed, ...]]:
    """What the request has to bring, and the expressions over the columns read and the request's."""
    request: dict[str, Requested] = {}
    for one in choice.expressions:
        for name, kind in one.request.items():
            known = request.setdefault(name, Requested(name, kind, one.name))
            if known.type != kind:
                raise InvalidDefinition(
                    f"Expressions {known.expression} and {one.name} read {name} as {known.type} and as {kind}: choose one of them, or let them agree."
                )
    features = {f.feature_id: Column(f.output, f.type) for read in reads for f in read.features}
    columns = {name: Column(requested(name), one.type) for name, one in request.items()}
    computed = tuple(bind_expression(one, features, columns, "the request") for one in choice.expressions)
    return tuple(request.values()), computed


def _with_expressions(
    reads: Sequence[SetRead],
    columns: Sequence[Column],
    keys: dict[Key, Composable],
    generation: int,
    request: Sequence[Requested],
    computed: Sequence[Computed],
    names: Sequence[str],
) -> Composed:
    """The statement for one entity, with a column for each feature and expression."""
    versions = [(alias, newest(read, _keys_of(read, keys), _AT)) for alias, read in aliased(reads)]
    outputs: dict[str, Composable] = dict(zip([c.name for c in columns], output_values(reads, columns), strict=True))
    brought = {requested(one.name): Identifier("moment", f"given_{n}") for n, one in enumerate(request)}
    values = outputs | {one.output: value_sql(one.tree, {**outputs, **brought}) for one in computed}
    given = [
        SQL(", ${}::{} AS {}").format(SQL(str(len(keys) + n + 1)), type_sql(one.type), Identifier(f"given_{n}"))
        for n, one in enumerate(request)
    ]
    return _one([values[name] for name in names], reads, versions, generation, joined(given, ""))


def _together(reads: Sequence[PackedRead], keys: dict[Key, Composable], generation: int) -> Composed:
    """The statement for one entity, with an array for the features of each set and type: still one statement and one snapshot."""
    named = [(f"set_{number}", given) for number, given in enumerate(reads, start=1)]
    versions = [(alias, newest_packed(given, _keys_of(given.read, keys), _AT)) for alias, given in named]
    values = [value for alias, given in named for value in pack_values(given, alias)]
    return _one(values, [given.read for given in reads], versions, generation)


def _one(
    values: list[Composable],
    reads: Sequence[SetRead],
    versions: Sequence[tuple[str, Composed]],
    generation: int,
    request: Composable = SQL(""),  # noqa: B008 - it is never changed
) -> Composed:
    joins = [
        query("engines/postgres", "join_lookup", newest=version, alias=Identifier(alias)) for alias, version in versions
    ]
    parts = {
        "values": joined(values),
        "found": found(aliased(reads)),
        "request": request,
        "lookups": joined(joins, "\n"),
    }
    return query(FILE, "one", generation=Literal(generation), **parts)


def _as_they_are(row: Sequence[Any]) -> Sequence[Any]:
    return row


def _unpacking(together: Sequence[PackedRead], names: Sequence[str]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    packs = [pack for given in together for pack in given.packs]
    nothing = [(None,) * len(pack.features) for pack in packs]
    position = {f.output: n for n, f in enumerate(f for pack in packs for f in pack.features)}
    order = [position[name] for name in names]
    in_order = None if order == list(range(len(order))) else itemgetter(*order)

    def values(row: Sequence[Any]) -> Sequence[Any]:
        flat = list(chain.from_iterable(one or none for one, none in zip(row, nothing, strict=False)))
        return flat if in_order is None else in_order(flat)

    return values


def _keys_of(read: SetRead, values: dict[Key, Composable]) -> list[Composable]:
    by_name = {(key.name, key.type): value for key, value in values.items()}
    return [by_name[binding.spine_column, comparison_type(binding.type)] for binding in read.keys]
