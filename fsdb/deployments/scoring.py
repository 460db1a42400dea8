"""Compiles the releases that score now to the function of their model table's trigger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import FeatureRead, SetRead, read_of
from fsdb.catalog.deployments import RegisteredDeployment, Release, ReleaseInput, ReleaseSet
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments.objects import rejections_name, scorer_name
from fsdb.engines.postgres.lookup import newest, values
from fsdb.history.names import internal
from fsdb.models import Program, function_call
from fsdb.models.backends.sql import bulk_name, in_bulk
from fsdb.sql import joined, query
from fsdb.types import base_name, type_sql

FILE = "deployments/scoring"
_SENT = {
    "timestamp with time zone": "timestamptz_send",
    "date": "date_send",
    "double precision": "float8send",
    "real": "float4send",
}


@dataclass(frozen=True)
class Scoring:
    """A release with the program that it runs."""

    release: Release
    program: Program


def trigger_function(
    connection: Connection[Any],
    function: Identifier,
    deployed: RegisteredDeployment,
    live: Scoring,
    canary: Scoring | None,
    sets: Mapping[str, RegisteredSet],
    columns: Mapping[str, str],
    recorded: Sequence[str],
    numbers: str,
) -> Composed:
    """CREATE OR REPLACE of the trigger function `function` of a deployment.

    columns: of the model table, with types; recorded: those that fsdb fills in, of which a release that does not fill
    one makes it NULL; numbers: the sequence of prediction_ids. Everything that the releases are goes into the body as constants: nothing of the catalog is read
    when a row is scored.
    """
    score = _release(deployed, live, sets, recorded)
    if canary is not None and deployed.canary is not None:
        score = query(
            FILE,
            "canary",
            key=joined([key_part(name, columns[name]) for name in deployed.canary.by]),
            share=Literal(deployed.canary.share),
            canary=_release(deployed, canary, sets, recorded),
            live=score,
        )
    message = f"fsdb: prediction_id of {deployed.name} is numbered by fsdb and cannot be given: leave it out"
    body = query(FILE, "body", score=score, numbers=Literal(numbers), number_message=Literal(message))
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
    features = tuple(
        FeatureRead(given.feature_id, given.history_column, outputs[given.name], given.type, given.default_value)
        for given in release.inputs
        if given.feature_set == read.feature_set and given.feature_id is not None and given.history_column is not None
    )
    return read_of(registered, features, read.max_age)


def canary_key(release: Release, sets: Mapping[str, RegisteredSet]) -> tuple[str, ...]:
    """The columns that tell whose a row is where nothing else is said: the keys of the sets that are looked up, else every input."""
    keys = dict.fromkeys(key for read in release.sets for key in sets[read.feature_set].keys)
    return tuple(keys) or tuple(given.column for given in release.inputs)


def _release(
    deployed: RegisteredDeployment, scoring: Scoring, sets: Mapping[str, RegisteredSet], recorded: Sequence[str]
) -> Composed:
    release = scoring.release
    aliases = {given.name: f"seen_{number}" for number, given in enumerate(release.inputs, start=1)}
    look_up, variables, versions = _look_up(release, sets, aliases)
    results = result_types(scoring.program)
    records: dict[str, Composable] = {
        "model_version": Literal(release.version),
        "model_release": Literal(release.release),
    }
    score: Composable = SQL("")
    if release.runtime == "worker":
        records |= {name: SQL("NULL") for name in results}
        if release.sets:
            look_up = query(FILE, "looking_up", look_up=look_up, refuse=_refuse(release))
    else:
        # A value that the model's type does not take is refused as one that the model does not take.
        score = _scored(deployed, scoring, aliases, look_up, versions)
        look_up = SQL("")
    filled = {*results, *versions, "scored_at", "scoring_us", "prediction_id"}
    nulls = [_assignment(name, SQL("NULL")) for name in recorded if name not in filled and name not in records]
    assigned = [_assignment(name, value) for name, value in records.items()]
    # The unused first: the reason of a row that cannot be scored comes after.
    return query(
        FILE,
        "release",
        variables=joined(variables, "\n"),
        look_up=look_up,
        score=joined([*nulls, score], "\n"),
        records=joined(assigned, "\n"),
    )


def _look_up(
    release: Release, sets: Mapping[str, RegisteredSet], aliases: Mapping[str, str]
) -> tuple[Composable, list[Composed], list[str]]:
    """The query of all features into variables and of the versions read into the record, the variables' declarations, and the
    columns of the versions.

    Variables of a type each are faster than one record, whose shape PostgreSQL works out anew for each row.
    """
    reads: list[Composable] = []
    columns: list[Composable] = []
    targets: list[Composable] = []
    variables: list[Composed] = []
    defaults = False
    for number, read in enumerate(release.sets, start=1):
        described = set_read(release, read, sets[read.feature_set], aliases)
        name = f"s{number}"
        keys = [Identifier("new", key.spine_column) for key in described.keys]
        newest_version = newest(described, keys, SQL("NEW.scored_at"))
        defaults = defaults or any(feature.default is not None for feature in described.features)
        reads.append(query(FILE, "read", newest=newest_version, alias=Identifier(name)))
        columns += [*values(described, name), _version(sets[read.feature_set], name)]
        targets += [Identifier(feature.output) for feature in described.features]
        targets.append(SQL("NEW.{}").format(Identifier(read.version_column)))
        variables += [
            query(FILE, "variable", name=Identifier(feature.output), type=type_sql(feature.type))
            for feature in described.features
        ]
    if not reads:
        return SQL(""), [], []
    first, *others = [query(FILE, "once"), *reads] if defaults else reads
    tables = joined([first, *(query(FILE, "and_read", read=read) for read in others)], "\n")
    text = query(FILE, "look_up", columns=joined(columns), targets=joined(targets), reads=tables)
    return text, variables, [read.version_column for read in release.sets]


def _version(registered: RegisteredSet, alias: str) -> Composable:
    """What is recorded of what was read: the version's number, or which versions of events there were."""
    if registered.windows is None:
        return Identifier(alias, "version_id")
    numbers = internal(registered.history_table, "version_id")
    return query(FILE, "pin", numbers=numbers, events=Literal(registered.versions_of))


