"""Which engine runs a point-in-time join: the cheapest that gives the exact answer, unless the caller names one."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from fsdb.access.rows import copy_refusal
from fsdb.asof import AsOf
from fsdb.engines import costs, statistics, unit_costs
from fsdb.engines.duckdb import DuckdbEngine
from fsdb.engines.postgres import PostgresEngine
from fsdb.engines.protocol import Absence, Engine, Result
from fsdb.engines.routing import Candidate, Routing
from fsdb.engines.spark import SparkEngine
from fsdb.engines.work import Work
from fsdb.errors import CopyBroken, EnginePassedOver, EngineUnavailable, UnknownName

ENGINES: dict[str, Engine] = {"postgres": PostgresEngine(), "duckdb": DuckdbEngine(), "spark": SparkEngine()}


@dataclass(frozen=True)
class Answer:
    """A result, the engine that gave it, and how that one was chosen."""

    engine: str
    result: Result
    routing: Routing


def check(name: str) -> None:
    """Raises UnknownName where there is no such engine."""
    if name != "auto" and name not in ENGINES:
        raise UnknownName(f"There is no engine {name!r}: use 'auto' or {' or '.join(map(repr, ENGINES))}.")


def run(connection: Connection[Any], description: AsOf, name: str = "auto") -> Answer:
    """Runs a point-in-time join on the engine of that name; "auto" is the cheapest that gives the exact answer.

    Engines are asked in the order of their estimates, so that the dear ones are not even loaded. One that is absent or
    fails is passed over with a warning (EnginePassedOver), and the next one gives the same answer. What a failed engine did
    in the database is rolled back, and the caller's transaction goes on. Raises EngineUnavailable where no engine
    can, or the named one cannot; InvalidData for the data's own faults.
    """
    check(name)
    forced = name != "auto"
    todo = statistics.measure(connection, description)
    candidates = _estimated(connection, todo)
    hidden = copy_refusal(connection, [read.versions_of for read in description.reads])
    in_turn = [one for one in candidates if not forced or one.engine == name]
    passed: dict[str, str] = {}
    for candidate in in_turn:
        engine = ENGINES[candidate.engine]
        begin = perf_counter()
        result: Result | str | None = None if engine.name == "postgres" else hidden
        if result is None:
            result = _attempt(connection, description, engine, forced, last=candidate == in_turn[-1])
        if isinstance(result, str):
            passed[engine.name] = result
            continue
        seconds = perf_counter() - begin
        _warn(passed, engine.name)
        if description.computed:
            result = _with_expressions(result, description)
        known = tuple(Candidate(one.engine, one.seconds, passed.get(one.engine)) for one in candidates)
        work = todo.with_counts(result.reports)
        return Answer(
            engine.name, result, Routing(engine.name, _why(engine.name, known, forced), forced, known, work, seconds)
        )
    if forced:
        raise EngineUnavailable(f"Engine {name!r} cannot build this training set: {passed[name]}")
    raise EngineUnavailable(
        f"No engine can build this training set. {' '.join(f'{engine}: {refusal}' for engine, refusal in passed.items())}"
    )


def _with_expressions(result: Result, description: AsOf) -> Result:
    from fsdb.engines.computed import WithExpressions  # with numpy

    return WithExpressions(result, description)


def _attempt(connection: Connection[Any], description: AsOf, engine: Engine, forced: bool, last: bool) -> Result | str:
    """The engine's result, or why it cannot give one; then nothing of the attempt is left in the transaction."""
    try:
        with connection.transaction():
            refusal = engine.refusal(connection, description)
            return engine.run(connection, description) if refusal is None else refusal
    except (EngineUnavailable, CopyBroken) as error:
        if forced:
            raise
        return Absence(error)
    except ImportError as error:
        return Absence(f"the package {error.name or error} is not installed or does not load.")
    except InsufficientPrivilege as error:  # not everybody has the rights on copies; on history all engines need them
        if last or engine.name == "postgres":
            raise
        return Absence(f"{str(error).splitlines()[0]}.")


def _estimated(connection: Connection[Any], todo: Work) -> list[Candidate]:
    """Every engine with its estimate, the cheapest first; those that nothing is known of last."""
    measured = unit_costs.measured(connection)
    candidates = [Candidate(name, costs.estimate(name, todo, measured, _started(e))) for name, e in ENGINES.items()]
    return sorted(candidates, key=lambda one: (one.seconds is None, one.seconds))


def _started(engine: Engine) -> bool:
    """Whether the engine is up. One that has to be started first says so itself."""
    started = getattr(engine, "started", None)
    return started is None or bool(started())


def _warn(passed: dict[str, str], chosen: str) -> None:
    for engine, refusal in passed.items():
        if isinstance(refusal, Absence):
            warnings.warn(
                f"Engine {engine} was passed over: {refusal} The training set was built by {chosen} instead, with the same rows.",
                EnginePassedOver,
                stacklevel=6,  # the caller of store.training_set
            )


def _why(chosen: str, candidates: Sequence[Candidate], forced: bool) -> str:
    if forced:
        return "asked for"
    others = [one for one in candidates if one.engine != chosen]
    if not others:
        return "the only engine"
    could = [one for one in others if one.refusal is None]
    if not could:
        return "the only engine that can"
    return "the cheapest" if len(could) == len(others) else "the cheapest that can"
