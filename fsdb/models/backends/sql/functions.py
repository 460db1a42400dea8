"""Functions of one number."""

from fsdb.models.backends.sql.emitter import Body, Value
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Apply

_NOT_EVERYWHERE = frozenset({"sqrt", "log", "log2", "log10", "log1p", "sin", "cos"})  # missing outside their domain


def apply(step: Apply, body: Body) -> None:
    """Each text of sql/models/functions.sql is named as numpy names the function."""
    for slot in step.columns:
        value = body.kept(slot)
        result = fragment("functions", step.function, value=value.sql)
        nullable = value.nullable or step.function in _NOT_EVERYWHERE
        body.values.append(Value(result, value.source, nullable=nullable))
