"""Where a query names `:since` and `:until`: not in texts, quoted names and comments, and not in a cast (`::`)."""

import re
from collections.abc import Iterator, Mapping

from psycopg.sql import SQL, Composable, Composed

SINCE, UNTIL = "since", "until"
# What is passed over whole, and what is looked for. A comment in a comment is counted by hand.
_PART = re.compile(
    r"""(?P<text>(?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
         | (?<![\w$])(?P<quote>\$(?:[^\W\d]\w*)?\$).*?(?P=quote) | --[^\n]* | ::)
      | (?P<comment>/\*)
      | :(?P<name>since|until)\b""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")


def filled(query: str, values: Mapping[str, Composable]) -> Composed:
    """The query with a part of SQL in the place of each parameter."""
    parts: list[Composable] = []
    done = 0
    for start, end, name in _named(query):
        parts += [SQL(query[done:start]), values[name]]
        done = end
    return Composed([*parts, SQL(query[done:])])


def names_in(query: str) -> set[str]:
    """Which of the parameters a query names."""
    return {name for _, _, name in _named(query)}


def _named(query: str) -> Iterator[tuple[int, int, str]]:
    place = 0
    while found := _PART.search(query, place):
        place = found.end()
        if found["name"]:
            yield found.start(), place, found["name"]
        elif found["comment"]:
            place = _comment_end(query, place)


def _comment_end(query: str, place: int) -> int:
    depth = 1
    while depth and (found := _COMMENT.search(query, place)):
        depth += 1 if found[0] == "/*" else -1
        place = found.end()
    return place if not depth else len(query)
