"""Pipeline and ColumnTransformer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fsdb.models.frontends.sklearn.translation import Slot, Translation

Transform = Callable[[Any, Sequence[Slot], Translation], list[Slot]]


def column_transformer(
    estimator: Any, slots: Sequence[Slot], translation: Translation, transform: Transform
) -> list[Slot]:
    """The outputs of the parts side by side; columns are those that the fit resolved them to."""
    outputs = []
    weights = estimator.transformer_weights or {}
    for name, part, _ in estimator.transformers_:
        positions = estimator._transformer_to_input_indices[name]
        if (isinstance(part, str) and part == "drop") or len(positions) == 0:
            continue
        if weights.get(name) is not None:
            translation.refuse(estimator, f"weighs its part {name!r} by transformer_weights")
        outputs += transform(part, [slots[position] for position in positions], translation)
    return [replace(slot, sparse=estimator.sparse_output_) for slot in outputs]


def steps_of(pipeline: Any) -> list[Any]:
    """The steps of a Pipeline without those that pass everything through."""
    return [
        step for _, step in pipeline.steps if step is not None and not (isinstance(step, str) and step == "passthrough")
    ]
