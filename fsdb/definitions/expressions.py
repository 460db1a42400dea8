"""Expressions as users declare them: one SQL expression over features and over columns that a request brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from fsdb.arguments import checked_definition
from fsdb.definitions.feature_sets import RESERVED, checked_name, tags_of
from fsdb.errors import InvalidDefinition
from fsdb.types import TypeLike, sql_type


@checked_definition
@dataclass(frozen=True)
class Expression:
    """A feature that is computed when it is asked for, by one SQL expression, with the same value on every engine.

    Args:
        name: What the feature is called, without a dot.
        expression: SQL in PostgreSQL's words. A name with a dot is a feature ("set.feature"), one without is a request column.
        inputs: The request columns with their types.
        description: What it says.
        tags: Words to find it by.
        owner: Who is responsible.
    """

    name: str
    expression: str
    inputs: Mapping[str, TypeLike] = field(default_factory=dict)
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        # sqlglot is loaded by those alone who declare an expression.
        from fsdb.expressions.kinds import RESULTS, input_type
        from fsdb.expressions.translation import input_names

        checked_name(self.name, "expression")
        if self.name in RESERVED:
            raise InvalidDefinition(f"Expression {self.name} has a name that fsdb uses itself: choose another.")
        kinds: dict[str, str] = {}
        for name, given in self.inputs.items():
            checked_name(name, f"input of {self.name}")
            kind = sql_type(given, f"Input {name} of expression {self.name}")
            if input_type(kind) is None:
                raise InvalidDefinition(
                    f"Input {name} of expression {self.name} is {kind}, which expressions do not read: give it as one of {', '.join(RESULTS)}."
                )
            kinds[name] = kind
        object.__setattr__(self, "inputs", MappingProxyType(kinds))
        object.__setattr__(self, "tags", tags_of(self.tags))
        named = input_names(self.expression, self.name)
        for name in named:
            if "." not in name and name not in kinds:
                raise InvalidDefinition(
                    f"Expression {self.name} names {name}, which is no input of it: write a feature as set.feature, or give the type of a "
                    f"request column, such as inputs={{{name!r}: 'double precision'}}."
                )
        unused = [name for name in kinds if name not in named]
        if unused:
            raise InvalidDefinition(
                f"Input {unused[0]} of expression {self.name} does not stand in it: leave it out of inputs=, or correct the expression."
            )
        if self.name in kinds:
            raise InvalidDefinition(f"Expression {self.name} has an input of its own name: call one of them otherwise.")

    @property
    def request(self) -> dict[str, str]:
        """The request columns with PostgreSQL's names of their types."""
        return {name: str(kind) for name, kind in self.inputs.items()}
