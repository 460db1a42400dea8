"""Categories and other keys turned into numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookupNumber:
    """The value that belongs to a number: `values[i]` where it equals `keys[i]`.

    A missing input gives `missing`, any other one that is no key gives `unknown`; where these are None, the row is
    refused. A result of NaN is missing.
    """

    column: int
    keys: tuple[float, ...]
    values: tuple[float, ...]
    missing: float | None
    unknown: float | None

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class LookupText:
    """The same for a text; keys compare byte by byte."""

    column: int
    keys: tuple[str, ...]
    values: tuple[float, ...]
    missing: float | None
    unknown: float | None

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Indicators:
    """`size` slots of which number `x` is 1 and all others 0; all are 0 where x is -1."""

    column: int
    size: int

    @property
    def width(self) -> int:
        return self.size
