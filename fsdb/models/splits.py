"""Rows that lie on a model's edges: thresholds and their neighbours, categories seen and unseen."""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from itertools import cycle, islice
from typing import Any

import numpy as np

from fsdb.models.input_types import base_type
from fsdb.models.program import Program
from fsdb.models.steps import (
    Above,
    Bins,
    ImputeNumber,
    ImputeText,
    LookupNumber,
    LookupText,
    Multiply,
    Piecewise,
    Scale,
    TreeEnsemble,
)
from fsdb.models.thresholds import as_float64

_UNSEEN = "fsdb: unseen"
_EXACT = Context(prec=2000)  # digits enough for any float64
_BITS = {"smallint": 15, "integer": 31, "bigint": 63}


def split_rows(program: Program, base_rows: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows, each a base row with one input changed.

    A number is set to a threshold that it is compared with (both the stored and the one that counts after rounding to
    float32) and to the float64 before and after it; a category to each one that the model knows and, where the model takes
    such, to one that it does not know and to NULL. When `limit` is less than there are, each input gets its share, spread over its
    values.
    """
    edges = _Edges(program)
    choices = {name: groups for name, groups in edges.found.items() if groups}
    if not choices or not base_rows or limit <= 0:
        return []
    share = max(1, limit // len(choices))
    types = {given.name: given.type for given in program.inputs}
    rows: list[dict[str, Any]] = []
    bases = cycle(base_rows)
    for name, found in choices.items():
        groups = sorted(found, key=str)
        size = max(map(len, groups))
        chosen = groups[:: max(1, math.ceil(len(groups) * size / share))]
        values = dict.fromkeys(value for group in chosen for value in _held(group, types[name]))
        rows += [{**base, name: value} for value, base in zip(values, bases, strict=False)]
    return list(islice(rows, limit))


def crossed_rows(program: Program, base_rows: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows, each with every number that trees split on at one side of a split of theirs.

    Together they hold, of every split in the program, the last number that goes left and the first that goes right, in an
    order that is the same each time. When `limit` is less than that takes, each input's splits are taken evenly.
    """
    sides = {name: sorted(values) for name, values in _Edges(program).sides.items() if values}
    if not sides or not base_rows or limit <= 0:
        return []
    types = {given.name: given.type for given in program.inputs}
    step = max(1, math.ceil(max(map(len, sides.values())) / limit))
    columns: dict[str, list[Any]] = {}
    for name, values in sides.items():
        held = list(dict.fromkeys(_held(tuple(values[::step]), types[name])))
        random.Random(name).shuffle(held)
        columns[name] = held
    bases = cycle(base_rows)
    return [
        {**next(bases), **{name: held[number] for name, held in columns.items() if number < len(held)}}
        for number in range(min(limit, max(map(len, columns.values()))))
    ]


@dataclass(frozen=True, slots=True)
class _Origin:
    """The input that a slot comes from: its value is the slot's times `factor` plus `shift`."""

    name: str
    factor: float = 1.0
    shift: float = 0.0


@dataclass
class _Edges:
    """For each input the groups of values that belong to one edge, and the numbers on both sides of each split of a tree."""

    program: Program
    found: dict[str, set[tuple[Any, ...]]] = field(init=False)
    sides: dict[str, set[float]] = field(init=False)

    def __post_init__(self) -> None:
        self.found = {given.name: set() for given in self.program.inputs}
        self.sides = {given.name: set() for given in self.program.inputs}
        origins = {index: _Origin(given.name) for index, given in enumerate(self.program.inputs)}
        produced = len(self.program.inputs)
        for step in self.program.steps:
            match step:
                case LookupNumber() | LookupText():
                    if step.column in origins:
                        self._categories(step, origins[step.column])
                case TreeEnsemble():
                    self._thresholds(step, origins)
                case Above() | Bins() | Piecewise():
                    for slot, edge in _compared(step):
                        self._edges({edge}, origins.get(slot))
                case Scale() | Multiply() | ImputeNumber() | ImputeText():
                    for offset, (slot, factor, shift) in enumerate(_inverses(step)):
                        if slot in origins:
                            origin = origins[slot]
                            origins[produced + offset] = _Origin(
                                origin.name, origin.factor * factor, origin.shift + origin.factor * shift
                            )
                            if isinstance(step, ImputeNumber | ImputeText):
                                self.found[origin.name].add((None,))
                case _:
                    pass
            produced += step.width

    def _categories(self, step: LookupNumber | LookupText, origin: _Origin) -> None:
        groups = self.found[origin.name]
        groups.update((key,) for key in step.keys)
        if step.unknown is not None:
            groups.add((_UNSEEN,) if isinstance(step, LookupText) else (max(map(abs, step.keys), default=0.0) + 1,))
        if step.missing is not None:
            groups.add((None,))

    def _thresholds(self, step: TreeEnsemble, origins: dict[int, _Origin]) -> None:
        for tree in step.trees:
            counting = as_float64(tree.threshold, step.strict) if step.float32 else tree.threshold
            for node, feature in enumerate(tree.feature):
                origin = origins.get(step.columns[feature]) if feature >= 0 else None
                if origin is None or (tree.left_codes and tree.left_codes[node]):
                    continue
                self._edges({tree.threshold[node], counting[node]}, origin)
                last = counting[node] * origin.factor + origin.shift
                if math.isfinite(last):
                    self.sides[origin.name] |= {last, math.nextafter(last, -math.inf if step.strict else math.inf)}

    def _edges(self, edges: set[float], origin: _Origin | None) -> None:
        """Numbers that belong to one edge, and their neighbours."""
        if origin is None:
            return
        values = sorted(edge * origin.factor + origin.shift for edge in edges if math.isfinite(edge))
        near = [(math.nextafter(v, -math.inf), v, math.nextafter(v, math.inf)) for v in values]
        if near:
            self.found[origin.name].add(tuple(value for group in near for value in group))


def _compared(step: Above | Bins | Piecewise) -> list[tuple[int, float]]:
    """Columns and the numbers that they are compared with."""
    match step:
        case Above():
            return list(zip(step.columns, step.thresholds, strict=True))
        case Bins():
            return [(step.column, edge) for edge in step.edges]
        case Piecewise():
            return [(step.column, knot) for knot in step.knots]


def _inverses(step: Scale | Multiply | ImputeNumber | ImputeText) -> list[tuple[int, float, float]]:
    """For each column the factor and shift that lead from the step's result back to what it was given."""
    match step:
        case Scale():
            return list(zip(step.columns, step.divisors, step.shifts, strict=True))
        case Multiply():
            inverse = [1 / factor if factor else 0.0 for factor in step.factors]
            return [(slot, factor, 0.0) for slot, factor in zip(step.columns, inverse, strict=True)]
        case ImputeNumber() | ImputeText():
            return [(slot, 1.0, 0.0) for slot in step.columns]


def _held(group: tuple[Any, ...], type_name: str) -> list[Any]:
    """The values that an input's type can hold."""
    base = base_type(type_name)
    held: list[Any] = []
    for value in group:
        if value is None or isinstance(value, str):
            held.append(value)
        elif base == "boolean":
            held += [bool(value)] if value in (0, 1) else []
        elif base in _BITS:
            sides = (math.floor(value), math.ceil(value))
            held += [side for side in sides if -(2 ** _BITS[base]) <= side < 2 ** _BITS[base]]
        elif base == "real":
            held += [float(np.float32(value))] if abs(value) < np.finfo(np.float32).max else []
        else:
            held += _decimals(value, type_name) if base == "numeric" else [value]
    return held


def _decimals(value: float, type_name: str) -> list[Decimal]:
    """A number as `numeric`; where that has a scale, the numbers of the scale on both sides, if it can hold them."""
    exact = Decimal(value)
    modifier = re.search(r"\((\d+)(?:, *(-?\d+))?\)", type_name)
    if modifier is None:
        return [exact]
    precision, scale = int(modifier[1]), int(modifier[2] or 0)
    if abs(exact) >= Decimal(10) ** (precision - scale) - 1:
        return []
    unit = Decimal(1).scaleb(-scale)
    return [exact.quantize(unit, rounding, _EXACT) for rounding in (ROUND_FLOOR, ROUND_CEILING)]
