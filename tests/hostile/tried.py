"""Tries calls with wrong arguments, one at a time, and tells those that end in anything but a result or a sentence of fsdb's."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fsdb
from tests.hostile.calls import Call
from tests.hostile.values import wrong_values


@dataclass(frozen=True)
class Outcome:
    """What came of one call: nothing raised, a sentence, or a raw error."""

    call: str
    argument: str
    value: str
    error: BaseException | None

    @property
    def raw(self) -> bool:
        """Whether a user gets an error that is not fsdb's, or one that is no sentence."""
        if self.error is None:
            return False
        text = str(self.error)
        return not isinstance(self.error, fsdb.FsdbError) or not text.strip() or "Traceback" in text

    def __str__(self) -> str:
        return f"{self.call}({self.argument}={self.value}): {type(self.error).__name__}: {str(self.error)[:200]!r}"


class _RolledBack(Exception):
    """Ends a transaction whose changes the next call is not to see."""


def tried(call: Call, store: fsdb.Store | None = None) -> Iterator[Outcome]:
    """The call with every wrong value for each of its arguments, with each left out, and with one that it does not know."""
    for argument in call.arguments:
        for name, value in wrong_values().items():
            if argument in ("progress", "confirm") and callable(value):
                continue  # what a function of the caller's raises is the caller's
            yield _outcome(call, store, argument, name, {**call.arguments, argument: value})
        without = {key: value for key, value in call.arguments.items() if key != argument}
        yield _outcome(call, store, argument, "(left out)", without)
    yield _outcome(call, store, "surplus", "(unknown)", {**call.arguments, "surplus": 1})


def _outcome(call: Call, store: fsdb.Store | None, argument: str, name: str, arguments: Mapping[str, Any]) -> Outcome:
    error: BaseException | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if store is None or call.alone:
                _closed(call.run(**arguments))
            else:
                with store.transaction():
                    call.run(**arguments)
                    raise _RolledBack
        except _RolledBack:
            pass
        except Exception as raised:
            error = raised
    return Outcome(call.name, argument, name, error)


def _closed(result: Any) -> None:
    if isinstance(result, fsdb.Store):
        result.close()
