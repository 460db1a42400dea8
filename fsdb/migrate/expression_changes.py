"""Changes of expressions, as frozen data."""

from dataclasses import dataclass
from typing import ClassVar

from fsdb.definitions.expressions import Expression
from fsdb.migrate.changes import Change, differences


@dataclass(frozen=True)
class CreateExpression(Change):
    """A new expression, once it has the same value on every engine."""

    definition: Expression

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return f"Create expression {self.subject}: {self.definition.expression}."

    def reverse(self) -> Change:
        return DropExpression(self.definition)


@dataclass(frozen=True)
class DropExpression(Change):
    """The definition goes; training sets saved with it stay, and are built again as before."""

    destructive: ClassVar[bool] = True
    definition: Expression

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return f"Drop expression {self.subject}; training sets saved with it stay."

    def reverse(self) -> Change:
        return CreateExpression(self.definition)


@dataclass(frozen=True)
class AlterExpression(Change):
    """Another definition under the same name."""

    before: Expression
    after: Expression

    @property
    def subject(self) -> str:
        return self.after.name

    @property
    def sentence(self) -> str:
        return f"Change of expression {self.subject} the {differences(self.before, self.after)}."

    def reverse(self) -> Change:
        return AlterExpression(self.after, self.before)
