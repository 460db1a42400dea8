"""What uses the things that a plan changes, and which uses stand in the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.readable import readable_sets
from fsdb.migrate.changes import (
    AlterFeature,
    AlterFeatureSet,
    AlterTrainingView,
    Change,
    DropFeature,
    DropFeatureSet,
    DropTrainingView,
    NarrowFeature,
    WidenFeature,
)
from fsdb.migrate.expression_changes import AlterExpression, DropExpression
from fsdb.migrate.schedule_changes import AlterSchedule, DropSchedule
from fsdb.migrate.window_changes import AlterWindowSet, DropWindowSet
from fsdb.sql import query
from fsdb.types import INTEGERS, base_name

DEPLOYMENT, PAST_DEPLOYMENT, VIEW, TRAINING_SET, MODEL, WINDOWS, EXPRESSION, SCHEDULE = (
    "deployment",
    "past release of deployment",
    "training view",
    "training set",
    "model",
    "window set",
    "expression",
    "schedule",
)
# Dropping a feature leaves its past readable, dropping a set does not.
HINDER_FEATURE = frozenset({DEPLOYMENT, VIEW, WINDOWS, EXPRESSION})
HINDER_SET = frozenset({DEPLOYMENT, PAST_DEPLOYMENT, VIEW, TRAINING_SET, WINDOWS, EXPRESSION, SCHEDULE})
ADVICE = {
    DEPLOYMENT: "undeploy it or deploy a version without it",
    PAST_DEPLOYMENT: "undeploy it",
    VIEW: "drop the view or take the feature out of it",
    EXPRESSION: "drop the expression or take the feature out of it",
    TRAINING_SET: "it could no longer be rebuilt: keep the set",
    SCHEDULE: "drop it or let its query read something else",
    WINDOWS: "drop it or take what is computed of the column out of it",
}


@dataclass(frozen=True)
class Uses:
    """What uses a thing, as (kind, name) pairs such as ("deployment", "flight_delay")."""

    found: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{kind} {name}" for kind, name in self.found)

    def obstacle(self, change: Change) -> str | None:
        """Why the change cannot be made while these uses last, in one sentence; None where it can."""
        if isinstance(change, DropFeatureSet):
            kinds, what = HINDER_SET, f"Feature set {change.subject}"
        elif isinstance(change, DropWindowSet):
            kinds, what = HINDER_SET, f"Window set {change.subject}"
        elif isinstance(change, AlterWindowSet):
            kinds, what = HINDER_FEATURE, f"Feature {', '.join(change.dropped)} of {change.subject}"
        elif isinstance(change, WidenFeature) and any(kind == WINDOWS for kind, _ in self.found):
            sets = ", ".join(name for kind, name in self.found if kind == WINDOWS)
            return f"Column {change.subject} stays {change.old_type} while window sets compute features of it (window set {sets}): drop these first, and define them again afterwards."
        elif isinstance(change, DropFeature):
            kinds, what = HINDER_FEATURE, f"Feature {change.subject}"
        elif isinstance(change, DropExpression):
            kinds, what = frozenset({VIEW}), f"Expression {change.subject}"
        elif (
            isinstance(change, WidenFeature)
            and base_name(change.old_type) in INTEGERS
            and base_name(change.new_type) not in INTEGERS
        ):
            models = [name for kind, name in self.found if kind == MODEL]
            if not models:
                return None
            return (
                f"Feature {change.subject} stays {change.old_type} while models take it as a whole number (model {', '.join(models)}), to which its values "
                f"would be rounded: add a feature of another name as {change.new_type} and backfill it."
            )
        else:
            return None
        hindering = [(kind, name) for kind, name in self.found if kind in kinds]
        if not hindering:
            return None
        reasons = "; ".join(f"{kind} {name} ({ADVICE[kind]})" for kind, name in hindering)
        return f"{what} is not dropped while it is used by {reasons}."


def uses(connection: Connection[Any], change: Change, others: Sequence[Change] = ()) -> Uses:
    """What uses the thing that `change` changes.

    others: the changes of the same plan; a view that one of them drops, or alters so that it no longer needs the feature, does not count.
    """
    if isinstance(change, (DropTrainingView, AlterTrainingView)):
        return _found(connection, "saved_from", {"view": change.subject})
    if isinstance(change, (DropExpression, AlterExpression)):
        found = _found(connection, "uses_of_expression", {"expression": change.subject})
        released = _released(others, [change.subject])
        return Uses(tuple(use for use in found.found if use not in released))
    if isinstance(change, (DropFeatureSet, DropWindowSet)):
        set_name = change.definition.name
    elif isinstance(change, AlterWindowSet):
        set_name = change.subject
    elif isinstance(change, (DropFeature, WidenFeature, NarrowFeature, AlterFeature, AlterFeatureSet)):
        set_name = change.set_name
    else:
        return Uses()
    registered = readable_sets(connection, [set_name]).get(set_name)
    if registered is None:
        return Uses()
    features = _features(registered, change)
    found = _found(connection, "uses", {"features": list(features)})
    released = _released(others, list(features.values()))
    return Uses(tuple(use for use in found.found if use not in released))


def _features(registered: RegisteredSet, change: Change) -> dict[int, str]:
    """The features that the change touches by feature_id, with their full names; for a set also the dropped ones."""
    features = {feature.feature_id: feature.reference for feature in registered.features}
    if isinstance(change, (DropFeatureSet, DropWindowSet)):
        return features | {feature.feature_id: feature.reference for feature in registered.dropped_features}
    if isinstance(change, AlterFeatureSet):
        return features
    if isinstance(change, AlterWindowSet):
        gone = {f"{change.subject}.{name}" for name in change.dropped}
        return {feature_id: reference for feature_id, reference in features.items() if reference in gone}
    return {feature_id: reference for feature_id, reference in features.items() if reference == change.subject}


def _released(changes: Sequence[Change], references: Sequence[str]) -> set[tuple[str, str]]:
    dropped = {(VIEW, change.subject) for change in changes if isinstance(change, DropTrainingView)}
    altered = {
        (VIEW, change.subject)
        for change in changes
        if isinstance(change, AlterTrainingView) and not set(change.after.features) & set(references)
    }
    dropped |= {(WINDOWS, change.subject) for change in changes if isinstance(change, DropWindowSet)}
    dropped |= {(SCHEDULE, change.subject) for change in changes if isinstance(change, DropSchedule)}
    dropped |= {
        (SCHEDULE, change.subject)
        for change in changes
        if isinstance(change, AlterSchedule) and change.before.query != change.after.query
    }
    free = {(EXPRESSION, change.subject) for change in changes if isinstance(change, DropExpression)}
    rewritten = {
        (EXPRESSION, change.subject)
        for change in changes
        if isinstance(change, AlterExpression)
        and not any(reference in change.after.expression for reference in references)
    }
    return dropped | altered | free | rewritten


def _found(connection: Connection[Any], name: str, values: dict[str, Any]) -> Uses:
    return Uses(tuple((kind, used) for kind, used in connection.execute(query("migrate/uses", name), values)))
