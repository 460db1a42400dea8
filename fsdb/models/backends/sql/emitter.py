"""The body of a scoring function as it grows: variables, statements, and what each slot is in SQL."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from psycopg.sql import SQL, Composed, Literal

from fsdb.models.backends.sql.texts import fragment


@dataclass(frozen=True, slots=True)
class Value:
    """A slot in SQL. A missing value is NULL, never NaN.

    `plain` is a variable or parameter, which costs nothing to use again; `nullable` tells whether it can be NULL;
    `source` names the input for messages; `code` and `number` tell indicators: this is `number` of the column `code`.
    """

    sql: Composed
    source: str
    text: bool = False
    plain: bool = False
    nullable: bool = True
    code: str | None = None
    number: int = 0


@dataclass
class Body:
    """Declarations and statements of a function, and its slots so far.

    bulk: whether it is for many rows in a statement, so that trees become CASE expressions.
    """

    declarations: list[Composed] = field(default_factory=list)
    statements: list[Composed] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    bulk: bool = False

    def variable(self, kind: str, prefix: str = "v") -> Composed:
        """A new variable: kind is number, single, integer, text or vector."""
        name = f"{prefix}{len(self.declarations) + 1}"
        return self.named(kind, name)

    def named(self, kind: str, name: str) -> Composed:
        """The variable of a name, declared when it is first asked for."""
        variable = Composed([SQL(name)])
        if name not in self.declared:
            self.declared.add(name)
            self.declarations.append(fragment("function", f"declare_{kind}", name=variable))
        return variable

    def assign(self, variable: Composed, value: Composed) -> None:
        """Appends an assignment."""
        self.statements.append(fragment("function", "assign", name=variable, value=value))

    def kept(self, slot: int) -> Value:
        """A slot that is about to be used more than once: in a variable, unless it is one already."""
        value = self.values[slot]
        if not value.plain:
            variable = self.variable("text" if value.text else "number")
            self.assign(variable, value.sql)
            value = self.values[slot] = replace(value, sql=variable, plain=True, code=None)
        return value


def expression(name: str, /, **parts: Composed) -> Composed:
    """A named text of sql/models/expressions.sql."""
    return fragment("expressions", name, **parts)


def number(value: float) -> Composed:
    """A float64 constant."""
    return expression("number", text=Composed([Literal(repr(float(value)))]))


def text(value: str) -> Composed:
    """A text constant."""
    return Composed([Literal(value)])


def integer(value: int) -> Composed:
    """An integer constant."""
    return Composed([SQL(str(int(value)))])


def numbers(values: Sequence[float], first: int = 1) -> Composed:
    """An array constant of float64 numbers (NaN becomes NULL) that counts from `first`, without its type."""
    return _array(["NULL" if math.isnan(value) else repr(value) for value in values], first)


def integers(values: Sequence[int], first: int = 1) -> Composed:
    """An array constant of integers that counts from `first`, without its type."""
    return _array([str(value) for value in values], first)


def _array(elements: Sequence[str], first: int) -> Composed:
    bounds = f"[{first}:{first + len(elements) - 1}]=" if first != 1 and elements else ""
    return Composed([Literal(f"{bounds}{{{','.join(elements)}}}")])


def conjunction(conditions: Sequence[Composed], word: str) -> Composed:
    """Conditions joined by AND or OR, commas or spaces."""
    return SQL(word).join(conditions)
