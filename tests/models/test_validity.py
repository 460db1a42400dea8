"""Programs whose parts do not fit each other are refused when they are read, whoever wrote them."""

import json
from typing import Any

import pytest

from fsdb.errors import UnsupportedModel
from fsdb.models import Program, compile_functions
from fsdb.models.program import Input, Regression, Threshold
from fsdb.models.steps import Indicators, Linear, Scale, Tree, TreeEnsemble

A = (Input("a", "double precision"),)


def ensemble(**tree: Any) -> Program:
    whole: dict[str, Any] = {
        "feature": (0, -1, -1),
        "threshold": (0.5, 0.0, 0.0),
        "left": (1, -1, -1),
        "right": (2, -1, -1),
        "missing_left": (True, True, True),
        "values": ((0.0,), (1.0,), (2.0,)),
        "output": 0,
    }
    return Program(
        A, (TreeEnsemble((0,), (Tree(**{**whole, **tree}),), (0.0,), 1.0, False, False),), Regression(1), None
    )


WRONG = {
    "a circle": ensemble(left=(0, -1, -1)),
    "two ways to a node": ensemble(left=(2, -1, -1)),
    "a child beyond the end": ensemble(right=(3, -1, -1)),
    "a child before the start": ensemble(right=(-1, -1, -1)),
    "a column that is not there": ensemble(feature=(1, -1, -1)),
    "lists of other lengths": ensemble(threshold=(0.5,)),
    "a leaf without a value": ensemble(values=((0.0,), (), (2.0,))),
    "an output that is not there": ensemble(output=1),
    "no node": ensemble(**dict.fromkeys(("feature", "threshold", "left", "right", "missing_left", "values"), ())),
    "a slot of later": Program(A, (Linear((1,), ((1.0,),), (0.0,)),), Regression(1), None),
    "a slot before all": Program(A, (Linear((-1,), ((1.0,),), (0.0,)),), Regression(1), None),
    "coefficients for others": Program(A, (Linear((0,), ((1.0, 2.0),), (0.0,)),), Regression(1), None),
    "an output of nothing": Program(A, (), Regression(7), None),
    "classes for a number": Program(A, (), Regression(0), ("a", "b")),
    "too few classes": Program(A, (), Threshold(0, False, None), ("a",)),
    "too many slots": Program(A, (Indicators(0, 10**9),), Regression(0), None),
    "a type that is SQL": Program((Input("a", "text); drop table x; --"),), (), Regression(0), None),
    "a name with a zero": Program((Input("a\0", "text"),), (), Regression(0), None),
    "half a letter": Program((Input("\ud800", "text"),), (), Regression(0), None),
}


@pytest.mark.parametrize("name", WRONG)
def test_programs_that_do_not_hang_together(name: str) -> None:
    with pytest.raises(ValueError, match="model program"):
        Program.from_json(WRONG[name].to_json())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"is":' * 100_000, '{"is":"Program","steps":NaN}', "1" * 10_000])
def test_texts_that_are_deep_or_have_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Program.from_json(text)


def test_numbers_that_no_compiler_computes_with() -> None:
    program = Program(A, (Scale((0,), (0.0,), (float("inf"),)),), Regression(1), None)
    assert Program.from_json(program.to_json()) == program
    with pytest.raises(UnsupportedModel, match="do not fit each other"):
        compile_functions(program, "fsdb_models", "m")


def test_names_and_labels_are_quoted() -> None:
    """Whatever they are, they stay within their quotes: the text has as many statements as one with plain ones."""
    hostile = "x'; DROP TABLE t; -- $$ \" $fsdb$ \\ %s {} \n"
    program = Program((Input(hostile, "double precision"),), (), Threshold(0, False, None), (hostile, "b"))
    again = Program.from_json(json.dumps(json.loads(program.to_json())))
    for statement in compile_functions(again, hostile, hostile):
        assert statement.as_string(None).count("CREATE FUNCTION") == 1
