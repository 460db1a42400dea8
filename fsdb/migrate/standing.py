"""What stands against a plan in the tables as they have become: live tables that are gone, or that history cannot follow."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb import history
from fsdb.catalog.feature_sets import list_sets
from fsdb.history.live import Problem
from fsdb.migrate import changes
from fsdb.migrate.changes import Change
from fsdb.migrate.diff import Difference


def standing(connection: Connection[Any], difference: Difference, names: Sequence[str]) -> Difference:
    """The difference with what the named sets' tables need besides: made again where fsdb can do that, else a refusal with what to do.

    What a change of the plan puts right is no refusal.
    """
    remade: list[Change] = []
    refusals = list(difference.refusals)
    plain = history.plain(connection, names) if names else set()
    for registered in list_sets(connection, [name for name in names if name not in plain]).values():
        if history.can_remake(connection, registered):
            remade.append(changes.RemakeLiveTable(registered.name))
            continue
        of_set = [one for one in difference.changes if getattr(one, "set_name", None) == registered.name]
        for problem in history.live_status(connection, registered).problems:
            if not any(_puts_right(change, problem) for change in of_set):
                refusals.append(str(problem))
    return Difference((*remade, *difference.changes), tuple(refusals))


def _puts_right(change: Change, problem: Problem) -> bool:
    if isinstance(change, changes.FollowTable):
        names = {change.event_time[0], *(old for old, _ in change.columns)}
        return (problem.kind == "renamed" and change.before != change.after) or problem.column in names
    if isinstance(change, changes.DropFeature):
        return change.feature.name == problem.column
    return isinstance(change, changes.WidenFeature) and change.feature_name == problem.column
