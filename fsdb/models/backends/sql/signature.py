"""The parameters of a scoring function, and how it is called."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.errors import UnsupportedModel
from fsdb.models.backends.sql.emitter import Value, conjunction, expression, integer
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.input_types import base_type, has_no_nan, kind_of
from fsdb.models.program import Input, Program

OUTPUTS = ("prediction", "probability", "probabilities")
_MOST_PARAMETERS = 100  # of a PostgreSQL function


def parameters(program: Program) -> Composed:
    """One parameter for each input; for more inputs than a function can have, an array of the numbers and one of the texts."""
    if _in_arrays(program):
        given = [fragment("function", "array_parameters")]
    else:
        given = [_type_of(item) for item in program.inputs]
    prediction = {"type": _type(program.prediction_type)}
    outs = [
        fragment("function", f"out_{name}", **(prediction if name == OUTPUTS[0] else {}))
        for name in output_names(program)
    ]
    return conjunction([*given, *outs], ", ")


def output_names(program: Program) -> tuple[str, ...]:
    """What the function returns, in order."""
    return OUTPUTS[: 1 + program.has_probability + program.has_probabilities]


def passed_on(program: Program) -> list[Composed]:
    """The parameters as arguments of a function that has the same ones."""
    count = 2 if _in_arrays(program) else len(program.inputs)
    return [expression("parameter", position=integer(position)) for position in range(1, count + 1)]


def function_call(program: Program, schema: str, name: str, arguments: Sequence[Composable]) -> Composed:
    """The call of a program's scoring function with SQL expressions, one for each input in order.

    Arguments are cast to the inputs' types. It stands in FROM: `SELECT * FROM <call>`.
    """
    casts = [
        fragment("function", "argument", value=argument, type=_type_of(given))
        for given, argument in zip(program.inputs, arguments, strict=True)
    ]
    if _in_arrays(program):
        kinds: dict[str, list[Composed]] = {"number": [], "text": []}
        for given, cast in zip(program.inputs, casts, strict=True):
            is_text = kind_of(given.type) == "text"
            kinds["text" if is_text else "number"].append(cast if is_text else _as_float64(given, cast))
        casts = [
            fragment(
                "function",
                "array_arguments",
                numbers=conjunction(kinds["number"], ", "),
                texts=conjunction(kinds["text"], ", "),
            )
        ]
    return fragment("function", "call", function=Identifier(schema, name), arguments=conjunction(casts, ", "))


def input_values(program: Program) -> list[Value]:
    """The first slots: the parameters."""
    values = []
    places = {"number": 0, "text": 0}
    for index, given in enumerate(program.inputs):
        kind = kind_of(given.type) or ""
        if _in_arrays(program):
            places[kind] += 1
            array = integer(1 if kind == "number" else 2)
            sql = expression("array_element", array=array, position=integer(places[kind]))
            if kind == "number" and not has_no_nan(given.type):
                sql = expression("nan_input", parameter=sql)
        elif kind == "text":
            sql = expression("text_input", parameter=expression("parameter", position=integer(index + 1)))
        elif has_no_nan(given.type):
            sql = _as_float64(given, expression("parameter", position=integer(index + 1)))
        else:
            sql = expression("nan_input", parameter=expression("parameter", position=integer(index + 1)))
        values.append(Value(sql, given.name, text=kind == "text", plain=kind == "text"))
    return values


def _in_arrays(program: Program) -> bool:
    return len(program.inputs) > _MOST_PARAMETERS


def _as_float64(given: Input, value: Composed) -> Composed:
    return expression("boolean_input" if base_type(given.type) == "boolean" else "number_input", parameter=value)


def _type_of(given: Input) -> Composed:
    """The type's name, without a modifier, which parameters do not have; only known types get here."""
    if kind_of(given.type) is None:
        raise UnsupportedModel(
            f"the input {given.name!r} has the type {given.type!r}: models take numbers, boolean and text; "
            "derive one of these from it"
        )
    return _type(base_type(given.type))


def _type(name: str) -> Composed:
    """A type by a name that no search_path can bend: all but text are words of the language."""
    return Composed([SQL(f"pg_catalog.{name}" if name in ("text", "text[]") else name)])
