"""The steps of a model program.

A program is a straight line of steps over numbered *slots*. The first slots are the inputs, in order; each step reads
slots and appends the ones it produces. A slot holds a number (float64, or missing) or a text (or missing).
"""

from fsdb.models.steps.codes import Indicators, LookupNumber, LookupText
from fsdb.models.steps.graph import Feed, Graph
from fsdb.models.steps.links import (
    Exponential,
    Largest,
    Logistic,
    Normalize,
    Shares,
    Softmax,
    SoftmaxSingle,
    WeightedMedian,
)
from fsdb.models.steps.missing import Bounds, ImputeNumber, ImputeText, Missing, MissingBetween
from fsdb.models.steps.numbers import (
    Above,
    Apply,
    Bins,
    BoxCox,
    Clip,
    Multiply,
    NormalQuantile,
    Piecewise,
    Scale,
    Single,
    WholePart,
    YeoJohnson,
)
from fsdb.models.steps.products import EQUALLY_FAR, Kernel, Layer, Linear, Neighbors, Products, SquaredDistances
from fsdb.models.steps.trees import SingleTrees, Tree, TreeEnsemble

Step = (
    Bounds
    | ImputeNumber
    | ImputeText
    | Missing
    | Scale
    | Multiply
    | LookupNumber
    | LookupText
    | Indicators
    | Linear
    | TreeEnsemble
    | SingleTrees
    | MissingBetween
    | WholePart
    | Single
    | SoftmaxSingle
    | Logistic
    | Exponential
    | Softmax
    | Clip
    | Above
    | Bins
    | Piecewise
    | Apply
    | YeoJohnson
    | BoxCox
    | Normalize
    | Products
    | SquaredDistances
    | Layer
    | Shares
    | Largest
    | WeightedMedian
    | NormalQuantile
    | Kernel
    | Neighbors
    | Graph
)

__all__ = [
    "EQUALLY_FAR",
    "Above",
    "Apply",
    "Bins",
    "Bounds",
    "BoxCox",
    "Clip",
    "Exponential",
    "Feed",
    "Graph",
    "ImputeNumber",
    "ImputeText",
    "Indicators",
    "Kernel",
    "Largest",
    "Layer",
    "Linear",
    "Logistic",
    "LookupNumber",
    "LookupText",
    "Missing",
    "MissingBetween",
    "Multiply",
    "Neighbors",
    "NormalQuantile",
    "Normalize",
    "Piecewise",
    "Products",
    "Scale",
    "Shares",
    "Single",
    "SingleTrees",
    "Softmax",
    "SoftmaxSingle",
    "SquaredDistances",
    "Step",
    "Tree",
    "TreeEnsemble",
    "WeightedMedian",
    "WholePart",
    "YeoJohnson",
]
