"""Registering models: an immutable version with its signature, program, checks and training set."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from psycopg import Connection

from fsdb.catalog import models
from fsdb.catalog.models import ModelInput, ModelVersion
from fsdb.config import MODEL_SCHEMA
from fsdb.definitions import checked_name, tags_of
from fsdb.deployments import logged, packages, parity, provenance
from fsdb.deployments.binding import widest
from fsdb.deployments.objects import scorer_name
from fsdb.deployments.runtimes import worker
from fsdb.errors import InvalidDefinition, NotReproducible, ParityFailed, UnsupportedModel
from fsdb.models import Program, UserFrame, class_of, compile_functions, knows_names, program_of, whole_of
from fsdb.training import TrainingSet
from fsdb.types import TypeLike

logger = logging.getLogger(__name__)


def register_model(
    connection: Connection[Any],
    name: str,
    estimator: Any,
    training_set: TrainingSet | None = None,
    inputs: Mapping[str, TypeLike] | None = None,
    metrics: Mapping[str, float] | None = None,
    description: str = "",
    tags: Sequence[str] = (),
    owner: str = "",
    rows: Any = (),
    trust_code: bool = False,
) -> ModelVersion:
    """Registers a fitted estimator as the next version of a model.

    training_set: what it was fitted on; it tells which inputs are features and which are columns that the inserted row
    gives. It is saved as "<name>_v<version>" if it has not been saved. inputs: input name to "set.feature" or to the type of a
    column of the inserted row (PostgreSQL's name of it, or SQLAlchemy's type); instead of a training set, or where it binds
    otherwise. rows: inputs on which the compiled model is compared with the native predict besides those of the training set: a
    pandas, polars or Arrow table, or mappings of input names to values. estimator: also the URI
    (runs:/…, models:/…) or the folder of an MLflow model; the metrics of its run are taken besides those given. trust_code: also an MLflow
    model that runs code of its maker's when it is loaded, such as a pickle.

    Raises UnsupportedModel for what the program cannot express or an input that is bound to nothing, ParityFailed where
    the compiled model computes anything else than the native predict. Nothing is registered then.
    """
    begun = time.perf_counter()
    checked_name(name, "model")
    if training_set is not None and not isinstance(training_set, TrainingSet):
        raise InvalidDefinition(
            f"training_set= is a {type(training_set).__name__}: give what store.training_set(…) returned, or inputs= and rows=."
        )
    source: str | None = None
    names: tuple[str, ...] = ()
    if logged.is_logged(estimator):
        found = logged.load(estimator, trust_code)
        estimator, source, names = found.estimator, found.source, found.names
        metrics = {**found.metrics, **(metrics or {})}
    measured = _numbers(metrics or {})
    bound = provenance.named(connection, inputs or {})
    if training_set is not None:
        by_position = not names and not knows_names(estimator)
        bound = {**provenance.columns_of(connection, training_set, by_position), **bound}
    if not bound:
        raise InvalidDefinition(
            f"Model {name} is registered without a training set: say what its inputs are, as "
            "inputs={'temp': 'airport_weather.temp', 'distance': 'double precision'}."
        )
    if names and not knows_names(estimator):
        bound = provenance.in_order(bound, names)
    given = [parity.rows_given(rows), *([] if training_set is None else [parity.rows_of(training_set)])]
    frame = parity.frame_of(given)
    program = program_of(estimator, {column: widest(to.type) for column, to in bound.items()}, frame)
    provenance.refuse_expressions(name, bound, [taken.name for taken in program.inputs])
    signature = [
        ModelInput(
            taken.name,
            taken.type,
            bound[taken.name].feature_id,
            bound[taken.name].feature,
            None if frame is None else frame.type_name(taken.name),
        )
        for taken in program.inputs
    ]
    with connection.transaction():
        version = models.put_model(connection, name, description, tags_of(tags), owner)
        saved, content_hash = None, None
        if training_set is not None:
            saved, content_hash = provenance.saved_as(connection, training_set, scorer_name(name, version))
        program, report = _checked(connection, name, version, signature, estimator, program, given, frame)
        described = {
            "model": name,
            "version": version,
            "estimator": class_of(estimator),
            **packages.framework_of(estimator),
            "packages": packages.packages_of(estimator),
            "fsdb_version": packages.own_version(),
            "source": source,
            "prediction_type": program.prediction_type,
            "classes": None if program.classes is None else [parity.as_text(label) for label in program.classes],
            "checksum": program.checksum,
            "training_set": saved,
            "training_set_hash": content_hash,
        }
        outcome = {"rows_checked": report.rows_checked, "largest_difference": report.largest_difference}
        models.insert_version(connection, {**described, **outcome}, signature, measured, program.to_json())
    logger.info(
        "Registered version %s of model %s, a %s: %s rows compared with the native predict, largest difference %g, in %.3f s.",
        *(version, name, described["estimator"], report.rows_checked, report.largest_difference),
        time.perf_counter() - begun,
    )
    return models.get_version(connection, name, version)


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    try:
        return {metric: float(value) for metric, value in metrics.items()}
    except (AttributeError, TypeError, ValueError):
        raise InvalidDefinition(f"metrics= maps names to numbers, and cannot be {metrics!r}.") from None


def load_program(connection: Connection[Any], version: ModelVersion) -> Program:
    """The program of a version.

    Raises NotReproducible where it is not the one that was registered, or where a newer fsdb registered it and it has what
    this one does not know.
    """
    text = models.program_text(connection, version.model, version.version)
    named = f"model {version.model} version {version.version}"
    if hashlib.sha256(text.encode()).hexdigest() != version.checksum:
        raise NotReproducible(
            f"The stored program of {named} is not the one that was registered (its checksum differs): register the model again."
        )
    with suppress(ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return _parsed(text)
    advice = (
        "upgrade fsdb (pip install --upgrade fsdb-postgres)."
        if packages.is_newer(version.fsdb_version)
        else "register the model again."
    )
    raise NotReproducible(
        f"The program of {named} cannot be read: it was registered with fsdb {version.fsdb_version or 'of another version'}, "
        f"this is {packages.own_version()}: {advice}"
    )


@lru_cache(maxsize=4)  # a transaction that deploys reads the same program several times, and a large one takes a while
def _parsed(text: str) -> Program:
    return Program.from_json(text)


def _checked(
    connection: Connection[Any],
    model: str,
    version: int,
    signature: Sequence[ModelInput],
    estimator: Any,
    program: Program,
    given: Sequence[parity.GivenRows],
    frame: UserFrame | None,
) -> tuple[Program, parity.Parity]:
    """Stores the rows of the parity gate and holds the program against them.

    An ONNX model whose float32 roundings its steps do not follow closely enough is kept as the graph that it is. A model whose frame
    is float32 computes in it, where it does not pass as one that computes in float64.
    """

    def held(one: Program, types: UserFrame | None) -> parity.Parity:
        models.insert_checks(connection, model, version, parity.check_rows(estimator, one, given, types))
        return _rehearse(connection, model, version, signature, one)

    try:
        with connection.transaction():
            return program, held(program, frame)
    except ParityFailed as failure:
        refused = failure
    for other in _further(estimator, program, frame):
        try:
            with connection.transaction():
                return other, held(other, frame)
        except ParityFailed as failure:
            refused = failure
    narrow = [] if frame is None else frame.not_float64([taken.name for taken in program.inputs])
    if narrow:
        try:
            with connection.transaction(force_rollback=True):
                held(program, None)
        except ParityFailed:
            raise refused from None
        raise ParityFailed(
            f"Model {model} version {version} computes in the types of its frame ({', '.join(narrow)}) something else than in "
            "float64, in which the database computes: convert these columns to float64 before the fit, as "
            "data.astype({'…': 'float64'}), and register it again."
        ) from refused
    raise refused


def _further(estimator: Any, program: Program, frame: UserFrame | None) -> list[Program]:
    """Programs that may give what the native model gives where the first one does not."""
    whole = whole_of(estimator)
    if whole is not None:
        kept = program_of(whole, {taken.name: taken.type for taken in program.inputs})
        return [] if kept == program else [kept]
    single = frame is not None and frame.single([taken.name for taken in program.inputs])
    return [replace(program, single=True)] if single and not program.single else []


def _rehearse(
    connection: Connection[Any], model: str, version: int, signature: Sequence[ModelInput], program: Program
) -> parity.Parity:
    """The parity gate on a function that is gone afterwards: a registered version leaves no object until it is deployed.

    A program without an SQL form is held against the native predict outside of the server.
    """
    name = f"{scorer_name(model, version)}_check"
    try:
        statements = compile_functions(program, MODEL_SCHEMA, name)
    except UnsupportedModel:
        if worker.lacks(program) is not None:
            raise
        return worker.rehearse(connection, model, version, signature, program)
    with connection.transaction(force_rollback=True):
        for statement in statements:
            connection.execute(statement)
        return parity.check(connection, model, version, signature, program, name)
