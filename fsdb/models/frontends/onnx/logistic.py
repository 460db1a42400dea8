"""The logistic function as onnxruntime computes it in float32.

A probability near 0 is a difference of numbers near 1/2 or 1 there, a multiple of 2^-25 or 2^-24: to agree with it in more than its
first digits, its roundings are followed one by one.
"""

import math

import numpy as np

from fsdb.models.frontends.onnx.translation import Translation
from fsdb.models.frontends.onnx.values import Tensor
from fsdb.models.steps import Above, Apply, Clip, Linear, Logistic, Multiply, Products, Scale, Single

_MOST_EXACT = 16  # numbers whose roundings are followed
_RANGE = 18.0
# A rational function of x, divided by x and moved by 1/2 (onnxruntime, mlas/lib/logistic.cpp), the highest power first.
_NUMERATOR = (
    4.37031012579801e-11,
    1.15627324459942e-07,
    6.08574864600143e-05,
    8.51377133304701e-03,
    2.48287947061529e-01,
)
_DENOMINATOR = (
    6.10247389755681e-13,
    5.76102136993427e-09,
    6.29106785017040e-06,
    1.70198817374094e-03,
    1.16817656904453e-01,
    9.93151921023180e-01,
)


def logistic_of(tensor: Tensor, translation: Translation) -> Tensor:
    """The operator Sigmoid, and LOGISTIC of linear classifiers. In float64 where the numbers are not exact anyway."""
    given = translation.single(tensor)
    if tensor.type != "float" or not given.exact or len(given.slots) > _MOST_EXACT:
        slots = tuple(translation.add(Logistic(slot, 1.0))[0] for slot in given.slots)
        return Tensor(slots, tensor.type, tensor.shape, exact=False)
    count = len(given.slots)
    value = translation.add(Clip(given.slots, (-_RANGE,) * count, (_RANGE,) * count))
    square = _product(value, value, translation)
    above = _product(_polynomial(_NUMERATOR, square, translation), value, translation)
    below = translation.add(Apply("reciprocal", _polynomial(_DENOMINATOR, square, translation)))
    middle = _moved(_product(above, below, translation), 0.5, translation)
    slots = translation.add(Clip(middle, (0.0,) * count, (1.0,) * count))
    return Tensor(slots, tensor.type, tensor.shape)


def share_of(tensor: Tensor, translation: Translation) -> Tensor:
    """LOGISTIC of tree ensembles: v = 1 / (1 + exp(-|x|)), and 1 - v for negative x."""
    given = translation.single(tensor)
    slots, count = given.slots, len(given.slots)
    size = translation.add(Multiply(translation.add(Apply("absolute", slots)), (-1.0,) * count))
    terms = translation.add(Single(translation.add(Apply("exp", size))))
    large = translation.add(Single(translation.add(Apply("reciprocal", _moved(terms, 1.0, translation)))))
    positive = translation.add(Above(slots, (-math.ulp(0.0),) * count))
    chosen = translation.add(Products(tuple(zip(positive, large, strict=True))))
    shares = tuple(
        translation.add(Linear((both, one, sign), ((2.0, -1.0, -1.0),), (1.0,)))[0]
        for both, one, sign in zip(chosen, large, positive, strict=True)
    )
    return Tensor(shares, tensor.type, tensor.shape, exact=False)


def _polynomial(coefficients: tuple[float, ...], square: tuple[int, ...], translation: Translation) -> tuple[int, ...]:
    """By Horner's rule, each step a fused multiply-add."""
    first, second, *rest = (float(np.float32(coefficient)) for coefficient in coefficients)
    total = _moved(translation.add(Multiply(square, (first,) * len(square))), second, translation)
    for coefficient in rest:
        term = translation.add(Products(tuple(zip(total, square, strict=True))))
        total = _moved(term, coefficient, translation)
    return total


def _product(left: tuple[int, ...], right: tuple[int, ...], translation: Translation) -> tuple[int, ...]:
    return translation.add(Single(translation.add(Products(tuple(zip(left, right, strict=True))))))


def _moved(slots: tuple[int, ...], by: float, translation: Translation) -> tuple[int, ...]:
    count = len(slots)
    return translation.add(Single(translation.add(Scale(slots, (-by,) * count, (1.0,) * count))))