def _scored(
    deployed: RegisteredDeployment,
    scoring: Scoring,
    aliases: Mapping[str, str],
    look_up: Composable,
    versions: Sequence[str],
) -> Composed:
    """Looks up, calls the scoring function, and does with a row that it refuses what the deployment says."""
    release, program = scoring.release, scoring.program
    name = scorer_name(deployed.model, release.version, release.runtime)
    results = result_types(program)
    score = _called(name, scoring, aliases)
    condition = in_bulk(program) if release.runtime == "sql" else None
    if condition is not None:
        many = _called(bulk_name(name), scoring, aliases)
        score = query(FILE, "in_bulk", condition=condition, many=many, single=score)
    if program.has_probability:
        score = joined([score, *(_assignment(output, Identifier("scored", output)) for output in results)], "\n")
    if release.sets:
        score = joined([look_up, score], "\n")
    if deployed.on_error == "null":
        nulls = [_assignment(output, SQL("NULL")) for output in results]
        score = query(FILE, "recording", score=score, nulls=joined(nulls, "\n"), reason=_reason(release))
        # Where looking up fails, nothing was read.
        return joined([*(_assignment(name, SQL("NULL")) for name in versions), score], "\n")
    rejections = Literal(Identifier(MODEL_SCHEMA, rejections_name(deployed, release.version)).as_string())
    return query(FILE, "rejecting", score=score, rejections=rejections, refuse=_refuse(release))


def _refuse(release: Release) -> Composed:
    return query(FILE, "refuse_told", reason=_reason(release)) if release.sets else query(FILE, "refuse")


def _reason(release: Release) -> Composed:
    """Why a row is refused, as whoever inserts may be told: with no value of a feature."""
    if not release.sets:
        return query(FILE, "reason")
    given = [one.name for one in release.inputs if one.feature_id is None]
    return query(FILE, "reason_told", given=Literal(given) if given else SQL("'{}'"))


def _called(function: str, scoring: Scoring, aliases: Mapping[str, str]) -> Composed:
    """Calls a scoring function, into `scored` or straight into the prediction where there is nothing else."""
    arguments = [_argument(given, aliases[given.name]) for given in scoring.release.inputs]
    call = function_call(scoring.program, MODEL_SCHEMA, function, arguments)
    return SQL("    scored := {};").format(call) if scoring.program.has_probability else _assignment("prediction", call)


def _assignment(column: str, value: Composable) -> Composed:
    return SQL("    NEW.{} := {};").format(Identifier(column), value)


def _argument(given: ReleaseInput, alias: str) -> Composable:
    if given.feature_id is not None:
        return Identifier(alias)
    return Identifier("new", given.column)


def key_part(column: str, kind: str) -> Composed:
    """A column of the row `new`, of PostgreSQL type `kind`, as a part of the key that canaries go by."""
    send = _SENT.get(base_name(kind))
    if send is None:
        return query(FILE, "key_part", column=Identifier(column))
    return query(FILE, "key_part_sent", column=Identifier(column), send=SQL(send))
