"""Features as users choose them where expressions are features, too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.catalog.expressions import RegisteredExpression, list_expressions
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.catalog.readable import readable_sets, resolve_features
from fsdb.errors import ChangeRefused, InvalidDefinition

Feature = tuple[RegisteredSet, RegisteredFeature]


@dataclass(frozen=True)
class Choice:
    """What was chosen, in order: features with their sets, and expressions.

    hidden: features that are not chosen, and that a chosen expression reads.
    """

    members: tuple[Feature | RegisteredExpression, ...]
    hidden: tuple[Feature, ...] = ()

    @property
    def features(self) -> list[Feature]:
        """The stored features that are chosen, in order."""
        return [one for one in self.members if not isinstance(one, RegisteredExpression)]

    @property
    def expressions(self) -> list[RegisteredExpression]:
        """The expressions that are chosen, in order."""
        return [one for one in self.members if isinstance(one, RegisteredExpression)]

    @property
    def read(self) -> list[Feature]:
        """All features that are read."""
        return [*self.features, *self.hidden]

    @property
    def owners(self) -> list[RegisteredSet]:
        """The sets that are read, each once."""
        return list({owner.name: owner for owner, _ in self.read}.values())


def resolve_choice(connection: Connection[Any], references: str | Sequence[str]) -> Choice:
    """The features and expressions that references mean, in the given order. Raises UnknownName; InvalidDefinition for one chosen twice.

    An expression is chosen by its name. Where a set has that name, too, the set is meant.
    """
    given = [references] if isinstance(references, str) else list(references)
    short = [reference for reference in given if "." not in reference]
    expressions = list_expressions(connection, short) if short else {}
    for name in readable_sets(connection, list(expressions)) if expressions else ():
        del expressions[name]
    if not expressions:
        return Choice(tuple(resolve_features(connection, given)))
    members: list[Feature | RegisteredExpression] = []
    for reference in given:
        expression = expressions.get(reference)
        if expression is None:
            members.extend(resolve_features(connection, [reference]))
        elif expression in members:
            raise InvalidDefinition(f"{reference} is chosen twice: name each feature once.")
        else:
            members.append(expression)
    chosen = {one[1].feature_id for one in members if not isinstance(one, RegisteredExpression)}
    wanted = {number: one for one in expressions.values() for number in one.features if number not in chosen}
    return Choice(tuple(members), tuple(_found(connection, wanted)))


def _found(connection: Connection[Any], wanted: dict[int, RegisteredExpression]) -> list[Feature]:
    if not wanted:
        return []
    every = {f.feature_id: (owner, f) for owner in readable_sets(connection).values() for f in owner.features}
    for number, expression in wanted.items():
        if number not in every:
            raise ChangeRefused(
                f"Expression {expression.name} reads {expression.features[number]}, which was dropped: restore the feature, or define the expression again."
            )
    return [every[number] for number in wanted]


def check_name(connection: Connection[Any], name: str) -> None:
    """Raises InvalidDefinition where an expression cannot have a name because a feature set has it."""
    if readable_sets(connection, [name]):
        raise InvalidDefinition(
            f"Expression {name} has the name of a feature set, which stands for all of the set's features: choose another."
        )
