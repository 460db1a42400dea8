"""Which of a LightGBM model's columns are categories, and of which values."""

from collections.abc import Iterable, Sequence
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters.columns import Column
from fsdb.models.frontends.lightgbm.model import Model


def known_as(names: Sequence[str] | None, inputs: Iterable[str]) -> list[str] | None:
    """The names of a model's columns as the inputs have them: LightGBM writes _ for a space in a name."""
    if names is None:
        return None
    given = list(inputs)
    spaced = {name.replace(" ", "_"): name for name in given}
    return [name if name in given else spaced.get(name, name) for name in names]


def categories_of(name: str, model: Model, columns: Sequence[Column]) -> dict[int, tuple[Any, ...]]:
    """The values of the codes of each column that was of categories in the frame of the fit.

    The model keeps the lists in the order of those columns without saying which they are. They are the columns bound to
    texts and those split by category; where these are more or fewer than the lists, or differ in type, it cannot be told.
    """
    if not model.categories:
        return {}
    texts = {position for position, column in enumerate(columns) if column.is_text}
    lists = [tuple(values) for values in model.categories]
    for chosen in (sorted(texts | model.codes), sorted(texts)):
        if len(chosen) == len(lists) and all(
            columns[position].is_text == any(isinstance(value, str) for value in values)
            for position, values in zip(chosen, lists, strict=True)
        ):
            return dict(zip(chosen, lists, strict=True))
    raise UnsupportedModel(
        f"{name} was fitted on {len(lists)} columns of categories and does not say which: bind each to an input of the type of "
        "its categories (text for texts), and let LightGBM find them itself (categorical_feature='auto')"
    )
