"""Which of a LightGBM model's columns are categories, and of which values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters.columns import Column
from fsdb.models.frontends.lightgbm.model import Model
from fsdb.models.user_frame import is_categorical

_MOST_TRIED = 10_000


def known_as(names: Sequence[str] | None, inputs: Iterable[str]) -> list[str] | None:
    """The names of a model's columns as the inputs have them: LightGBM writes _ for a space in a name.

    UnsupportedModel where two inputs have one name for LightGBM.
    """
    if names is None:
        return None
    called: dict[str, list[str]] = {}
    for name in inputs:
        called.setdefault(name.replace(" ", "_"), []).append(name)
    for name in names:
        alike = called.get(name, [])
        if len(alike) > 1:
            raise UnsupportedModel(
                f"LightGBM writes _ for a space in a name, so that it cannot be told which of the inputs "
                f"{' and '.join(map(repr, alike))} its column {name!r} is: rename one of them before the fit"
            )
    return [called[name][0] if name in called else name for name in names]


def categories_of(
    name: str, model: Model, columns: Sequence[Column], known: Mapping[str, Any] | None = None
) -> dict[int, tuple[Any, ...]]:
    """The values of the codes of each column that was of categories in the frame of the fit.

    The model keeps the lists in the order of those columns without saying which they are. A frame that has columns of these very
    categories tells. Else each list is tried with each column of its type that the fit saw codes of it in, and whose values
    are among it.

    known: columns of the frame of the fit, or of one like it, by input name. UnsupportedModel where there is not one way.
    """
    if not model.categories:
        return {}
    known = known or {}
    lists = [tuple(values) for values in model.categories]
    told = _told(lists, columns, known)
    ways = [told] if told else list(_ways(lists, model, columns, known))
    # All categories are mostly in the rows of the fit, and those that are numbers from 0 on are their own codes.
    ways = [way for way in ways if all(model.saw_all_codes(*of) for of in _sizes(way))] or ways
    used = model.used_columns() | {position for position, column in enumerate(columns) if column.is_text}
    differing = {
        tuple((at, values) for at, values in sorted(way.items()) if at in used and values != tuple(range(len(values))))
        for way in ways
    }
    if len(differing) == 1:
        return max(ways, key=lambda way: len(model.codes & way.keys()))
    raise UnsupportedModel(
        f"{name} was fitted on {len(lists)} columns of categories and does not say which: register it with rows= as the data "
        "frame that it was fitted on, and bind each to an input of the type of its categories (text for texts)"
    )


def _sizes(way: Mapping[int, tuple[Any, ...]]) -> list[tuple[int, int]]:
    return [(position, len(values)) for position, values in way.items()]


def _told(
    lists: Sequence[tuple[Any, ...]], columns: Sequence[Column], known: Mapping[str, Any]
) -> dict[int, tuple[Any, ...]] | None:
    """The columns of categories of a frame, where these are the model's own."""
    there = [
        (position, tuple(known[column.source].cat.categories.tolist()))
        for position, column in enumerate(columns)
        if column.source in known and is_categorical(known[column.source].dtype)
    ]
    return dict(there) if [values for _, values in there] == list(lists) else None


def _ways(
    lists: Sequence[tuple[Any, ...]], model: Model, columns: Sequence[Column], known: Mapping[str, Any]
) -> Iterator[dict[int, tuple[Any, ...]]]:
    """Every way to give the lists to columns in their order, up to a limit."""
    texts = {position for position, column in enumerate(columns) if column.is_text}
    fitting = [
        [
            position
            for position, column in enumerate(columns)
            if _is_of(values, column) and model.may_be_codes(position, len(values)) and _holds(values, column, known)
        ]
        for values in lists
    ]
    found = 0

    def chosen(number: int, after: int) -> Iterator[tuple[int, ...]]:
        if number == len(lists):
            yield ()
            return
        for position in fitting[number]:
            if position > after and not any(after < text < position for text in texts):
                for rest in chosen(number + 1, position):
                    yield (position, *rest)

    for positions in chosen(0, -1):
        if texts <= set(positions):
            yield dict(zip(positions, lists, strict=True))
            found += 1
            if found == _MOST_TRIED:
                return


def _is_of(values: tuple[Any, ...], column: Column) -> bool:
    return column.is_text == any(isinstance(value, str) for value in values)


def _holds(values: tuple[Any, ...], column: Column, known: Mapping[str, Any]) -> bool:
    """Whether the values of a column are among the categories, as far as they are known."""
    given = known.get(column.source)
    if given is None:
        return True
    there = given.dropna().unique().tolist()
    try:
        return set(map(_plain, there)) <= set(map(_plain, values))
    except TypeError:
        return True


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else float(value)
