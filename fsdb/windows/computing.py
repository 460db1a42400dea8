"""What a window set computes from events that were read: Arrow in, Arrow out, by the kernel. For engines that have no windows of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fsdb.asof import WindowRead
from fsdb.definitions.windows import WindowFeature
from fsdb.expressions import inputs_of
from fsdb.types import base_name
from fsdb.windows.kernel import AGGREGATES, Column, Events, Spans
from fsdb.windows.kernel.extremes import extremes

Numbers = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max  # when what still holds is superseded
_ADDED = frozenset({"sum", "mean", "stddev", "min", "max"})
_PAIRS = 1 << 21  # of a request and an event that are in memory at a time
_MICROSECOND = timedelta(microseconds=1)


class SumTooLarge(ArithmeticError):
    """A sum of integers that is no bigint. request: the number of the one that it was computed for."""

    def __init__(self, feature: str, request: int) -> None:
        super().__init__(feature)
        self.feature = feature
        self.request = request


@dataclass(frozen=True)
class Held:
    """Versions of events, by (number, time, id). numbers: of each event's key. times and recorded: microseconds since 1970.

    columns: what `columns_of` names. until: when each version was superseded, where that is asked for; else each is the one that holds.
    """

    numbers: Numbers
    times: Numbers
    recorded: Numbers
    columns: Mapping[str, pa.Array]
    until: Numbers | None = None

    def take(self, rows: Numbers) -> "Held":
        """Some of them, all of which hold."""
        taken = {name: column.take(pa.array(rows)) for name, column in self.columns.items()}
        return Held(self.numbers[rows], self.times[rows], self.recorded[rows], taken)


@dataclass(frozen=True)
class Computed:
    """For each request: the features' values, how many events the longest window has, and when the last of these was recorded (0 of none)."""

    features: list[pa.Array]
    events: Numbers
    recorded: Numbers


def inexact(read: WindowRead) -> str | None:
    """The column that only PostgreSQL computes with exactly; None where there is none."""
    for feature in read.features:
        if feature.column and feature.function in _ADDED and base_name(read.events.types[feature.column]) == "numeric":
            return feature.column
    return None


def columns_of(read: WindowRead) -> list[str]:
    """The columns of events that features are computed from, beside keys, time and id."""
    named = [feature.column for feature in read.features if feature.column is not None]
    named += [name for condition in read.conditions.values() for name in inputs_of(condition)]
    return list(dict.fromkeys(named))


def reach(read: WindowRead) -> tuple[int, int]:
    """How many microseconds before a moment the longest window begins, at most, and how many before it windows end."""
    offset = _micros(read.offset)
    return offset + max(map(_micros, _widths(read))) + (0 if read.step is None else _micros(read.step)), offset


def compute(read: WindowRead, held: Held, numbers: Numbers, moments: Numbers) -> Computed:
    """The features for each request of a key's number (-1: of none) at a moment. Raises SumTooLarge, and InvalidData as conditions do."""
    requests = np.arange(len(numbers))
    spans = _spans(read, held, numbers, moments)
    if held.until is None:
        return _computed(read, held, spans, requests)
    # A version counts from when it was recorded until another one was recorded in its place. Where each one in the window does, nothing is to be left out.
    apart = _latest(spans, held.recorded) > moments
    apart |= -_latest(spans, -held.until) <= moments
    apart &= spans.ends > spans.begins[-1]
    plain = np.flatnonzero(~apart)
    parts = [(plain, _computed(read, held, _some(spans, plain), plain))]
    for rows in _pieces(spans, np.flatnonzero(apart)):
        parts.append((rows, _each(read, held, _some(spans, rows), moments[rows], rows)))
    return _joined(parts)


def _each(read: WindowRead, held: Held, spans: Spans, moments: Numbers, requests: Numbers) -> Computed:
    """The features for requests of which each has events of its own: those of its longest window that it knew."""
    assert held.until is not None
    counts = spans.ends - spans.begins[-1]
    of = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(of)) + np.repeat(spans.begins[-1] - np.cumsum(counts) + counts, counts)
    known = (held.recorded[rows] <= moments[of]) & (held.until[rows] > moments[of])
    own = held.take(rows[known])
    own = Held(of[known], own.times, own.recorded, own.columns)
    return _computed(read, own, _spans(read, own, np.arange(len(counts)), moments), requests)


