"""`score`: the predictions for many rows."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg import Connection

from fsdb.catalog.deployments import RegisteredDeployment, Release, get_deployment
from fsdb.catalog.feeds import find_feed
from fsdb.catalog.models import ModelVersion, get_version
from fsdb.catalog.readable import readable_sets
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import table_columns
from fsdb.deployments.bulk import in_server, outside, records
from fsdb.deployments.bulk.given import FILE, check_free, check_there, fitted, taken, whole
from fsdb.deployments.bulk.kept import Kept
from fsdb.deployments.bulk.lookups import Found, Rows, look_up, shares
from fsdb.deployments.bulk.outcome import Outcome, check_none_refused, joined_outcomes, result_type, with_results
from fsdb.deployments.bulk.recording import recorded
from fsdb.deployments.objects import scorer_name
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import IN_SERVER
from fsdb.deployments.scoring import key_part, result_types
from fsdb.errors import EngineUnavailable, InvalidData, InvalidDefinition, RightMissing
from fsdb.models import Program
from fsdb.sql import query

logger = logging.getLogger(__name__)

ON_ERROR = ("reject", "null")
_INSTANT = pa.timestamp("us", "UTC")
_programs: Kept[Program] = Kept(8)


def score(
    connection: Connection[Any], name: str, data: Any, *, on_error: str = "reject", record: bool = False
) -> pa.Table:
    """What `_score` gives, with a line in the log."""
    begun = time.perf_counter()
    found = _score(connection, name, data, on_error, record)
    by = (found.schema.metadata or {}).get(b"fsdb_scored_by", b"?").decode()
    did = "Scored and recorded" if record else "Scored"
    logger.info("%s %s rows by %s (%s) in %.3f s.", did, found.num_rows, name, by, time.perf_counter() - begun)
    return found


def _score(connection: Connection[Any], name: str, data: Any, on_error: str, record: bool) -> pa.Table:
    """What the deployment `name` predicts for the rows of `data`, as if each were inserted at one and the same moment.

    data: an SQL query, a pandas, polars or Arrow table, or Parquet files, with the keys of the deployment's feature sets
    and its request inputs under their names in the model table; further columns pass through. Features are looked up as
    of the call, in one snapshot of the database.

    Gives the data's columns, then prediction, probability and probabilities as the model has them, model_version, scored_at,
    and for each feature set the version that was read; rows in the order of the data. on_error: what becomes of a row
    that the model does not take: "reject" raises InvalidData with the row's number, "null" makes its results NULL and gives the reason
    in a column `error`. record: the rows are inserted into the model table, by the deployment's own error policy, and the result is
    what was recorded, with each prediction_id. Where the caller owns the table and onnxruntime has the model here, the results are
    computed as without `record` and recorded as they are; otherwise the table's trigger scores row by row. The
    table's metadata tells under `fsdb_scored_by` what computed: onnx (in this process) or sql; of rows that the trigger scored the
    deployment's runtime.

    Raises UnknownName, InvalidData for rows or columns that cannot be taken, InvalidDefinition for a query that does not
    run, or for record where the deployment scores the rows of another table; nothing is recorded then.
    """
    if on_error not in ON_ERROR:
        raise InvalidDefinition(f"There is no on_error {on_error!r}: use 'reject' or 'null'.")
    with connection.transaction():
        deployed = get_deployment(connection, name)
        if record:
            deployed = records.held(connection, deployed)
        model_table.check_there(connection, deployed)
        named = {entry.name: entry.type for release in deployed.scoring for entry in release.inputs}
        given = taken(connection, data, {**named, **_taken_columns(connection, deployed)})
        table = _as_in_table(deployed, given)
        if not record:
            return _named_back(_scored(connection, deployed, table, on_error), given)
        feed = find_feed(connection, deployed.deployment_id)
        if feed is not None:
            raise InvalidDefinition(
                f"The rows of {deployed.name} come from table {feed.source_name}: insert them there, or score without record=True."
            )
        try:
            with connection.transaction():
                found = _recorded_together(connection, deployed, table)
                if found is None:
                    found = recorded(connection, deployed, table, _taken_columns(connection, deployed))
                return _named_back(found, given)
        except InvalidData:
            _scored(connection, deployed, table, "reject")  # names the row, where it is the model that does not take it
            raise


def record_together(connection: Connection[Any], deployed: RegisteredDeployment, rows: str) -> pa.Table | None:
    """The rows of a query recorded with results that are computed here for all of them, also where they are another table's.

    None where the trigger must score them. Raises InvalidData for what the table refuses, and for a row that cannot be scored where
    the deployment rejects such; nothing is recorded then.
    """
    return _recorded_together(connection, deployed, taken(connection, rows, {}, users=False))


def _recorded_together(connection: Connection[Any], deployed: RegisteredDeployment, table: pa.Table) -> pa.Table | None:
    """The rows recorded with results that are computed here for all of them; None where the trigger must score them."""
    if not table.num_rows or not records.takes(connection, deployed):
        return None
    records.keep_releases(connection, deployed)
    kept = get_deployment(connection, deployed.name)
    programs = [_program(connection, kept, release) for release in kept.scoring]
    if not records.takes(connection, kept) or not all(outside.scorer_of(connection, *of) for of in programs):
        return None
    begin = time.perf_counter()
    types = _taken_columns(connection, kept)
    columns = fitted(table, types, f"table {kept.name}")
    at = _clock(connection)
    outcome = _outcome(connection, kept, programs, _places(connection, kept, table, columns, types), columns, types, at)
    microseconds = round((time.perf_counter() - begin) * 1e6 / table.num_rows)
    filled = {
        **outcome.columns,
        "scored_at": _moments(at, table.num_rows),
        "scoring_us": pa.array(np.full(table.num_rows, microseconds, np.int32)),
    }
    return records.recorded(connection, kept, table, columns, types, replace(outcome, columns=filled))


def _as_in_table(deployed: RegisteredDeployment, given: pa.Table) -> pa.Table:
    """The data with inputs that no column can be called as under the names of the model table's columns."""
    named = {
        entry.name: entry.column
        for release in deployed.scoring
        for entry in release.inputs
        if entry.feature_id is None and entry.column != entry.name and entry.column not in given.column_names
    }
    return given.rename_columns([named.get(name, name) for name in given.column_names]) if named else given


