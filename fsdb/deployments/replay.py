"""Replay: predictions scored again from the feature versions that they recorded (invariant 12)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import Composed, Identifier, Literal

from fsdb.access import erasures
from fsdb.access.rows import require_all
from fsdb.catalog.deployments import RegisteredDeployment, Release, get_deployment
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.models import get_version
from fsdb.catalog.readable import readable_sets
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments.objects import refuse_foreign_functions, scorer_name
from fsdb.deployments.parity import as_text, pinned
from fsdb.deployments.recorded import recorded, recorded_rows
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import IN_SERVER
from fsdb.deployments.runtimes.worker import scored, scorer_of
from fsdb.deployments.scoring import result_types
from fsdb.deployments.table import check_there
from fsdb.errors import InvalidArgument, NotReproducible
from fsdb.models import Program, function_call, same_outputs
from fsdb.models.backends.sql import bulk_name
from fsdb.sql import joined, query
from fsdb.table import Table

logger = logging.getLogger(__name__)

FILE = "deployments/replay"
GONE = "version is gone"
REASONS = (GONE, "result differs")
OUTSIDE_ROWS = 5000  # at once, of those scored outside of the server


@dataclass(frozen=True)
class Replay:
    """How many predictions were scored again, and how many came out otherwise.

    rows: those, with prediction_id, recorded and replayed prediction, and the reason ("result differs", "version is gone"), and those that
    cannot be scored again because of an erasure, whose reason names it; `erased` is how many of these there are.
    """

    deployment: str
    checked: int
    different: int
    rows: Table
    erased: int = 0

    def __repr__(self) -> str:
        told = "all came out the same" if not self.different else f"{self.different} came out otherwise:\n{self.rows!r}"
        gone = (
            f"; {self.erased} cannot be scored again, since an erasure took versions of theirs" if self.erased else ""
        )
        return f"{self.checked} predictions of {self.deployment} replayed: {told}{gone}"

    def _repr_html_(self) -> str:
        told = f"{self.checked} predictions of {self.deployment} replayed, {self.different} came out otherwise."
        return f"<p>{told}</p>{self.rows._repr_html_() if self.different else ''}"


def replay(connection: Connection[Any], name: str, limit: int | None = 1000) -> Replay:
    """Scores the newest `limit` predictions of a deployment again (all where None) and compares the results exactly.

    Each is scored by its own release: that model version in that runtime, from the versions of features that it recorded,
    whatever has been written, deleted or deployed since. What a worker or a call of `score` predicted outside of the server is
    scored by onnxruntime in this process, and its numbers may differ by the model's tolerance: another machine may have
    summed in another order. Rows that wait
    for a worker are not counted. Raises UnknownName, NotReproducible where a model cannot be run, and EngineUnavailable
    where onnxruntime would be needed and is not installed.
    """
    if limit is not None and limit < 0:
        raise InvalidArgument(f"limit={limit} is not a number of predictions: give 0 or more, or None for all of them.")
    with connection.transaction():
        deployed = get_deployment(connection, name)
        check_there(connection, deployed)
        sets = readable_sets(connection)
        newest = query(FILE, "newest", table=deployed.table)
        counts = connection.execute(newest, {"limit": limit}).fetchall()
        found: list[tuple[Any, ...]] = []
        looked_up = [
            sets[one.feature_set].versions_of for number, *_ in counts for one in deployed.releases[number].sets
        ]
        require_all(connection, looked_up, f"A replay of {name}")
        for number, together, _ in counts:
            release = deployed.releases[number]
            otherwise = _replayed(connection, deployed, release, together, sets, limit)
            found += [_told(connection, deployed, release, sets, row) for row in otherwise]
        told = sorted(found)
    erased = sum(row[-1] not in REASONS for row in told)
    rows = Table.of(("prediction_id", "recorded", "replayed", "reason"), told, f"Replay of {name}")
    checked = sum(count for *_, count in counts)
    logger.info("Replayed %s predictions of %s: %s came out otherwise.", checked, name, len(rows) - erased)
    return Replay(name, checked, len(rows) - erased, rows, erased)


def _told(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    row: tuple[Any, ...],
) -> tuple[Any, ...]:
    """A row of a replay, with the erasure because of which its version is gone, or of events that its windows may have counted."""
    erased = erasures.of_prediction(connection, deployed.name, row[0]) if row[-1] == GONE else []
    for read in release.sets:
        if read.computed and not erased:
            pin = query(FILE, "pin", table=deployed.table, pin=Identifier(read.version_column))
            snapshot, own = connection.execute(pin, {"prediction_id": row[0]}).fetchone() or (None, None)
            if snapshot is not None:
                erased = erasures.since(connection, [sets[read.feature_set].versions_of], snapshot, own)
    return (*row[:-1], str(erased[-1])) if erased else row


def _replayed(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    together: bool,
    sets: Mapping[str, RegisteredSet],
    limit: int | None,
) -> list[tuple[Any, ...]]:
    """The predictions of a release that come out otherwise: of those scored together outside of the server, or of the others."""
    version = get_version(connection, deployed.model, release.version)
    program = load_program(connection, version)
    try:
        if together or release.runtime not in IN_SERVER:
            return _outside(connection, deployed, release, together, program, sets, limit)
        name = scorer_name(deployed.model, release.version, release.runtime)
        refuse_foreign_functions(connection, [name, bulk_name(name)])
        text = _text(deployed, release, program, sets, limit)
        with pinned(connection):
            return connection.execute(text).fetchall()
    except (psycopg.DataError, psycopg.errors.UndefinedFunction) as error:
        raise NotReproducible(
            f"Version {version.version} of model {version.model} cannot score a recorded prediction of {deployed.name} again: "
            f"{str(error).partition(chr(10))[0]}. Look at `fsdb status`: its function or its features were changed."
        ) from error


def _outside(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    together: bool,
    program: Program,
    sets: Mapping[str, RegisteredSet],
    limit: int | None,
) -> list[tuple[Any, ...]]:
    """The same for what was scored outside of the server."""
    newest = query(FILE, "newest_of", table=deployed.table)
    values = {"limit": limit, "release": release.release, "together": together}
    numbers = [row[0] for row in connection.execute(newest, values).fetchall()]
    scorer = scorer_of(program)
    found = []
    for start in range(0, len(numbers), OUTSIDE_ROWS):
        part = numbers[start : start + OUTSIDE_ROWS]
        rows = recorded_rows(connection, deployed, release, sets, part, tuple(result_types(program)))
        for place, replayed in enumerate(scored(scorer, rows.inputs)):
            was = {name: of[place] for name, of in rows.results.items()}
            gone = rows.missing[place]
            if gone or not same_outputs(was, replayed, program.tolerance):
                shown = replayed.get("error") or as_text(replayed["prediction"])
                reason = GONE if gone else "result differs"
                found.append((rows.predictions[place], as_text(was["prediction"]), shown, reason))
    return found


def _text(
    deployed: RegisteredDeployment,
    release: Release,
    program: Program,
    sets: Mapping[str, RegisteredSet],
    limit: int | None,
) -> Composed:
    given = recorded(release, sets)
    function = scorer_name(deployed.model, release.version, release.runtime)
    different = [query(FILE, "different", column=Identifier(name)) for name in result_types(program)]
    return query(
        FILE,
        "replay",
        table=deployed.table,
        limit=Literal(limit),
        release=Literal(release.release),
        reads=given.reads,
        call=function_call(program, MODEL_SCHEMA, function, given.inputs),
        different=joined(different, " OR "),
        missing=given.missing,
    )
