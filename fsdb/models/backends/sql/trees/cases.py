"""Trees as nested CASE expressions: some ten times faster than the walk once PostgreSQL has set the expression up.

Setting up takes 6 to 12 µs a split at the first use of a connection and 0.3 µs in each further transaction, and 4 kB of the
connection's memory a split. A statement that has run for as long as that is worth it: at most twice the time that the
better form alone would have taken.
"""

from collections.abc import Mapping, Sequence

from psycopg.sql import SQL, Composable, Composed, Literal

from fsdb.models.backends.sql.emitter import Body, expression, integers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import SingleTrees, Tree, TreeEnsemble

MICROSECONDS = 8  # that a split takes to be set up
LEAST = 1_000  # microseconds that the rest of a single insert may well take
MOST_SPLITS = 40_000  # of a program: about 160 MB of memory of each connection that scores in bulk
MOST_DEPTH = 200  # of a tree: PostgreSQL's parser runs out of memory past 1,200 CASE in a CASE
_SPLITS = 4000  # of a statement
_TREES = 100  # of a statement

# Parts of a text that is made by the thousand. `float` and `real` are words of the language, which no search_path can bend.
_CASE, _THEN, _ELSE, _END = SQL("CASE WHEN "), SQL(" THEN "), SQL(" ELSE "), SQL(" END")
_IN, _NOT_IN, _CLOSED = SQL(" = ANY ("), SQL(" <> ALL ("), SQL(")")
_COMPARED = {
    (False, False): SQL(" <= "),
    (False, True): SQL(" < "),
    (True, False): SQL(" > "),
    (True, True): SQL(" >= "),
}
_DOUBLE, _SINGLE = SQL("::float"), SQL("::real")


def case_forms_after(steps: Sequence[TreeEnsemble]) -> int | None:
    """After how many microseconds of a statement CASE expressions pay for some ensembles; None where they never do."""
    splits = sum(_all_splits(step) for step in steps)
    if not 0 < splits <= MOST_SPLITS or not all(map(has_case_form, steps)):
        return None
    return max(splits * MICROSECONDS, LEAST)


def has_case_form(step: TreeEnsemble) -> bool:
    """Whether an ensemble is small enough for CASE expressions."""
    return _all_splits(step) <= MOST_SPLITS and all(_depth(tree) <= MOST_DEPTH for tree in step.trees)


def case_form(step: TreeEnsemble, totals: Sequence[Composed], body: Body) -> list[Composed]:
    """The statements that add each tree's leaf to the totals, in the order of the trees."""
    before: list[Composed] = []
    used = sorted(
        {(f, bool(_codes(tree, node))) for tree in step.trees for node, f in enumerate(tree.feature) if f >= 0}
    )
    columns = {(f, codes): _column(step.columns[f], codes, body, before) for f, codes in used}
    sums = [_Sum(total) for total in totals]
    for tree in step.trees:
        for place, output in enumerate(_outputs(tree, step)):
            sums[output].add(_splits(tree), _case(tree, place, step, columns))
    return [*before, *(statement for total in sums for statement in total.ended())]


class _Sum:
    """`total := total + tree + tree …` in statements of bounded size: one addition after the other, as the walk adds."""

    def __init__(self, total: Composed) -> None:
        self._total = total
        self._statements: list[Composed] = []
        self._terms: list[Composed] = [total]
        self._splits = 0

    def add(self, splits: int, term: Composed) -> None:
        if len(self._terms) > 1 and (self._splits + splits > _SPLITS or len(self._terms) > _TREES):
            self._end()
        self._splits += splits
        self._terms.append(term)

    def ended(self) -> list[Composed]:
        if len(self._terms) > 1:
            self._end()
        return self._statements

    def _end(self) -> None:
        value = SQL(" + ").join(self._terms)
        self._statements.append(fragment("function", "assign", name=self._total, value=value))
        self._terms, self._splits = [self._total], 0


def _column(slot: int, codes: bool, body: Body, before: list[Composed]) -> Composed:
    """A column in a variable; `before` gets the assignment where there is none yet. A code of -1 stands for missing."""
    value = body.values[slot]
    if value.plain and not codes:
        return value.sql
    name = f"{'z' if codes else 'y'}{slot}"
    known = name in body.declared
    variable = body.named("number", name)
    if not known:
        source = expression("code_or_null", value=value.sql) if codes else value.sql
        before.append(fragment("function", "assign", name=variable, value=source))
    return variable


def _case(tree: Tree, place: int, step: TreeEnsemble, columns: Mapping[tuple[int, bool], Composed]) -> Composed:
    """The expression of a tree, of the numbers of its leaves at `place`.

    A missing value is NULL and makes no condition true: the side that it goes to is the ELSE. PostgreSQL takes the type of a
    CASE from its THEN, so that only leaves which stand there name it.
    """
    kind = _SINGLE if isinstance(step, SingleTrees) else _DOUBLE
    parts: list[Composable] = []
    pending: list[int | SQL] = [0]
    while pending:
        node = pending.pop()
        if isinstance(node, SQL):
            parts.append(node)
        elif tree.feature[node] < 0:
            typed = len(parts) > 0 and parts[-1] is _THEN
            parts += [Literal(repr(tree.values[node][place])), *((kind,) if typed else ())]
        else:
            codes = _codes(tree, node)
            parts += [_CASE, columns[tree.feature[node], bool(codes)]]
            sides = [tree.left[node], tree.right[node]]
            if tree.missing_left[node]:
                sides.reverse()
            if codes:
                parts += [_NOT_IN if tree.missing_left[node] else _IN, integers(codes), _CLOSED]
            else:
                parts += [_COMPARED[tree.missing_left[node], step.strict], Literal(repr(tree.threshold[node]))]
            pending += [_END, sides[1], _ELSE, sides[0], _THEN]
    return Composed(parts)


def _codes(tree: Tree, node: int) -> tuple[int, ...]:
    return tree.left_codes[node] if tree.left_codes else ()


def _outputs(tree: Tree, step: TreeEnsemble) -> Sequence[int]:
    """The totals that a tree adds to."""
    return range(len(step.base)) if tree.output is None else (tree.output,)


def _all_splits(step: TreeEnsemble) -> int:
    """The splits of the expressions: a tree that adds to several sums is in several."""
    return sum(_splits(tree) * len(_outputs(tree, step)) for tree in step.trees)


def _splits(tree: Tree) -> int:
    return sum(feature >= 0 for feature in tree.feature)


def _depth(tree: Tree) -> int:
    """Levels of splits."""
    level, depth = [0], 0
    while level := [
        child for node in level if tree.feature[node] >= 0 for child in (tree.left[node], tree.right[node])
    ]:
        depth += 1
    return depth