def _named_back(found: pa.Table, given: pa.Table) -> pa.Table:
    """Results whose first columns are the data's, under the names of the data."""
    named = found.rename_columns([*given.column_names, *found.column_names[given.num_columns :]])
    return named.replace_schema_metadata(found.schema.metadata)  # which renaming leaves out


def _taken_columns(connection: Connection[Any], deployed: RegisteredDeployment) -> dict[str, str]:
    """The columns that the releases which score now take from a row, with types."""
    sets = readable_sets(connection)
    return {name: kind for release in deployed.scoring for name, kind in table_columns(release, sets).items()}


def _scored(connection: Connection[Any], deployed: RegisteredDeployment, table: pa.Table, on_error: str) -> pa.Table:
    types = _taken_columns(connection, deployed)
    columns = fitted(table, types, f"table {deployed.name}")
    programs = [_program(connection, deployed, release) for release in deployed.scoring]
    outputs = _outputs(deployed.scoring, programs, on_error)
    check_free(table, outputs, deployed.name)
    at = _clock(connection)
    if table.num_rows:
        places = _places(connection, deployed, table, columns, types)
        outcome = _outcome(connection, deployed, programs, places, columns, types, at)
    else:
        outcome = Outcome({}, pa.nulls(0, pa.string()), deployed.current.runtime)
    if on_error == "reject":
        check_none_refused(outcome.errors, f"The model of deployment {deployed.name}")
    found = {
        # Of what no release that scored a row gives.
        **{name: pa.nulls(table.num_rows, kind) for name, kind in outputs.items()},
        **outcome.columns,
        "scored_at": _moments(at, table.num_rows),
        "error": outcome.errors,
    }
    return with_results(table, {name: found[name] for name in outputs}, outcome.scored_by)


