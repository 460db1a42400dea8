"""The forms of tree ensembles: masks or a walk, and CASE expressions for many rows. The same bits, whatever the order of rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql
from sklearn.ensemble import GradientBoostingClassifier

from fsdb.deployments import deploy as deploy_model
from fsdb.deployments import register_model, replay, undeploy
from fsdb.models import Input, Program, compile_functions, program_of
from fsdb.models.backends.sql import bulk_name, function_call
from fsdb.models.backends.sql.trees import form
from fsdb.models.program import Regression, Several
from fsdb.models.steps import SingleTrees, Tree, TreeEnsemble
from tests.conftest import TestDatabase
from tests.models.scorer import deploy, forced, score, scored_in_every_form

NAMES = ["a", "b", "c"]
INPUTS = tuple(Input(name, "double precision") for name in NAMES)
CATEGORICAL = 2  # the feature that is split on codes
EDGES = (0.0, -0.0, 0.5, -0.5, 1e-310, 1e300, -1e300, float(np.float32(0.1)), 0.1, np.inf, -np.inf, np.nan, None)


def _tree(rng: np.random.Generator, depth: int, outputs: int, output: int | None) -> Tree:
    """A random tree: uneven, with splits on codes, on edges, and either side for missing values."""
    nodes: list[tuple[int, float, int, int, bool, tuple[float, ...], tuple[int, ...]]] = []

    def grow(left: int) -> int:
        place = len(nodes)
        values = tuple(rng.normal(size=outputs if output is None else 1).tolist())
        nodes.append((-1, 0.0, 0, 0, False, values, ()))
        if left > 0 and (place == 0 or rng.random() < 0.8):
            feature = int(rng.integers(3))
            codes = tuple(sorted(set(rng.integers(0, 12, 5).tolist()))) if feature == CATEGORICAL else ()
            threshold = float(EDGES[rng.integers(9)] or 0.0) if rng.random() < 0.4 else float(rng.normal())
            sides = grow(left - 1), grow(left - 1)
            nodes[place] = (feature, threshold, *sides, bool(rng.integers(2)), values, codes)
        return place

    grow(depth)
    feature, threshold, left, right, missing, values, codes = zip(*nodes, strict=True)
    return Tree(feature, threshold, left, right, missing, values, output, codes)


def _rows(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    def value() -> float | None:
        return EDGES[rng.integers(len(EDGES))] if rng.random() < 0.4 else float(rng.normal())

    codes: Sequence[float | None] = [*map(float, range(14)), -1.0, None]
    return [{"a": value(), "b": value(), "c": codes[rng.integers(len(codes))]} for _ in range(count)]


def _natively(step: TreeEnsemble, row: dict[str, Any]) -> list[float]:
    """The definition of the step, in plain Python and numpy."""
    kind = np.float32 if isinstance(step, SingleTrees) else np.float64
    totals = [kind(base) for base in step.base]
    for tree in step.trees:
        node = 0
        while tree.feature[node] >= 0:
            value = row[NAMES[tree.feature[node]]]
            codes = tree.left_codes[node]
            if value is None or np.isnan(value) or (codes and value == -1):
                left = tree.missing_left[node]
            elif codes:
                left = value in codes
            else:
                with np.errstate(over="ignore", under="ignore"):
                    compared = float(np.float32(value)) if step.float32 else value
                left = compared < tree.threshold[node] if step.strict else compared <= tree.threshold[node]
            node = tree.left[node] if left else tree.right[node]
        added_to = range(len(totals)) if tree.output is None else [tree.output]
        for output, leaf in zip(added_to, tree.values[node], strict=True):
            totals[output] = kind(totals[output] + kind(leaf))
    return [float(total) / step.divisor for total in totals]


@pytest.mark.parametrize("kind", [TreeEnsemble, SingleTrees])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("trees", "depth", "outputs"), [(250, 1, 1), (30, 5, 2), (4, 9, 2), (6, 9, 3)])
def test_random_ensembles_give_the_same_bits_in_every_form(
    module_database: TestDatabase, kind: type[TreeEnsemble], strict: bool, trees: int, depth: int, outputs: int
) -> None:
    rng = np.random.default_rng([trees, depth, outputs, strict])
    members = [_tree(rng, depth, outputs, None if n % 3 == 0 else n % outputs) for n in range(trees)]
    members.sort(key=lambda tree: -1 if tree.output is None else tree.output)
    base = tuple(rng.normal(size=outputs).tolist())
    step = kind((0, 1, 2), tuple(members), base, 1.0, True, strict)
    rows = _rows(rng, 60)
    natively = [_natively(step, row) for row in rows]
    with module_database.connect() as connection:
        for output in range(outputs):
            program = Program(INPUTS, (step,), Regression(3 + output), None)
            for name, found in scored_in_every_form(connection, program, rows).items():
                assert [row["prediction"] for row in found] == [sums[output] for sums in natively], name


def test_ensembles_of_one_program_take_each_its_own_form(
    module_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(23)
    steps = [
        TreeEnsemble((0, 1, 2), tuple(_tree(rng, 8, 1, 0) for _ in range(12)), (0.5,), 2.0, True, strict)
        for strict in (False, True)
    ]
    program = Program(INPUTS, tuple(steps), Several((Regression(3), Regression(4)), ()), None)
    rows = _rows(rng, 40)
    natively = [[sums for step in steps for sums in _natively(step, row)] for row in rows]
    monkeypatch.setattr(form, "by_masks", lambda step: step is steps[0])
    with module_database.connect() as connection:
        deploy(connection, program)
        assert [found["prediction"] for found in score(connection, program, rows)] == natively


@pytest.fixture(scope="module")
def boosted(module_database: TestDatabase) -> tuple[Any, Program, np.ndarray]:
    """A fitted model, its program, and rows, which are in table `given` with their number."""
    rng = np.random.default_rng(21)
    X = rng.normal(size=(1500, 3))
    model = GradientBoostingClassifier(n_estimators=40, max_depth=5).fit(X, X[:, 0] + X[:, 1] * X[:, 2] > 0)
    program = program_of(model, dict.fromkeys(NAMES, "double precision"))
    with module_database.connect() as connection:
        connection.execute("CREATE TABLE public.given (n int, a float8, b float8, c float8)")
        with connection.cursor() as cursor, cursor.copy("COPY public.given FROM STDIN") as copy:
            for n, row in enumerate(X.tolist()):
                copy.write_row([n, *row])
    return model, program, X


def _scored(connection: psycopg.Connection, program: Program, name: str, order: str) -> dict[int, float]:
    """Probabilities by the number of the row, from one statement that takes the rows in an order."""
    call = function_call(program, "public", name, [sql.Identifier("g", column) for column in NAMES])
    text = sql.SQL("SELECT g.n, r.probability FROM (SELECT * FROM public.given ORDER BY {}) AS g, LATERAL {} AS r")
    return dict(connection.execute(text.format(sql.SQL(order), call)).fetchall())


def test_shuffled_batches_give_each_row_its_own_prediction(
    module_database: TestDatabase, boosted: tuple[Any, Program, np.ndarray]
) -> None:
    model, program, X = boosted
    native = dict(enumerate(model.predict_proba(X)[:, 1].tolist()))
    results = []
    with module_database.connect() as connection:
        for masks in (True, False):
            with forced(masks=masks):
                deploy(connection, program)
            results += [
                _scored(connection, program, name, order)
                for name in ("score", bulk_name("score"))
                for order in ("n", "n DESC", "md5(n::text)")
            ]
        one_by_one = score(connection, program, [dict(zip(NAMES, row, strict=True)) for row in X.tolist()])
    assert all(result == results[0] for result in results)
    assert {n: found["probability"] for n, found in enumerate(one_by_one)} == results[0]
    assert results[0] == pytest.approx(native, rel=1e-9)


def test_a_statement_that_runs_on_is_handed_over(
    module_database: TestDatabase, boosted: tuple[Any, Program, np.ndarray]
) -> None:
    _, program, _ = boosted
    call = function_call(program, "public", "score", [sql.Literal(0.1)] * 3)
    slept = function_call(program, "public", "score", [sql.Identifier("g", "a")] * 3)
    late = sql.SQL("SELECT r.* FROM (SELECT {}::float8 AS a FROM pg_sleep(0.2) OFFSET 0) AS g, LATERAL {} AS r").format(
        sql.Literal(0.1), slept
    )
    with module_database.connect() as connection:
        deploy(connection, program)
        (before,) = connection.execute(sql.SQL("SELECT * FROM {}").format(call)).fetchall()
        (handed,) = connection.execute(late).fetchall()
        assert handed == before
        connection.execute(
            "CREATE OR REPLACE FUNCTION public.score__bulk(float8, float8, float8, OUT prediction boolean, OUT probability float8)"
            " LANGUAGE plpgsql AS 'BEGIN probability := 77; END'"
        )
        assert connection.execute(sql.SQL("SELECT * FROM {}").format(call)).fetchall() == [before]
        assert connection.execute(late).fetchall() == [(None, 77)]


def test_a_program_without_trees_has_one_function() -> None:
    program = Program(INPUTS, (), Regression(0), None)
    assert len(compile_functions(program, "public", "score")) == 1


def test_an_ensemble_on_many_columns_is_walked(boosted: tuple[Any, Program, np.ndarray]) -> None:
    """A mask for each column of each group costs more than the levels that it saves."""
    rng = np.random.default_rng(22)
    wide = rng.normal(size=(400, 200))
    model = GradientBoostingClassifier(n_estimators=40, max_depth=5).fit(wide, wide[:, :100].sum(axis=1) > 0)
    assert not form.by_masks(_ensemble(program_of(model, {f"x{n}": "double precision" for n in range(200)})))
    assert form.by_masks(_ensemble(boosted[1]))


def _ensemble(program: Program) -> TreeEnsemble:
    (step,) = (step for step in program.steps if isinstance(step, TreeEnsemble))
    return step


def test_an_insert_of_many_rows_goes_over_from_one_form_to_the_other(
    connection: psycopg.Connection, boosted: tuple[Any, Program, np.ndarray]
) -> None:
    model, _, X = boosted
    rows = [dict(zip(NAMES, row, strict=True)) for row in X[:50].tolist()]
    register_model(connection, "trees", model, inputs=dict.fromkeys(NAMES, "double precision"), rows=rows)
    deployed = deploy_model(connection, "trees", "trees")
    with connection.cursor() as cursor, cursor.copy("COPY trees (a, b, c) FROM STDIN") as copy:
        for row in X.tolist():
            copy.write_row(row)
    connection.execute("INSERT INTO trees (a, b, c) SELECT a, b, c FROM trees ORDER BY prediction_id")
    found = [p for (p,) in connection.execute("SELECT probability FROM trees ORDER BY prediction_id").fetchall()]
    assert found[: len(X)] == found[len(X) :]
    assert found[: len(X)] == pytest.approx(model.predict_proba(X)[:, 1].tolist(), rel=1e-9)
    connection.execute("ALTER FUNCTION fsdb_models.trees_v1__bulk RENAME TO gone")
    with pytest.raises(psycopg.errors.UndefinedFunction, match="trees_v1__bulk"):
        connection.execute("INSERT INTO trees (a, b, c) SELECT a, b, c FROM trees")
    connection.execute("ALTER FUNCTION fsdb_models.gone RENAME TO trees_v1__bulk")
    assert replay(connection, deployed.name, None).different == 0
    undeploy(connection, deployed.name, drop_predictions=True)
    left = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'fsdb_models'::regnamespace AND proname LIKE 'trees%'"
    assert connection.execute(left).fetchone() == (0,)
