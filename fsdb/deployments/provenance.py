"""What a model was fitted on: the columns of its training set, where each comes from, and the saved set's hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.catalog.readable import readable_sets, resolve_each
from fsdb.catalog.training import get_saved
from fsdb.errors import InvalidDefinition, UnknownName, UnsupportedModel
from fsdb.training import TrainingSet, save
from fsdb.types import TypeLike, sql_type


@dataclass(frozen=True)
class Bound:
    """What a model's input may be bound to: a column of this type, and the feature that it comes from, if it does; or an expression."""

    type: str
    feature_id: int | None = None
    feature: str | None = None
    expression: bool = False


def columns_of(connection: Connection[Any], training_set: TrainingSet, by_position: bool) -> dict[str, Bound]:
    """What the columns of a training set are bound to; the label is none.

    by_position: the estimator knows no names, so it was fitted on the features alone, in their order.
    """
    references = {
        feature.feature_id: feature.reference
        for registered in readable_sets(connection).values()
        for feature in (*registered.features, *registered.dropped_features)
    }
    ids = training_set.feature_ids
    computed = {one.output for one in training_set.description.computed}
    return {
        column.name: Bound(
            column.type, ids.get(column.name), references.get(ids.get(column.name, 0)), column.name in computed
        )
        for column in training_set.columns
        if column.name != training_set.label and (not by_position or column.name in ids or column.name in computed)
    }


def named(connection: Connection[Any], inputs: Mapping[str, TypeLike]) -> dict[str, Bound]:
    """What inputs are bound to by name: a text with a dot names a feature, all else is the type of a request column.

    Raises InvalidDefinition and UnknownName.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidDefinition(
            f"inputs= is a {type(inputs).__name__}: say what each input is, as "
            "inputs={'temp': 'airport_weather.temp', 'distance': 'double precision'}."
        )
    features = {column: to for column, to in inputs.items() if isinstance(to, str) and "." in to}
    found = dict(zip(features, resolve_each(connection, list(features.values())), strict=True))
    return {
        column: Bound(found[column][1].type, found[column][1].feature_id, found[column][1].reference)
        if column in found
        else Bound(sql_type(to, f"input {column!r}"))
        for column, to in inputs.items()
    }


def refuse_expressions(model: str, bound: Mapping[str, Bound], taken: Sequence[str]) -> None:
    """Raises UnsupportedModel where a model takes an expression: the trigger of a model table does not compute it."""
    for name in taken:
        if bound[name].expression:
            raise UnsupportedModel(
                f"Model {model} takes the expression {name}, which deployments do not compute: fit it without, or let the application compute "
                f"it and insert it as a column, which inputs={{{name!r}: {bound[name].type!r}}} says."
            )


def in_order(bound: Mapping[str, Bound], names: Sequence[str]) -> dict[str, Bound]:
    """What these inputs are bound to, in their order. Raises UnsupportedModel where one is bound to nothing."""
    missing = [name for name in names if name not in bound]
    if missing:
        raise UnsupportedModel(
            f"the model's signature has the inputs {', '.join(map(repr, missing))}, which nothing is bound to: "
            "name them in inputs=, or give the training set that has them"
        )
    return {name: bound[name] for name in names}


def saved_as(connection: Connection[Any], training_set: TrainingSet, name: str) -> tuple[str, str]:
    """The name under which a training set is saved, and its hash; it is saved as `name` where it has not been.

    Raises ChangeRefused where another training set has the name.
    """
    if training_set.name is not None:
        try:
            kept = get_saved(connection, training_set.name)
        except UnknownName:  # saved in a transaction that was rolled back, or deleted since
            training_set.name = None
        else:
            return kept.name, kept.content_hash
    return save(connection, training_set, name, training_set.database).name, training_set.content_hash
