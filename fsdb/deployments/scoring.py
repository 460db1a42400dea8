"""Compiles a release to the function of its model table's trigger."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import FeatureRead, KeyBinding, SetRead
from fsdb.catalog.deployments import Release, ReleaseInput, ReleaseSet
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import MODEL_SCHEMA
from fsdb.engines.postgres.lookup import newest, values
from fsdb.models import Program, function_call
from fsdb.sql import joined, query

FILE = "deployments/scoring"


def trigger_function(
    connection: Connection[Any],
    function: Identifier,
    scorer: str,
    program: Program,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    unused: Sequence[str],
) -> Composed:
    """CREATE OR REPLACE of the trigger function `function`, which scores by the function `scorer` of schema fsdb_models.

    unused: columns that fsdb records and this release does not fill; they become NULL. Everything that the release is
    goes into the body as constants: nothing of the catalog is read when a row is scored.
    """
    at = SQL("NEW.scored_at")
    aliases = {given.name: f"i{number}" for number, given in enumerate(release.inputs, start=1)}
    records: list[tuple[str, Composable]] = []
    reads: list[Composable] = []
    columns: list[Composable] = []
    for number, read in enumerate(release.sets, start=1):
        described = set_read(release, read, sets[read.feature_set], aliases)
        name = f"s{number}"
        keys = [Identifier("new", key.spine_column) for key in described.keys]
        newest_version = newest(described, keys, at)
        reads.append(SQL("\n    LEFT JOIN LATERAL (\n{}\n    ) AS {} ON true").format(newest_version, Identifier(name)))
        columns += [
            SQL("{} AS {}").format(value, Identifier(feature.output))
            for feature, value in zip(described.features, values(described, name), strict=True)
        ]
        columns.append(SQL("{}.version_id AS {}").format(Identifier(name), Identifier(f"v{number}")))
        records.append((read.version_column, Identifier("seen", f"v{number}")))
    look_up = query(FILE, "look_up", columns=joined(columns), reads=joined(reads, "")) if reads else SQL("")
    arguments = [_argument(given, aliases[given.name]) for given in release.inputs]
    call = function_call(program, MODEL_SCHEMA, scorer, arguments)
    if program.has_probability:
        score = SQL("    scored := {};").format(call)
        records += [(output, Identifier("scored", output)) for output in result_types(program)]
    else:
        score = SQL("    NEW.prediction := {};").format(call)
    records += [(name, SQL("NULL")) for name in unused]
    records += [("model_version", Literal(release.version)), ("model_release", Literal(release.release))]
    assigned = [SQL("    NEW.{} := {};").format(Identifier(name), value) for name, value in records]
    body = query(FILE, "body", look_up=look_up, score=score, records=joined(assigned, "\n"))
    return query(FILE, "function", function=function, body=Literal(body.as_string(connection)))


def result_types(program: Program) -> dict[str, str]:
    """What a program's scoring function returns, with the types: columns of the model table."""
    types = {"prediction": program.prediction_type}
    if program.has_probability:
        types["probability"] = "double precision"
    if program.has_probabilities:
        types["probabilities"] = "double precision[]"
    return types


def set_read(release: Release, read: ReleaseSet, registered: RegisteredSet, outputs: Mapping[str, str]) -> SetRead:
    """What a release reads of a set, as it was bound: its features come out in the types of the model's inputs."""
    return SetRead(
        read.feature_set,
        registered.history_table,
        tuple(KeyBinding(key, kind, key) for key, kind in registered.keys.items()),
        tuple(
            FeatureRead(given.feature_id, given.history_column, outputs[given.name], given.type, given.default_value)
            for given in release.inputs
            if given.feature_set == read.feature_set
            and given.feature_id is not None
            and given.history_column is not None
        ),
        read.max_age,
    )


def _argument(given: ReleaseInput, alias: str) -> Composable:
    if given.feature_id is not None:
        return Identifier("seen", alias)
    return Identifier("new", given.name)
