"""The kernel against brute force, bit for bit."""

import math
import random
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from fsdb.windows.kernel import AGGREGATES, Column, Events
from fsdb.windows.kernel.digits import Exact, terms_of
from fsdb.windows.kernel.integers import Totals
from tests.windows.oracle import BIGINT, Event, bits, rounded, window
from tests.windows.pools import DOUBLES, INTEGERS, MINUTE, moment

WIDTHS = [MINUTE, 5 * MINUTE, 60 * MINUTE, 10**6 * MINUTE]


def differing(
    events: list[Event],
    kind: pa.DataType,
    requests: list[tuple[int, int]],
    offset: int = 0,
) -> list[object]:
    """What the kernel and brute force see differently."""
    events = sorted(events, key=lambda e: (e.key, e.time, e.id))
    requests = sorted(requests)
    sorted_events = Events(np.array([e.key for e in events], np.int64), np.array([e.time for e in events], np.int64))
    keys, moments = (np.array([r[n] for r in requests], np.int64) for n in range(2))
    spans = sorted_events.spans(keys, moments, WIDTHS, offset)
    counts = np.array([e.counted for e in events], bool)
    column = Column(pa.array([e.value for e in events], kind), spans, None if counts.all() else counts)
    found = {name: [each.to_pylist() for each in compute(column)] for name, compute in AGGREGATES.items()}
    wrong: list[object] = []
    for row, (key, at) in enumerate(requests):
        for n, width in enumerate(WIDTHS):
            expected = window(events, key, at, width, offset)
            wrong += [
                (name, key, at, width, found[name][n][row], value)
                for name, value in expected.items()
                if bits(found[name][n][row]) != bits(value)
            ]
    return wrong


def drawn(draw: random.Random, pool: str, share: float) -> list[Event]:
    """Up to 100 events with values of a pool, of which a share counts."""
    values = DOUBLES.get(pool) or INTEGERS[pool]
    return [
        Event(draw.randrange(3), moment(draw), number, values(draw), draw.random() < share)
        for number in range(draw.randrange(100))
    ]


@pytest.mark.parametrize("pool", DOUBLES)
@pytest.mark.parametrize("seed", range(6))
def test_doubles(pool: str, seed: int) -> None:
    draw = random.Random(f"{pool}{seed}")
    requests = [(draw.randrange(-1, 4), moment(draw)) for _ in range(12)]
    offset = draw.choice([0, 1, MINUTE])
    assert differing(drawn(draw, pool, 1 - seed % 2 / 3), pa.float64(), requests, offset) == []


@pytest.mark.parametrize("seed", range(6))
def test_integers(seed: int) -> None:
    draw = random.Random(seed)
    requests = [(draw.randrange(-1, 4), moment(draw)) for _ in range(12)]
    assert differing(drawn(draw, "small", 1 - seed % 2 / 3), pa.int64(), requests) == []


def test_no_event_and_no_request() -> None:
    assert differing([], pa.float64(), [(0, 0)]) == []
    assert differing([Event(0, 0, 0, 1.0)], pa.float64(), []) == []
    assert differing([], pa.int64(), []) == []


def test_times_at_the_ends_of_their_range() -> None:
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    events = [Event(0, time, number, 1.0) for number, time in enumerate([least, least + 1, 0, most - 1, most])]
    requests = [(0, at) for at in (least, least + 1, -1, 0, 1, most - 1, most)]
    # A window that would begin before the least number holds all up to its end but an event at that number itself, which no time of PostgreSQL is.
    assert differing(events[1:], pa.float64(), requests) == []


def test_a_step_rounds_the_start_down() -> None:
    events = Events(np.zeros(4, np.int64), np.array([MINUTE - 1, MINUTE, MINUTE + 1, 2 * MINUTE], np.int64))
    asked = np.array([2 * MINUTE + 5], np.int64)
    spans = events.spans(np.zeros(1, np.int64), asked, [MINUTE, 1], step=MINUTE)
    assert (spans.begins[0][0], spans.begins[1][0], spans.ends[0]) == (2, 4, 4)


def test_sums_of_integers() -> None:
    draw = random.Random(5)
    values = [INTEGERS["large"](draw) for _ in range(60)]
    for begin in range(60):
        for end in range(begin, 61, 7):
            totals, at = Totals(np.array(values, np.int64), np.array([end])), np.array([begin])
            exact = sum(values[begin:end])
            assert totals.doubles(at)[0] == float(exact)
            if exact in BIGINT:
                assert totals.sums(at)[0] == exact
            else:
                with pytest.raises(OverflowError):
                    totals.sums(at)


def test_exact_sums_are_rounded_once() -> None:
    draw = random.Random(7)
    for scale in (-30, 0, 40):
        values = np.array(
            [draw.choice([1, -1]) * draw.random() * 2.0 ** draw.randrange(scale, scale + 60) for _ in range(64)]
        )
        for take in range(1, 65):
            some = values[:take]
            found = Exact.carried([(p, np.array([digit.sum()])) for p, digit in terms_of(some)]).rounded()[0]
            assert found == math.fsum(some) == rounded(sum(map(Fraction, some.tolist()), Fraction()))


@pytest.mark.parametrize("least", [2.0**-30, -(2.0**-30), 0.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_digit_far_below_decides_between_two_equally_near_doubles(least: float, sign: int) -> None:
    values = np.array([sign * 2.0**100, sign * 2.0**47, least])
    found = Exact.carried([(p, np.array([digit.sum()])) for p, digit in terms_of(values)]).rounded()[0]
    assert found == math.fsum(values)


@pytest.mark.parametrize(
    ("kind", "function"),
    [(pa.string(), "sum"), (pa.string(), "min"), (pa.bool_(), "mean"), (pa.bool_(), "max"), (pa.date32(), "stddev")],
)
def test_a_type_without_the_function(kind: pa.DataType, function: str) -> None:
    spans = Events(np.zeros(0, np.int64), np.zeros(0, np.int64)).spans(
        np.zeros(0, np.int64), np.zeros(0, np.int64), [1]
    )
    with pytest.raises(TypeError, match="a column of the type"):
        AGGREGATES[function](Column(pa.array([], kind), spans))


def test_first_and_last_of_any_type_and_the_order_of_times() -> None:
    events = Events(np.zeros(3, np.int64), np.array([1, 2, 2], np.int64))
    spans = events.spans(np.zeros(2, np.int64), np.array([2, 0], np.int64), [5])
    texts = Column(pa.array(["a", None, "c"]), spans)
    assert [AGGREGATES[name](texts)[0].to_pylist() for name in ("first", "last", "count")] == [
        ["a", None],
        ["c", None],
        [2, 0],
    ]
    days = Column(pa.array([3, 1, 2], pa.int32()).cast(pa.date32()), spans)
    assert AGGREGATES["min"](days)[0].cast(pa.int32()).to_pylist() == [1, None]
    assert AGGREGATES["max"](days)[0].type == pa.date32()