def _outcome(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    programs: Sequence[tuple[ModelVersion, Program]],
    places: Sequence[Any],
    columns: Mapping[str, pa.Array],
    types: Mapping[str, str],
    at: datetime,
) -> Outcome:
    """The results for the rows, with the model version and the feature versions of each."""
    scoring = [
        (Rows(release, _of(columns, places[n], len(places)), types), *programs[n], places[n])
        for n, release in enumerate(deployed.scoring)
        if len(places[n])
    ]
    looked = look_up(connection, at, [rows for rows, *_ in scoring], readable_sets(connection))
    outcomes = []
    for (rows, version, program, of), found in zip(scoring, looked, strict=True):
        outcome = _release_outcome(connection, deployed, rows.release, version, program, found)
        numbers = {"model_version": version.version, "model_release": rows.release.release}
        told = {name: pa.array(np.full(len(of), number, np.int32)) for name, number in numbers.items()}
        outcomes.append(replace(outcome, columns={**outcome.columns, **told, **found.versions}))
    if len(outcomes) == 1:
        return outcomes[0]
    return joined_outcomes(outcomes, np.argsort(np.concatenate([of for *_, of in scoring])))


def _of(columns: Mapping[str, pa.Array], places: Any, releases: int) -> Mapping[str, pa.Array]:
    """The rows at these places; all of them where there is one release."""
    if releases == 1:
        return columns
    return {name: column.take(pa.array(places)) for name, column in columns.items()}


def _places(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    table: pa.Table,
    columns: Mapping[str, pa.Array],
    types: Mapping[str, str],
) -> list[Any]:
    """The places of the rows that each scoring release has, in the order of `deployed.scoring`."""
    canary = deployed.canary
    if canary is None:
        return [np.arange(table.num_rows)]
    check_there(table, canary.by, f"the canary of {deployed.name}")
    # It may go by columns of the model table that no model takes.
    kinds = {**model_table.columns(connection, deployed), **types}
    values = [columns[name] if name in columns else whole(table.column(name)) for name in canary.by]
    key = [key_part(f"k{number}", kinds[name]) for number, name in enumerate(canary.by)]
    number = shares(connection, values, [kinds[name] for name in canary.by], key)
    return [np.flatnonzero(number >= canary.share), np.flatnonzero(number < canary.share)]


def _release_outcome(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    version: ModelVersion,
    program: Program,
    found: Found,
) -> Outcome:
    scorer = outside.scorer_of(connection, version, program)
    if scorer is not None:
        return outside.scored(scorer, program, found.inputs)
    if release.runtime not in IN_SERVER:
        if not outside.may_check(connection):
            raise RightMissing(
                f"User {connection.info.user} lacks SELECT on table fsdb.model_checks, by which the model of deployment {deployed.name} is checked "
                "before it scores outside of the server: insert the rows and let a worker score them."
            )
        raise EngineUnavailable(
            f"The model of deployment {deployed.name} has no function in the database, and onnxruntime is not installed here: "
            "install fsdb-postgres[onnx], or insert the rows and let a worker score them."
        )
    function = scorer_name(deployed.model, release.version, release.runtime)
    return in_server.scored(connection, program, function, found.inputs)


def _program(
    connection: Connection[Any], deployed: RegisteredDeployment, release: Release
) -> tuple[ModelVersion, Program]:
    version = get_version(connection, deployed.model, release.version)
    return version, _programs.get(version.checksum, lambda: load_program(connection, version))


def _outputs(
    releases: Sequence[Release], programs: Sequence[tuple[ModelVersion, Program]], on_error: str
) -> dict[str, pa.DataType]:
    """The columns that are added to the data's, in order."""
    results = {name: result_type(kind) for _, program in programs for name, kind in result_types(program).items()}
    versions = {read.version_column: pa.int64() for release in releases for read in release.sets}
    reasons = {"error": pa.string()} if on_error == "null" else {}
    return {**results, "model_version": pa.int32(), "scored_at": _INSTANT, **versions, **reasons}


def _moments(at: datetime, count: int) -> pa.Array:
    """One moment for each row."""
    return pa.array(np.full(count, np.datetime64(at.replace(tzinfo=None), "us")), _INSTANT)


def _clock(connection: Connection[Any]) -> datetime:
    row = connection.execute(query(FILE, "clock")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment.astimezone(UTC)
