"""Rows that lie on a model's edges: thresholds and their neighbours, categories seen and unseen."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np

from fsdb.models.program import Program
from fsdb.models.steps import ImputeNumber, LookupNumber, LookupText, Scale, TreeEnsemble

_UNSEEN = "fsdb: unseen"


def split_rows(program: Program, base_rows: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows, each a base row with one input changed.

    A number is set to a threshold that it is compared with, and to the float64 before and after it; a category to each
    one that the model knows and, where the model takes such, to one that it does not know and to NULL. When there are more
    such values than `limit`, each input gets its share, spread over its values.
    """
    choices = {name: values for name, values in _choices(program).items() if values}
    if not choices or not base_rows or limit <= 0:
        return []
    share = max(1, limit // len(choices))
    rows = []
    bases = cycle(base_rows)
    for name, values in choices.items():
        step = max(1, math.ceil(len(values) / share))
        rows += [{**base, name: value} for base, value in zip(bases, values[::step], strict=False)]
    return list(islice(rows, limit))


def _choices(program: Program) -> dict[str, list[Any]]:
    """For each input the values worth trying."""
    types = {given.name: given.type for given in program.inputs}
    found: dict[str, set[Any]] = {name: set() for name in types}
    # slot -> (input, divisor, shift): the input's value is the slot's times divisor plus shift
    origins: dict[int, tuple[str, float, float]] = {
        index: (given.name, 1.0, 0.0) for index, given in enumerate(program.inputs)
    }
    produced = len(program.inputs)
    for step in program.steps:
        match step:
            case Scale():
                for offset, (slot, shift, divisor) in enumerate(
                    zip(step.columns, step.shifts, step.divisors, strict=True)
                ):
                    if slot in origins:
                        name, a, b = origins[slot]
                        origins[produced + offset] = (name, a * divisor, b + a * shift)
            case ImputeNumber():
                for offset, slot in enumerate(step.columns):
                    if slot in origins:
                        origins[produced + offset] = origins[slot]
            case LookupNumber() | LookupText():
                if step.column in origins:
                    name, _, _ = origins[step.column]
                    found[name].update(step.keys)
                    if step.unknown is not None:
                        found[name].add(_UNSEEN if isinstance(step, LookupText) else 987654.0)
                    if step.missing is not None:
                        found[name].add(None)
            case TreeEnsemble():
                _add_thresholds(step, origins, found)
            case _:
                pass
        produced += step.width
    return {name: _of_type(values, types[name]) for name, values in found.items()}


def _add_thresholds(
    step: TreeEnsemble, origins: dict[int, tuple[str, float, float]], found: dict[str, set[Any]]
) -> None:
    for tree in step.trees:
        for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
            origin = origins.get(step.columns[feature]) if feature >= 0 else None
            if origin is None or not math.isfinite(threshold):
                continue
            name, factor, shift = origin
            value = threshold * factor + shift
            found[name].update((value, math.nextafter(value, -math.inf), math.nextafter(value, math.inf)))
            if step.float32 and (factor, shift) == (1.0, 0.0):
                near = np.float32(value)
                found[name].update(float(np.nextafter(near, np.float32(side))) for side in (-np.inf, np.inf))


def _of_type(values: set[Any], type_name: str) -> list[Any]:
    """The values that an input's type can hold, in order, NULL last."""
    present = [value for value in values if value is not None]
    null = [None] if None in values else []
    if type_name == "boolean":
        return [value != 0 for value in sorted(set(present)) if value in (0, 1)] + null
    if type_name in ("smallint", "integer", "bigint"):
        bits = {"smallint": 15, "integer": 31, "bigint": 63}[type_name]
        whole = {side for value in present for side in (math.floor(value), math.ceil(value))}
        return [*sorted(value for value in whole if -(2**bits) <= value < 2**bits), *null]
    if type_name == "real":
        return [*sorted({float(np.float32(value)) for value in present if abs(value) < 3e38}), *null]
    return [*sorted(present), *null]
