"""Values that are missing or refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Refuses values that the native model refuses; produces no slot.

    Infinite numbers are always refused; missing ones unless `missing`; with `float32` also those that are infinite as
    float32.
    """

    columns: tuple[int, ...]
    missing: bool
    float32: bool

    @property
    def width(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class ImputeNumber:
    """Replaces a missing number by the fill of its column."""

    columns: tuple[int, ...]
    fills: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class ImputeText:
    """Replaces a missing text by the fill of its column."""

    columns: tuple[int, ...]
    fills: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Missing:
    """1 where the column is missing, otherwise 0."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class MissingBetween:
    """x, but missing from `low` to `high`, both included."""

    columns: tuple[int, ...]
    low: float
    high: float

    @property
    def width(self) -> int:
        return len(self.columns)
