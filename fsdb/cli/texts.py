"""Arguments that are taken as they were typed, for which a command need not load pydantic.

Typer holds every argument against a model of pydantic's, whose import takes a third of a small command's time. A text that is wanted as
a text, a number that is the default, and an option that was not given, need none. With a Typer that does it another way nothing is changed.
"""

from dataclasses import dataclass
from typing import Any

_PARTS = ("_runtime_param", "get_runtime_param", "type_descriptor")  # what Typer's parameters have that load pydantic


@dataclass(frozen=True)
class _Taken:
    """Takes a text or a default as it is, and what was not given; leaves the rest to what Typer makes of the parameter."""

    make: Any

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of one argument."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        wanted = param.type_descriptor
        if (
            wanted.parameter_info.parser is None
            and wanted.annotation in (str, int)
            and type(value) is wanted.annotation
        ):
            return value  # what was typed is a text: a number is the default
        param._runtime_param = None
        return self.make().coerce(value, param=param, ctx=ctx)


class AsTyped:
    """A command or a group whose arguments are taken as they were typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, with those that Typer adds to each."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in found:
            if all(hasattr(one, name) for name in _PARTS) and one._runtime_param is None:
                one._runtime_param = _Taken(one.get_runtime_param)
        return found
