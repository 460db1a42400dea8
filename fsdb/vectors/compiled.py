"""What a choice of features compiles to, kept for as long as no definition changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.asof import Column, SetRead, set_read
from fsdb.asof.names import output_names
from fsdb.catalog.feature_sets import resolve_features
from fsdb.engines.postgres.join import aliased, outputs
from fsdb.engines.postgres.lookup import newest
from fsdb.errors import InvalidDefinition
from fsdb.sql import joined, query
from fsdb.vectors.keys import Key, comparison_type

FILE = "vectors/vectors"
_KEPT = 1000  # choices of features, of all databases that this process reads


@dataclass(frozen=True)
class CompiledVector:
    """A choice of features, compiled at one generation of the catalog.

    one: the statement for one entity, with `$1`… for the values of `keys`; its row is the outputs, found, generation.
    """

    generation: int
    keys: tuple[Key, ...]
    reads: tuple[SetRead, ...]
    outputs: tuple[Column, ...]
    one: bytes

    @property
    def found(self) -> Composed:
        """Whether every chosen set has the entity."""
        return joined(
            [SQL("coalesce({}.found, false)").format(Identifier(alias)) for alias, _ in aliased(self.reads)], " AND "
        )

    @property
    def values(self) -> list[Composable]:
        """What comes out for each output."""
        return outputs(self.reads, self.outputs)

    def lookups(self, values: Sequence[Composable], at: Composable) -> Composed:
        """Joins of each set's version for the key values given as expressions, one for each of `keys`."""
        return _lookups(self.reads, dict(zip(self.keys, values, strict=True)), at)


Choice = tuple[bytes, bytes, bytes, tuple[str, ...]]
_compiled: dict[Choice, CompiledVector] = {}
_lock = Lock()


def choice_of(connection: Connection[Any], features: Sequence[str]) -> Choice:
    """What a compiled vector is kept under: the database and the features."""
    pgconn = connection.pgconn
    return (pgconn.host, pgconn.port, pgconn.db, tuple(features))


def kept(choice: Choice) -> CompiledVector | None:
    """What was compiled for a choice before; it holds where the database still has its generation."""
    return _compiled.get(choice)


def compile_vector(connection: Connection[Any], choice: Choice) -> CompiledVector:
    """Compiles and keeps a choice of features. Raises UnknownName, or InvalidDefinition for a choice that makes no vector."""
    features = choice[-1]
    if not features:
        raise InvalidDefinition("A vector of no features was asked for: name at least one as 'set.feature'.")
    generation = current_generation(connection)
    chosen = resolve_features(connection, features)
    named = list(zip(chosen, output_names(chosen), strict=True))
    sets = {owner.name: owner for owner, _ in chosen}
    reads = tuple(
        set_read(registered, [(feature, name) for (owner, feature), name in named if owner.name == set_name])
        for set_name, registered in sets.items()
    )
    keys: dict[tuple[str, str], Key] = {}
    for read in reads:
        for binding in read.keys:
            kind = comparison_type(binding.type)
            keys.setdefault((binding.spine_column, kind), Key(binding.spine_column, kind, read.feature_set))
    columns = tuple(Column(name, feature.type) for (_, feature), name in named)
    numbered: list[Composable] = [
        SQL("${}::{}").format(SQL(str(n)), SQL(key.type)) for n, key in enumerate(keys.values(), start=1)
    ]
    draft = CompiledVector(generation, tuple(keys.values()), reads, columns, b"")
    statement = query(
        FILE,
        "one",
        values=joined(draft.values),
        found=draft.found,
        lookups=draft.lookups(numbered, SQL("moment.at")),
    )
    compiled = CompiledVector(generation, draft.keys, reads, columns, statement.as_bytes(connection))
    with _lock:
        if len(_compiled) >= _KEPT:
            _compiled.pop(next(iter(_compiled)))
        _compiled[choice] = compiled
    return compiled


def current_generation(connection: Connection[Any]) -> int:
    """The catalog's generation that a transaction sees."""
    row = connection.execute(query(FILE, "generation"), prepare=True).fetchone()
    assert row is not None
    return int(row[0])


def _lookups(reads: Sequence[SetRead], values: dict[Key, Composable], at: Composable) -> Composed:
    by_name = {(key.name, key.type): value for key, value in values.items()}
    parts = []
    for alias, read in aliased(reads):
        keys = [by_name[binding.spine_column, comparison_type(binding.type)] for binding in read.keys]
        parts.append(query("engines/postgres", "join_lookup", newest=newest(read, keys, at), alias=Identifier(alias)))
    return joined(parts, "\n")
