"""What a model version's inputs are bound to when it is deployed: features that are looked up, columns of the inserted row."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.sql import Literal

from fsdb.access.rows import require_all
from fsdb.catalog.deployments import Release, ReleaseInput, ReleaseSet
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.catalog.models import ModelInput, ModelVersion
from fsdb.catalog.readable import readable_sets
from fsdb.deployments.runtimes import Choice
from fsdb.errors import ChangeRefused, InvalidDefinition, UnsupportedModel
from fsdb.sql import query
from fsdb.types import base_name, type_sql

# Columns that fsdb itself keeps in a model table.
RECORDED = (
    "prediction_id",
    "prediction",
    "probability",
    "probabilities",
    "model_version",
    "scored_at",
    "scoring_us",
    "scored_by",
    "model_release",
    "error",
    "predicted_at",
)
MOST_LOOKED_UP = 1664  # columns of one query
MOST_COLUMNS = 1600  # of a table
MOST_ROW = 8160  # bytes of a row on a page
_SYSTEM = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
_MOST_BYTES, _DIGEST = 63, 8
_ROW_HEADER = 32
_OUT_OF_LINE = 20  # of a value that is kept elsewhere
_SIZES = {"boolean": 1, "smallint": 2, "integer": 4, "real": 4, "date": 4, "bigint": 8, "double precision": 8}
_SIZES |= {"timestamp with time zone": 8, "uuid": 16}
_WIDEST = {
    "smallint": "bigint",
    "integer": "bigint",
    "real": "double precision",
    "character varying": "text",
}


def column_of(name: str) -> str:
    """The model table's column for an input: of its own name, where a column of PostgreSQL can have that.

    The names of its system columns get an underscore (xmin_), one longer than it keeps (63 bytes) is cut and told apart by a digest.
    """
    if name in _SYSTEM:
        return f"{name}_"
    if not name:
        return "_"
    kept = name.encode()
    if len(kept) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(kept).hexdigest()[:_DIGEST]
    return f"{kept[: _MOST_BYTES - _DIGEST - 1].decode(errors='ignore')}_{digest}"


def check_width(model: str, columns: Mapping[str, str]) -> None:
    """Raises UnsupportedModel where a table cannot have these columns (names with types), or no row with all of them filled."""
    advice = "bind them to features of several sets, or fit it on fewer"
    if len(columns) > MOST_COLUMNS:
        raise UnsupportedModel(
            f"Model {model} needs a table of {len(columns):,} columns for its inputs and what is recorded, and PostgreSQL's tables have at "
            f"most {MOST_COLUMNS:,}: {advice}."
        )
    size = _ROW_HEADER + len(columns) // 8 + sum(_SIZES.get(base_name(kind), _OUT_OF_LINE) for kind in columns.values())
    if size > MOST_ROW:
        raise UnsupportedModel(
            f"Model {model} needs a table of {len(columns):,} columns, whose rows take {size:,} bytes when all are filled, and PostgreSQL's "
            f"rows have at most {MOST_ROW:,}: {advice}."
        )


def widest(kind: str) -> str:
    """The widest type of a type's kind, which holds all its values exactly: models take their inputs in it.

    So a deployment goes on when a feature's type is widened.
    """
    base = base_name(kind)
    return _WIDEST.get(base, base)


def bound_release(
    connection: Connection[Any],
    version: ModelVersion,
    number: int,
    former: int | None,
    choice: Choice,
    earlier: Sequence[Release] = (),
) -> Release:
    """The release `number` of a deployment: a model version in a runtime, with the max_age and defaults that its features have now.

    Version columns of `earlier` releases keep their sets. Raises ChangeRefused where a feature was dropped,
    UnsupportedModel where there are more than one query can look up.
    """
    sets = readable_sets(connection)
    current = {feature.feature_id: (owner, feature) for owner in sets.values() for feature in owner.features}
    inputs = []
    used: dict[str, RegisteredSet] = {}
    for given in version.inputs:
        if given.feature_id is None:
            inputs.append(ReleaseInput(given.name, given.type, column_name=column_of(given.name)))
            continue
        if given.feature_id not in current:
            raise ChangeRefused(
                f"Version {version.version} of model {version.model} takes the feature {given.feature}, which was dropped: "
                "restore the feature, or register and deploy a version without it."
            )
        owner, feature = current[given.feature_id]
        used[owner.name] = owner
        inputs.append(_feature_input(connection, given, owner, feature))
    # The scoring function runs as whoever deploys.
    require_all(connection, [owner.versions_of for owner in used.values()], f"A deployment of model {version.model}")
    features = sum(given.feature_id is not None for given in inputs)
    if features + len(used) > MOST_LOOKED_UP:
        raise UnsupportedModel(
            f"Version {version.version} of model {version.model} takes {features} features; a deployment looks up at most "
            f"{MOST_LOOKED_UP - len(used)} at once: fit it on fewer."
        )
    reads = _release_sets(list(used.values()), inputs, earlier)
    return Release(number, version.version, former, choice.runtime, choice.reason, tuple(inputs), reads)


def table_columns(release: Release, sets: Mapping[str, RegisteredSet]) -> dict[str, str]:
    """The columns that an application fills in, with their types: the keys of the release's sets, then request inputs.

    Raises InvalidDefinition where two of them need different types or would be one column, or one has a name that fsdb records under.
    """
    columns: dict[str, str] = {}
    owners: dict[str, str] = {}
    names: dict[str, str] = {}
    wanted = [
        (key, key, widest(kind), f"key of {read.feature_set}")
        for read in release.sets
        for key, kind in sets[read.feature_set].keys.items()
    ] + [
        (given.name, given.column, given.type, "input of the model")
        for given in release.inputs
        if given.feature_id is None
    ]
    for known, name, kind, owner in wanted:
        if names.setdefault(name, known) != known:
            raise InvalidDefinition(
                f"{known!r}, {owner}, would be the column {name!r} of the model table, as is {names[name]!r}, {owners[name]}: rename one "
                "of them."
            )
        if name in RECORDED:
            raise InvalidDefinition(
                f"{name!r}, {owner}, is a column that a model table records itself: give it another name."
            )
        if columns.setdefault(name, kind) != kind:
            raise InvalidDefinition(
                f"Column {name!r} would be {columns[name]} as {owners[name]} and {kind} as {owner}: "
                "let the model and the feature sets agree on one type."
            )
        owners.setdefault(name, owner)
    return columns


def same_scoring(one: Release, other: Release) -> bool:
    """Whether two releases score alike, whatever their numbers and why their runtime was chosen."""
    return replace(one, release=other.release, former=other.former, reason=other.reason) == other


def _feature_input(
    connection: Connection[Any], given: ModelInput, owner: RegisteredSet, feature: RegisteredFeature
) -> ReleaseInput:
    default = None
    if feature.default_value is not None:
        # As the feature's own type rounds it, so that it is the number that training sets have.
        types = {"feature": type_sql(feature.type), "input": type_sql(given.type)}
        text = query("deployments/scoring", "default", value=Literal(feature.default_value), **types)
        row = connection.execute(text).fetchone()
        assert row is not None
        default = row[0]
    return ReleaseInput(
        given.name,
        given.type,
        feature.feature_id,
        owner.name,
        feature.name,
        feature.history_column,
        feature.dropped_at,
        default,
    )


def _release_sets(
    used: Sequence[RegisteredSet], inputs: Sequence[ReleaseInput], earlier: Sequence[Release]
) -> tuple[ReleaseSet, ...]:
    known = {read.feature_set: read.version_column for release in earlier for read in release.sets}
    for name in [
        *(given.column for given in inputs if given.feature_id is None),
        *(key for owner in used for key in owner.keys),
    ]:
        if name in known.values():
            raise InvalidDefinition(
                f"The model table already records versions of a feature set in its column {name!r}: "
                "give the model's input another name, or deploy it as another table."
            )
    taken = {
        *RECORDED,
        *known.values(),
        *(given.column_name or given.name for given in inputs),
        *(given.column_name or given.name for release in earlier for given in release.inputs),
        *(key for owner in used for key in owner.keys),
    }
    reads = []
    for owner in used:
        column = known.get(owner.name)
        attempt = 1
        while column is None:
            ending = "version" if owner.windows is None else "pin"
            candidate = f"{owner.table_name}_{ending}" + (f"_{attempt}" if attempt > 1 else "")
            column = None if candidate in taken else candidate
            attempt += 1
        taken.add(column)
        reads.append(ReleaseSet(owner.name, owner.max_age, column, owner.windows is not None))
    return tuple(reads)
