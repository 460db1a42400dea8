"""Circles of schedules that wait for each other, and orders without one."""

from collections.abc import Mapping, Sequence


def circle(waits: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...] | None:
    """A way from one name back to itself over what each waits for; None where there is none."""
    reached: dict[str, str | None] = {start: None}
    left = [start]
    while left:
        name = left.pop()
        for other in waits.get(name, ()):
            if other == start:
                way = [name]
                while (before := reached[way[-1]]) is not None:
                    way.append(before)
                return (*reversed(way), start)
            if other not in reached:
                reached[other] = name
                left.append(other)
    return None


def ordered(waits: Mapping[str, Sequence[str]]) -> list[str]:
    """The names, each after those that it waits for, else as given. In a circle one has to be first."""
    done: dict[str, None] = {}

    def visit(name: str, on_the_way: frozenset[str]) -> None:
        for other in waits[name]:
            if other in waits and other not in done and other not in on_the_way:
                visit(other, on_the_way | {name})
        done[name] = None

    for name in waits:
        if name not in done:
            visit(name, frozenset())
    return list(done)
