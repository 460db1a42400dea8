"""Which version holds for each row of a spine: keys and times alone are read for that.

Versions are hashed with the spine's rows of the same key, and of each row's the latest wins. What that costs is the product of
both numbers for every key, so hot keys, those of many versions and many rows, are sorted instead: a running winner along the
time from which versions count, and an ASOF join with it.

Measured on 20 M versions of 1 M keys in 8 files and a spine of 1 M rows, 2 cores: reading the columns 0.3 s; this match 1.2 s
(the winner by a packed number 1.3 s, by a struct of both 1.8 s, by event_time without ties 1.2 s); an ASOF join of everything 4.4 s.
"""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.engines.duckdb.session import FILE, Session
from fsdb.engines.duckdb.values import numbered
from fsdb.sql import joined, query

FEW = 32  # of a key's rows or versions; the product with fewer than these costs no more than sorting


def match(session: Session, versions: Composable, count: int, keys: int) -> int:
    """Fills DuckDB's table `found` from its table `spine` and a query of about `count` versions; gives how many keys were hot."""
    names = numbered("key", keys)
    session.run("found")
    session.run("repeated", keys=joined(names), few=Literal(FEW))
    hot = 0
    if session.one("count", table=Identifier("repeated")):
        session.run(
            "hot",
            keys=joined(names),
            repeated_keys=joined(numbered("key", keys, "repeated")),
            versions=versions,
            same_key=same(("version", "repeated"), keys),
            few=Literal(FEW),
        )
        hot = session.one("count", table=Identifier("hot"))
    if hot:
        session.run("cool", same_key=same(("spine", "hot"), keys))
        session.run(
            "match_sorted",
            versions=versions,
            version_is_hot=same(("version", "hot"), keys),
            spine_is_hot=same(("spine", "hot"), keys),
        )
    rows = Identifier("cool" if hot else "spine")
    first = "versions_first" if session.one("count", table=rows) <= count else "spine_first"
    sides = query(FILE, first, versions=versions, spine=rows)
    session.run("match_hashed", sides=sides, same_key=same(("version", "spine"), keys))
    return hot


def same(aliases: tuple[str, str], keys: int) -> Composed:
    """The condition that two relations have the same key."""
    sides: Sequence[list[Identifier]] = [numbered("key", keys, alias) for alias in aliases]
    return joined([SQL("{} = {}").format(left, right) for left, right in zip(*sides, strict=True)], " AND ")
