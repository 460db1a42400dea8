"""Steps in float32."""

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import MissingBetween, Single, SoftmaxSingle, WholePart


def missing_between(step: MissingBetween, body: Body) -> None:
    """NULL inside the range."""
    for slot in step.columns:
        value = body.kept(slot)
        parts = {"value": value.sql, "low": number(step.low), "high": number(step.high)}
        body.values.append(Value(fragment("singles", "missing_between", **parts), value.source))


def whole_part(step: WholePart, body: Body) -> None:
    """The whole part of each column."""
    for slot in step.columns:
        value = body.kept(slot)
        name = "whole_part_single" if step.float32 else "whole_part"
        body.values.append(Value(fragment("singles", name, value=value.sql), value.source, nullable=value.nullable))


def single(step: Single, body: Body) -> None:
    """Each column rounded."""
    for slot in step.columns:
        value = body.kept(slot)
        body.values.append(Value(fragment("singles", "single", value=value.sql), value.source, nullable=value.nullable))


def softmax_single(step: SoftmaxSingle, body: Body) -> None:
    """The sum is float64, rounded to float32 once: so XGBoost adds."""
    scores = [body.kept(slot).sql for slot in step.columns]
    largest = body.variable("number")
    body.assign(largest, expression("greatest", values=conjunction(scores, ", ")))
    terms = []
    for score in scores:
        term = body.variable("number")
        body.assign(term, fragment("singles", "exponential_single", value=score, largest=largest))
        terms.append(term)
    total = body.variable("number")
    body.assign(total, fragment("singles", "round_single", value=conjunction(terms, " + ")))
    body.values += [
        Value(fragment("singles", "share_single", value=term, total=total), "", nullable=False) for term in terms
    ]
