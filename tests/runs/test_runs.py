"""Sorted runs alone, against brute force: random runs of every kind of key, in order and not, and what is at the ends of numbers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fsdb.runs import NOTHING, Asked, Run, Winners, match

LEAST, MOST = -(2**63), 2**63 - 1
INSTANT = pa.timestamp("us", "UTC")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Made:
    """A version."""

    key: Key
    event: int
    recorded: int
    version: int
    place: int


@dataclass(frozen=True)
class Kind:
    """Key columns: their Arrow types and values that they may have."""

    types: Sequence[pa.DataType]
    values: Sequence[Sequence[Any]]


TEXTS = ["", "a", "b", "aa", "abcdefg", "abcdefgh", "abcdefghi", "é🎈", "x" * 300, "x" * 299 + "y", "\x00", "a\x00"]
KINDS = {
    "integers": Kind([pa.int64()], [[LEAST, LEAST + 1, -1, 0, 1, 7, MOST - 1, MOST]]),
    "small integers": Kind([pa.int32()], [[-(2**31), -1, 0, 3, 2**31 - 1]]),
    "booleans": Kind([pa.bool_()], [[False, True]]),
    "dates": Kind([pa.date32()], [[-(2**31), -1, 0, 15_000, 2**31 - 1]]),
    "times": Kind([INSTANT], [[LEAST, LEAST + 1, -1, 0, 1_372_680_000_000_000, MOST]]),
    "texts": Kind([pa.string()], [TEXTS]),
    "texts and texts": Kind([pa.string(), pa.string()], [["", "a", "ab", "b"], ["", "a", "ba", "b"]]),
    "integers and texts": Kind([pa.int64(), pa.string()], [[LEAST, 0, MOST], TEXTS[:6]]),
    "everything": Kind([pa.int32(), pa.date32(), pa.string(), pa.bool_()], [[1, 11], [0, 1], ["1", "11"], [True, False]]),
    "one key": Kind([pa.int64()], [[5]]),
}  # fmt: skip
TIMES = {
    "ordinary": list(range(0, 40, 2)),
    "ties": [10, 10, 20],
    "the ends": [LEAST, LEAST + 1, -1, 0, 1, MOST - 1, MOST],
}


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column; dates and times are given as their numbers."""
    if kind in (pa.date32(), INSTANT):
        return pa.array(values, pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    return pa.array(values, kind)


def keys(of: Sequence[Key], kind: Kind) -> list[pa.Array]:
    return [column([key[n] for key in of], one) for n, one in enumerate(kind.types)]


def numbers(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int64)


def run_of(versions: Sequence[Made], kind: Kind, known: str, lazy: bool = False) -> Run:
    since = None if known == "now" else numbers([max(v.event, v.recorded) for v in versions])
    return Run(
        keys([v.key for v in versions], kind),
        numbers([v.event for v in versions]),
        (lambda: numbers([v.version for v in versions])) if lazy else numbers([v.version for v in versions]),
        numbers([v.place for v in versions]),
        since,
    )


def brute(spine: Sequence[tuple[Key, int]], versions: Sequence[Made], known: str) -> dict[int, int]:
    """By position the place of the version that holds, found in a loop."""
    found = {}
    for position, (key, moment) in enumerate(spine):
        counting = [
            v for v in versions if v.key == key and v.event <= moment and (known == "now" or v.recorded <= moment)
        ]
        if counting:
            found[position] = max(counting, key=lambda v: (v.event, v.version)).place
    return found


def made(rng: random.Random, kind: Kind, times: Sequence[int], count: int) -> list[Made]:
    ids = rng.sample(range(1, 10 * count + 1), count)
    return [
        Made(
            tuple(rng.choice(values) for values in kind.values),
            rng.choice(times),
            rng.choice(times),
            version,
            rng.choice([place, -place]),
        )
        for place, version in enumerate(ids, 1)
    ]


def ordered(versions: Sequence[Made]) -> list[Made]:
    return sorted(versions, key=lambda v: (v.key, v.event, v.version))


def dealt(rng: random.Random, versions: Sequence[Made], runs: int) -> list[list[Made]]:
    """The versions in so many runs, some in order, some not, some of them empty."""
    parts: list[list[Made]] = [[] for _ in range(runs)]
    for version in versions:
        rng.choice(parts).append(version)
    return [ordered(part) if rng.random() < 0.7 else part for part in parts]


def check(spine: Sequence[tuple[Key, int]], parts: Sequence[Sequence[Made]], kind: Kind, known: str) -> None:
    asked = Asked(keys([key for key, _ in spine], kind), numbers([moment for _, moment in spine]))
    positions, places = match(asked, (run_of(part, kind, known) for part in parts))
    assert (np.diff(places) >= 0).all()
    wanted = brute(spine, [version for part in parts for version in part], known)
    assert dict(zip(positions.tolist(), places.tolist(), strict=True)) == wanted
    # Again with version ids that are read where times tie.
    ids = {v.place: v.version for part in parts for v in part}
    winners = Winners(asked, lambda some: numbers([ids[place] for place in some.tolist()]))
    for number, part in enumerate(parts):
        winners.take(winners.holding(run_of(part, kind, known, lazy=number % 3 != 1)))
    positions, places = winners.found()
    assert dict(zip(positions.tolist(), places.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("known", ["now", "then"])
def test_runs_give_what_brute_force_finds(kind: Kind, times: Sequence[int], known: str) -> None:
    rng = random.Random(repr((kind.types, times, known)))
    for runs, count, rows in ((1, 100, 40), (3, 60, 30), (40, 100, 30), (2, 0, 5), (2, 20, 0)):
        versions = made(rng, kind, times, count)
        spine = [(tuple(rng.choice([*values, None]) for values in kind.values), rng.choice(times)) for _ in range(rows)]
        check(spine, dealt(rng, versions, runs), kind, known)


def test_one_hot_key_among_others() -> None:
    rng = random.Random(1)
    kind = KINDS["integers"]
    versions = [Made((7,), rng.randrange(900), rng.randrange(900), n, n) for n in range(1, 700)]
    versions += [Made((n,), rng.randrange(900), 0, 1000 + n, 1000 + n) for n in range(40)]
    spine = [((rng.choice([7, 7, 7, 3, 99]),), rng.randrange(900)) for _ in range(400)]
    for known, runs in product(("now", "then"), (1, 5)):
        check(spine, dealt(rng, versions, runs), kind, known)


def test_the_same_version_in_two_runs_holds_once() -> None:
    kind = KINDS["texts"]
    rng = random.Random(2)
    versions = ordered(made(rng, kind, TIMES["ties"], 60))
    spine = [((rng.choice(TEXTS),), rng.choice([5, 10, 30])) for _ in range(50)]
    check(spine, [versions, versions[10:40], versions], kind, "now")


def test_a_spine_whose_keys_no_run_has() -> None:
    kind = KINDS["integers"]
    spine = [((2,), 0), ((None,), 5)]
    check(spine, [[Made((1,), 0, 0, 1, 1)], []], kind, "now")
    asked = Asked(keys([(None,), (None,)], kind), numbers([1, 2]))
    assert (len(asked), asked.keys) == (0, 0)
    assert Winners(asked).holding(run_of([Made((1,), 0, 0, 1, 1)], kind, "now")) is None
    assert Winners(asked).found()[0].tolist() == []
    assert NOTHING == LEAST


def test_keys_whose_codes_agree_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that gives few codes: files' keys are compared as well, and the spine's are given another seed until they differ."""
    from fsdb.runs import codes

    whole: Callable[..., Any] = codes.Coding.of
    attempts = []

    def poor(self: codes.Coding, given: Sequence[pa.Array]) -> Any:
        if not attempts or attempts[-1] is not self:
            attempts.append(self)
        return np.zeros(len(given[0]), np.uint64) if len(attempts) < 3 else whole(self, given) % np.uint64(1 << 40)

    monkeypatch.setattr(codes.Coding, "of", poor)
    kind = KINDS["texts"]
    versions = [Made((text,), 0, 0, n, n) for n, text in enumerate(TEXTS, 1)]
    check([((text,), 1) for text in TEXTS[:5]], [ordered(versions)], kind, "now")
    assert len(attempts) == 3
    monkeypatch.setattr(codes.Coding, "of", lambda _, given: np.zeros(len(given[0]), np.uint64))
    check([(("a",), 1)] * 3, [ordered(versions)], kind, "now")


@pytest.mark.parametrize("kind", ["integers", "texts", "dates"])
def test_bounds_within_which_a_key_may_lie(kind: str) -> None:
    values = sorted(v for v in KINDS[kind].values[0] if kind != "texts" or "\x00" not in v)
    held = values[1::2]
    asked = Asked(keys([(v,) for v in held] * 2, KINDS[kind]), numbers([0] * 2 * len(held)))
    pairs = [(low, high) for low in values for high in values if low <= high]
    stored: Callable[[Any], Any] = str.encode if kind == "texts" else int
    found = asked.between([stored(low) for low, _ in pairs], [stored(high) for _, high in pairs])
    assert found.tolist() == [any(low <= v <= high for v in held) for low, high in pairs]
