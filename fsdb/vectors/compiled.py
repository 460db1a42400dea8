"""What a choice of features compiles to, kept for as long as no definition changes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import Column, SetRead, set_read
from fsdb.asof.names import output_names
from fsdb.catalog.feature_sets import RegisteredFeature
from fsdb.catalog.readable import resolve_features
from fsdb.engines.postgres.lookup import newest
from fsdb.engines.postgres.packs import PackedRead, newest_packed, pack_values, packed
from fsdb.engines.postgres.pieces import aliased, output_values
from fsdb.errors import InvalidDefinition
from fsdb.forks import Lock
from fsdb.keys import Key, comparison_type
from fsdb.sql import joined, query
from fsdb.types import type_sql

logger = logging.getLogger(__name__)

FILE = "vectors/vectors"
_KEPT = 1000  # choices of features, of all databases that this process reads
_AT = SQL("moment.at")
MOST_SINGLE = 100  # features that come as a column each; more come in arrays, which is faster and has no limit


@dataclass(frozen=True)
class CompiledVector:
    """A choice of features, compiled at one generation of the catalog.

    one: the statement for one entity, with `$1`… for the values of `keys`; its row is what `values` takes, found, generation,
    and the server process that answered.
    names: of the outputs. values: the outputs' values, in their order, from the row.
    """

    generation: int
    keys: tuple[Key, ...]
    reads: tuple[SetRead, ...]
    outputs: tuple[Column, ...]
    names: tuple[str, ...]
    one: bytes
    values: Callable[[Sequence[Any]], Sequence[Any]]

    @property
    def small(self) -> bool:
        """Whether each feature is a column of its own."""
        return len(self.names) <= MOST_SINGLE

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
    chosen = resolve_features(connection, features)
    named = list(zip(chosen, output_names(chosen), strict=True))
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
    numbered: dict[Key, Composable] = {
        key: SQL("${}::{}").format(SQL(str(n)), type_sql(key.type)) for n, key in enumerate(keys.values(), start=1)
    }
    values: Callable[[Sequence[Any]], Sequence[Any]]
    if len(columns) <= MOST_SINGLE:
        statement, values = _single(reads, columns, numbered, generation), _as_they_are
    else:
        together = [packed(read) for read in reads]
        statement, values = _together(together, numbered, generation), _unpacking(together, names)
    compiled = CompiledVector(
        generation, tuple(keys.values()), reads, columns, names, statement.as_bytes(connection), values
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
    return joined([SQL("coalesce({}.found, false)").format(Identifier(alias)) for alias, _ in reads], " AND ")


def _single(
    reads: Sequence[SetRead], columns: Sequence[Column], keys: dict[Key, Composable], generation: int
) -> Composed:
    """The statement for one entity, with a column for each feature."""
    versions = [(alias, newest(read, _keys_of(read, keys), _AT)) for alias, read in aliased(reads)]
    return _one(output_values(reads, columns), reads, versions, generation)


def _together(reads: Sequence[PackedRead], keys: dict[Key, Composable], generation: int) -> Composed:
    """The statement for one entity, with an array for the features of each set and type: still one statement and one snapshot."""
    named = [(f"set_{number}", given) for number, given in enumerate(reads, start=1)]
    versions = [(alias, newest_packed(given, _keys_of(given.read, keys), _AT)) for alias, given in named]
    values = [value for alias, given in named for value in pack_values(given, alias)]
    return _one(values, [given.read for given in reads], versions, generation)


def _one(
    values: list[Composable], reads: Sequence[SetRead], versions: Sequence[tuple[str, Composed]], generation: int
) -> Composed:
    joins = [
        query("engines/postgres", "join_lookup", newest=version, alias=Identifier(alias)) for alias, version in versions
    ]
    parts = {"values": joined(values), "found": found(aliased(reads)), "lookups": joined(joins, "\n")}
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
