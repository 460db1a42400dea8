"""Random feature sets, versions and spines for property tests: few keys and moments, so that ties, misses and edges are common."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import Version
from tests.training.oracle import History

HOUR = timedelta(hours=1)
BASE = datetime(1969, 12, 31, 20, tzinfo=UTC)
MOMENTS = st.integers(0, 12).map(lambda n: BASE + n * HOUR)
FAR = st.sampled_from(
    [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC), datetime(1582, 10, 10, tzinfo=UTC)]
)
TIMES = st.one_of(
    MOMENTS,
    MOMENTS,
    MOMENTS,
    st.tuples(MOMENTS, st.sampled_from([-1, 1])).map(lambda m: m[0] + timedelta(microseconds=m[1])),
    FAR,
)
INTEGERS = st.sampled_from([1, 11, 111])
TEXTS = st.sampled_from(["1", "11", "", "a,b", 'a"b'])
# Key columns with their types; sets share them by name, as in spines.
KEYS = {"a": ("integer", INTEGERS), "b": ("bigint", INTEGERS), "c": ("text", TEXTS)}
AGES = st.sampled_from([None, None, HOUR, 3 * HOUR, timedelta(days=5000)])


@dataclass(frozen=True)
class RandomSet:
    """A feature set of two features with its versions, as they will be written in the order of version_id."""

    name: str
    keys: tuple[str, ...]
    max_age: timedelta | None
    default: int | None
    versions: tuple[Version, ...]

    @property
    def history(self) -> History:
        """What the oracle reads; both features' names are shared by all sets, so that they come out as set__feature."""
        outputs = {"x": f"{self.name}__x", "y": f"{self.name}__y"}
        return History(self.keys, outputs, self.versions, self.max_age, {"y": self.default})


@st.composite
def random_set(draw: st.DrawFn, name: str, times: st.SearchStrategy[datetime] = TIMES) -> RandomSet:
    """A set with keys, ages, ties, tombstones and values recorded late or early."""
    keys = tuple(draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3, unique=True)))
    count = draw(st.integers(0, 25))
    versions = []
    for version_id in range(1, count + 1):
        key = tuple(draw(KEYS[column][1]) for column in keys)
        deleted = draw(st.integers(0, 4)) == 0
        values: dict[str, Any] = {"x": None, "y": None}
        if not deleted:
            values = {"x": version_id * 0.1, "y": draw(st.one_of(st.none(), st.integers(-3, 3)))}
        versions.append(Version(version_id, key, values, draw(times), draw(MOMENTS), deleted))
    return RandomSet(name, keys, draw(AGES), draw(st.one_of(st.none(), st.just(7))), tuple(versions))


def random_sets(times: st.SearchStrategy[datetime] = TIMES) -> st.SearchStrategy[list[RandomSet]]:
    """Two to five sets: their features share names, so that each comes out as set__feature."""
    return (
        st.sampled_from([2, 2, 3, 5])
        .flatmap(lambda n: st.tuples(*(random_set(f"set_{i}", times) for i in range(n))))
        .map(list)
    )


def spines() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Spine rows with duplicates, NULL keys and keys that no set has."""
    row = st.fixed_dictionaries(
        {column: st.one_of(st.none(), values, values, values) for column, (_, values) in KEYS.items()} | {"at": TIMES}
    )
    return st.lists(row, max_size=20).flatmap(
        lambda rows: st.permutations([*rows, *rows[:5]]).map(lambda mixed: [dict(r, n=n) for n, r in enumerate(mixed)])
    )