def _computed(read: WindowRead, held: Held, spans: Spans, requests: Numbers) -> Computed:
    widths = _widths(read)
    true = _conditions(read, held, spans)
    columns: dict[tuple[str | None, str | None], Column] = {}
    found: dict[tuple[str | None, str | None, str], list[pa.Array]] = {}
    values = []
    for feature in read.features:
        of = feature.column, feature.where
        if of not in columns:
            columns[of] = _column(held, spans, true, feature)
        made = (*of, feature.function)
        if made not in found:
            try:
                found[made] = AGGREGATES[feature.function](columns[of])
            except OverflowError as error:
                raise _too_large(read, columns[of], feature, requests) from error
        values.append(found[made][widths.index(feature.width)])
    events = spans.ends - spans.begins[-1]
    recorded = np.where(events > 0, _latest(spans, held.recorded), 0)
    return Computed(values, events, recorded)


def _column(held: Held, spans: Spans, true: Mapping[str, NDArray[np.bool_]], feature: WindowFeature) -> Column:
    plain = (
        pa.nulls(len(held.times), pa.int8()).fill_null(1) if feature.column is None else held.columns[feature.column]
    )
    return Column(plain, spans, None if feature.where is None else true[feature.where])


def _conditions(read: WindowRead, held: Held, spans: Spans) -> dict[str, NDArray[np.bool_]]:
    """For each condition whether it is true of each event. Events of no window are not looked at: it may have no value for them."""
    wanted = {feature.where for feature in read.features if feature.where is not None}
    if not wanted:
        return {}
    from fsdb.expressions.evaluation import evaluate

    changes = np.zeros(len(held.times) + 1, np.int64)
    np.add.at(changes, spans.begins[-1], 1)
    np.add.at(changes, spans.ends, -1)
    rows = np.flatnonzero(np.cumsum(changes[:-1]) > 0)
    found = {}
    for where in wanted:
        condition = read.conditions[where]
        given = {name: held.columns[name].take(pa.array(rows)) for name in inputs_of(condition)}
        true = pc.fill_null(evaluate(condition, given, len(rows), f"(where {where})"), False)
        found[where] = np.zeros(len(held.times), bool)
        found[where][rows] = true.to_numpy(zero_copy_only=False)
    return found


def _too_large(read: WindowRead, column: Column, feature: WindowFeature, requests: Numbers) -> SumTooLarge:
    """Which request's sum it is: each is added up for itself."""
    values, spans, widths = column.values.to_pylist(), column.spans, _widths(read)
    features = [
        (one, spans.begins[widths.index(one.width)])
        for one in read.features
        if (one.column, one.where, one.function) == (feature.column, feature.where, "sum")
    ]
    for request, end in enumerate(spans.ends.tolist()):
        for one, begins in features:
            if not -(1 << 63) <= sum(values[begins[request] : end]) < 1 << 63:
                return SumTooLarge(one.name, int(requests[request]))
    return SumTooLarge(feature.name, int(requests[0]))


def _spans(read: WindowRead, held: Held, numbers: Numbers, moments: Numbers) -> Spans:
    """The windows, the longest last."""
    step = 1 if read.step is None else _micros(read.step)
    widths = [_micros(width) for width in _widths(read)]
    return Events(held.numbers, held.times).spans(numbers, moments, widths, _micros(read.offset), step)


def _latest(spans: Spans, values: Numbers) -> Numbers:
    """The greatest value of the events of each longest window."""
    (found,) = extremes(Spans(spans.begins[-1:], spans.ends), values, np.maximum)
    return found


def _some(spans: Spans, rows: Numbers) -> Spans:
    return Spans(tuple(begins[rows] for begins in spans.begins), spans.ends[rows])


def _pieces(spans: Spans, rows: Numbers) -> Iterator[Numbers]:
    """Requests, as many at a time as have not too many events together, and one at least."""
    pairs = np.cumsum(spans.ends[rows] - spans.begins[-1][rows])
    begin = 0
    while begin < len(rows):
        before = pairs[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(pairs, before + _PAIRS, "right")))
        yield rows[begin:end]
        begin = end


def _joined(parts: list[tuple[Numbers, Computed]]) -> Computed:
    """The parts' requests in the order of their numbers."""
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    taken = pa.array(order)
    features = [
        pa.concat_arrays(list(one)).take(taken) for one in zip(*(part.features for _, part in parts), strict=True)
    ]
    return Computed(
        features,
        np.concatenate([part.events for _, part in parts])[order],
        np.concatenate([part.recorded for _, part in parts])[order],
    )


def _widths(read: WindowRead) -> list[timedelta]:
    return sorted({feature.width for feature in read.features})


def _micros(length: timedelta) -> int:
    return length // _MICROSECOND
