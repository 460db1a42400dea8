"""Transformers that make features of numbers: polynomials, bins, powers, functions, projections, selections."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from fsdb.models.frontends.sklearn import scalers
from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.steps import Apply, Bins, BoxCox, Indicators, Products, Scale, YeoJohnson

_LARGEST_LAMBDA = 50.0
FUNCTIONS = (
    "absolute",
    "negative",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "sqrt",
    "cbrt",
    "square",
    "reciprocal",
    "exp",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tanh",
    "arctan",
    "arcsinh",
)
_KEEPING_FINITE = frozenset(
    {"absolute", "negative", "sign", "floor", "ceil", "trunc", "rint", "cbrt", "tanh", "arctan", "arcsinh"}
)
_EXACT_OF_WHOLE = frozenset({"sign", "floor", "ceil", "trunc", "rint"})
_WRAPPING_LAST = frozenset({"absolute", "negative"})  # of the smallest number alone
_LOSING_NUMBERS = frozenset({"sqrt", "log", "log2", "log10", "log1p", "sin", "cos"})


def polynomial_features(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Products of columns. Native ones multiply the last column of a term first."""
    checked = translation.bounded(estimator, slots, missing=False)
    factors = [
        tuple(checked[column].index for column, power in reversed(list(enumerate(row))) for _ in range(int(power)))
        for row in estimator.powers_
    ]
    return _derived(checked, translation.add(Products(tuple(factors))))


def k_bins_discretizer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The number of a value's bin, or its indicators."""
    if estimator.dtype is not None and np.dtype(estimator.dtype) != np.float64:
        translation.refuse(estimator, f"compares as {np.dtype(estimator.dtype)}: leave its dtype out")
    checked = translation.bounded(estimator, slots, missing=False)
    outputs = []
    sparse = estimator.encode == "onehot"
    for slot, edges, count in zip(checked, estimator.bin_edges_, estimator.n_bins_, strict=True):
        indices = translation.add(Bins(slot.index, floats(edges[1:-1])))
        if estimator.encode != "ordinal":
            indices = translation.add(Indicators(indices[0], int(count)))
        outputs += [
            Slot(index, "number", slot.source, missing=False, finite=True, finite32=True, sparse=sparse)
            for index in indices
        ]
    return outputs


def power_transformer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Yeo-Johnson or Box-Cox, then a standard scaler."""
    checked = translation.bounded(estimator, slots, missing=True)
    columns = tuple(slot.index for slot in checked)
    lambdas = floats(estimator.lambdas_)
    if not all(abs(power) <= _LARGEST_LAMBDA for power in lambdas):
        translation.refuse(estimator, f"has a lambda beyond {_LARGEST_LAMBDA:g}: scale its input first")
    step = YeoJohnson(columns, lambdas) if estimator.method == "yeo-johnson" else BoxCox(columns, lambdas)
    indices = translation.add(step)
    outputs = [
        Slot(index, "number", slot.source, missing=slot.missing) for index, slot in zip(indices, checked, strict=True)
    ]
    return scalers.standard_scaler(estimator._scaler, outputs, translation) if estimator.standardize else outputs


def function_transformer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Numpy's functions of one number, known by identity: a function of any other make is never called nor guessed."""
    if estimator.func is None:
        return list(slots)
    if estimator.kw_args:
        translation.refuse(
            estimator, f"gives {', '.join(estimator.kw_args)} to its function, where nothing is supported"
        )
    columns = translation.numbers(estimator, slots)
    if estimator.validate:
        columns = translation.bounded(estimator, columns, missing=False)
    return applied(estimator, estimator.func, columns, translation)


def applied(estimator: Any, function: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """A numpy function of each column."""
    name = getattr(function, "__name__", repr(function))
    if name not in FUNCTIONS or getattr(np, name) is not function:
        known = ", ".join(f"np.{known}" for known in FUNCTIONS)
        translation.refuse(estimator, f"calls {name}, which is none of {known}")
    if name == "reciprocal" and any(slot.sparse for slot in slots):
        translation.refuse(estimator, "divides by the zeros of a sparse matrix")
    for slot in slots:
        _check_width(estimator, function, slot, translation)
    indices = translation.add(Apply(name, tuple(slot.index for slot in slots)))
    keeps = name in _KEEPING_FINITE
    return [
        Slot(
            index,
            "number",
            slot.source,
            missing=slot.missing or name in _LOSING_NUMBERS,
            finite=slot.finite and keeps,
            sparse=slot.sparse,
        )
        for index, slot in zip(indices, slots, strict=True)
    ]


def _check_width(estimator: Any, function: Any, slot: Slot, translation: Translation) -> None:
    """Refuses a function of an input that numpy computes in whole numbers (which wrap), or in fewer than 64 bits."""
    dtype = None if translation.frame is None else translation.frame.dtype(slot.source)
    dtype = getattr(
        dtype, "numpy_dtype", dtype
    )  # pandas' own types of whole numbers are numpy's with a mark for missing ones
    if slot.index >= translation.inputs or not isinstance(dtype, np.dtype) or dtype.kind not in "iub":
        return
    if function.__name__ in _EXACT_OF_WHOLE and dtype.kind != "b":
        return
    try:
        made = np.asarray(function(np.ones(1, dtype)))
    except TypeError:  # numpy has no such function of booleans, so that the estimator takes none
        return
    if made.dtype != np.float64 and not (function.__name__ in _WRAPPING_LAST and dtype.kind == "i"):
        translation.refuse(
            estimator,
            f"has numpy compute {function.__name__} of the column {slot.source!r} in {made.dtype}, since it is {dtype} in the frame, and "
            "the database computes in float64: make the column float64 before the fit",
        )


def principal_components(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """PCA, IncrementalPCA: projections of the centred row; with `whiten` over their standard deviations."""
    checked = translation.bounded(estimator, slots, missing=False)
    offsets = -(np.reshape(estimator.mean_, (1, -1)) @ estimator.components_.T)[0]
    indices = translation.linear([slot.index for slot in checked], estimator.components_, offsets)
    if estimator.whiten:
        deviations = np.maximum(np.sqrt(estimator.explained_variance_), np.finfo(np.float64).eps)
        indices = translation.add(Scale(tuple(indices), (0.0,) * len(indices), floats(deviations)))
    return _derived(checked, indices)


def truncated_svd(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Projections of the row."""
    checked = translation.bounded(estimator, slots, missing=False)
    zeros = np.zeros(len(estimator.components_))
    return _derived(checked, translation.linear([slot.index for slot in checked], estimator.components_, zeros))


def selector(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The columns that a feature selection keeps, after its check of all of them."""
    support = estimator.get_support()
    if not support.any():
        translation.refuse(estimator, "keeps no column")
    checked = list(slots)
    if not get_tags(estimator).input_tags.allow_nan:
        texts = [slot for slot in slots if slot.kind == "text"]
        if texts:
            translation.numbers(estimator, texts)
        checked = translation.bounded(estimator, slots, missing=False)
    return [slot for slot, kept in zip(checked, support, strict=True) if kept]


def _derived(inputs: Sequence[Slot], indices: range) -> list[Slot]:
    """Slots that come from all of a row."""
    source = inputs[0].source if len(inputs) == 1 else ""
    return [Slot(index, "number", source, missing=False) for index in indices]
