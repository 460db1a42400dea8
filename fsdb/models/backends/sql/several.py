"""The predictions of several targets, as one array."""

from typing import Any

from psycopg.sql import SQL, Composed, Literal

from fsdb.models.backends.sql.emitter import Body, conjunction, expression, number
from fsdb.models.program import Argmax, Program, Regression, Several, Threshold


def several(program: Program, output: Several, body: Body) -> Composed:
    """An array of the program's prediction type."""
    elements = []
    first = 0
    for place, target in enumerate(output.targets):
        labels: list[Composed] = []
        if output.counts:
            labels = [label_of(label) for label in (program.classes or ())[first : first + output.counts[place]]]
            first += output.counts[place]
        elements.append(_element(target, labels, body))
    kind = program.prediction_type
    cast = SQL(f"]::{'pg_catalog.' if kind == 'text[]' else ''}{kind}")
    return Composed([SQL("ARRAY["), conjunction(elements, ", "), cast])


def label_of(label: Any) -> Composed:
    """A class label as a constant."""
    return number(label) if isinstance(label, float) else Composed([Literal(label)])


def _element(target: Regression | Threshold | Argmax, labels: list[Composed], body: Body) -> Composed:
    match target:
        case Regression(value=slot):
            return body.values[slot].sql
        case Threshold(score=score, inclusive=inclusive):
            first, second = labels
            choice = "at_least" if inclusive else "above"
            return expression(choice, score=body.kept(score).sql, first=first, second=second)
        case Argmax(scores=scores):
            kept = [body.kept(slot).sql for slot in scores]
            vector = expression("vector", elements=conjunction(kept, ", "))
            place = body.variable("integer", "n")
            body.assign(place, expression("class_number", scores=vector, values=conjunction(kept, ", ")))
            array = Composed([SQL("ARRAY["), conjunction(labels, ", "), SQL("]")])
            return expression("class_of", labels=array, number=place)
