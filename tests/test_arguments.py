"""Arguments held against annotations: what is taken as it is, what in another dress, and the sentence for the rest."""

import enum
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import fsdb
from fsdb.arguments import checked


class _Kind(str, enum.Enum):  # noqa: UP042 - as code from before Python 3.11 has it
    WEATHER = "weather"


@checked
def call(
    name: str = "",
    count: int | None = None,
    share: float = 0.0,
    flag: bool = False,
    names: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    choice: Literal["a", "b"] = "a",
    moment: datetime | None = None,
    span: str | timedelta = "",
    told: Callable[[int], None] | None = None,
) -> tuple[Any, ...]:
    """Gives back what it was called with."""
    return name, count, share, flag, names, given, choice, moment, span, told


TAKEN: list[tuple[str, Any, Any]] = [
    ("name", "weather", "weather"),
    ("name", np.str_("weather"), "weather"),
    ("name", _Kind.WEATHER, "weather"),
    ("count", 3, 3),
    ("count", np.int64(3), 3),
    ("count", None, None),
    ("share", 1, 1.0),
    ("share", np.float32(0.5), 0.5),
    ("flag", np.bool_(True), True),
    ("names", ["a", "b"], ["a", "b"]),
    ("names", ("a",), ("a",)),
    ("names", pd.Index(["a"]), ["a"]),
    ("names", pd.Series(["a"]), ["a"]),
    ("names", np.array(["a", "b"]), ["a", "b"]),
    ("names", {"a": 1}.keys(), ["a"]),
    ("given", {"a": object}, {"a": object}),
    ("choice", "b", "b"),
    ("moment", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
    ("moment", pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-01", tz="UTC")),
    ("span", timedelta(1), timedelta(1)),
    ("told", print, print),
]


@pytest.mark.parametrize(("argument", "value", "arrives"), TAKEN)
def test_what_is_taken(argument: str, value: Any, arrives: Any) -> None:
    position = list(call.__wrapped__.__annotations__).index(argument)  # type: ignore[attr-defined]
    came = call(**{argument: value})[position]
    assert came == arrives
    assert type(came) is type(arrives)


REFUSED: list[tuple[str, Any, str]] = [
    ("name", 5, "name= takes a text, not 5 (int)"),
    ("name", b"x", "takes a text, not b'x' (bytes)"),
    ("name", "a\0b", "without NUL"),
    ("name", "\ud800", "of valid Unicode"),
    ("count", True, "takes a whole number or None, not True (bool)"),
    ("count", 1.0, "takes a whole number or None"),
    ("count", 2**63, "at most 64 bits"),
    ("share", "0.5", "takes a number, not '0.5' (str)"),
    ("share", True, "takes a number"),
    ("flag", 1, "takes True or False, not 1 (int)"),
    ("names", "weather.temp", "takes a list of texts, not 'weather.temp' (str)"),
    ("names", ["a", None], "names=[1] takes a text, not None"),
    ("names", {"a", "b"}, "takes a list of texts"),
    ("names", (name for name in "ab"), "takes a list of texts, not a value of type generator"),
    ("names", pd.DataFrame({"a": [1]}), "takes a list of texts, not a value of type pandas's DataFrame"),
    ("names", np.array([["a"]]), "takes a list of texts"),
    ("given", [("a", 1)], "takes a mapping of texts to values or None"),
    ("given", {1: 2}, "given=[1] takes a text as its key"),
    ("choice", "c", "takes 'a' or 'b', not 'c'"),
    ("moment", "2024-01-01", "takes a datetime with a time zone or None, not '2024-01-01' (str)"),
    ("moment", date(2024, 1, 1), "takes a datetime"),
    ("moment", pd.NaT, "takes a datetime"),
    ("moment", np.datetime64("2024-01-01"), "takes a datetime"),
    ("span", 5, "takes a text or a timedelta, not 5"),
    ("told", "print", "takes a function or None, not 'print' (str)"),
]


@pytest.mark.parametrize(("argument", "value", "sentence"), REFUSED)
def test_what_is_refused(argument: str, value: Any, sentence: str) -> None:
    with pytest.raises(fsdb.InvalidArgument) as refused:
        call(**{argument: value})
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("call: ")
    assert isinstance(refused.value, TypeError)  # as Python's own calls have it


def test_an_argument_that_is_not_known_or_missing() -> None:
    with pytest.raises(fsdb.InvalidArgument, match="unexpected keyword argument 'nmae'; it takes name, count"):
        call(nmae="weather")  # type: ignore[call-arg]
    with pytest.raises(fsdb.InvalidDefinition, match="missing a required argument: 'type'"):
        fsdb.Feature("temp")  # type: ignore[call-arg]


def test_a_hot_call_looks_at_its_arguments_once_it_has_failed() -> None:
    looked = []

    def read(keys: Mapping[str, Any]) -> int:
        looked.append(keys)
        return len(keys["a"])

    hot = checked(read, afterwards=True)
    assert hot({"a": "xyz"}) == 3
    with pytest.raises(fsdb.InvalidArgument, match="keys= takes a mapping"):
        hot("a")  # type: ignore[arg-type]
    with pytest.raises(KeyError):  # the call's own
        hot({})
    assert len(looked) == 3


def test_a_warning_points_at_the_caller(tmp_path: Any, database: Any) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    with fsdb.connect(database.url) as store:
        store.apply([fsdb.FeatureSet("weather", keys={"k": "text"}, features=[fsdb.Feature("temp", "real")])])
        store.ingest("weather", pd.DataFrame({"k": ["a"], "temp": [1.0], "event_time": [moment]}))
        spine = pd.DataFrame({"k": ["a"], "at": [moment]})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store.training_set(spine=spine, features=["weather.temp"], timestamp="at")
    late = [one for one in caught if issubclass(one.category, fsdb.LateValues)]
    assert [one.filename for one in late] == [__file__]
