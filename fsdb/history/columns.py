"""Lists and comparisons of a feature set's columns, for the SQL texts of its objects."""

from dataclasses import dataclass
from functools import cached_property

from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.sql import joined


@dataclass(frozen=True)
class Columns:
    """The columns of a set: `live` names as in the live table, `kept` names as in history, in the same order."""

    registered: RegisteredSet

    @cached_property
    def key_names(self) -> list[str]:
        """Key columns, which are called the same on both sides."""
        return list(self.registered.keys)

    @cached_property
    def live_names(self) -> list[str]:
        """Features as the live table calls them."""
        return [feature.name for feature in self.registered.features]

    @cached_property
    def kept_names(self) -> list[str]:
        """Features as history calls them."""
        return [feature.history_column for feature in self.registered.features]

    @property
    def time(self) -> str | None:
        """The live table's column of event_time, None where the clock counts."""
        return self.registered.event_time_column

    def keys(self, alias: str | None = None) -> Composed:
        """Key columns."""
        return listed(self.key_names, alias)

    def kept(self, alias: str | None = None) -> Composed:
        """Keys and features as history calls them."""
        return listed(self.key_names + self.kept_names, alias)

    @property
    def every_name(self) -> list[str]:
        """Keys, features and dropped features as history calls them."""
        dropped = [feature.history_column for feature in self.registered.dropped_features]
        return self.key_names + self.kept_names + dropped

    def every(self, alias: str | None = None) -> Composed:
        """Keys, features and dropped features as history calls them."""
        return listed(self.every_name, alias)

    def live(self, alias: str | None = None) -> Composed:
        """Keys and features as the live table calls them."""
        return listed(self.key_names + self.live_names, alias)

    def at(self, alias: str) -> Identifier:
        """The live table's event_time. Only for sets that have one."""
        assert self.time is not None
        return Identifier(alias, self.time)

    def image(self, alias: str, *, time: bool = True) -> Composed:
        """A row of the features, and of event_time where the live table has one, to compare byte for byte."""
        names = [self.time] if time and self.time is not None else []
        return SQL("ROW({})").format(listed([*names, *self.live_names], alias))

    def state(self, alias: str, *, live: bool = False) -> Composed:
        """A row of the features in history's types, to compare a version of history with a row of the live table byte for byte."""
        if not live:
            return SQL("ROW({})").format(listed(self.kept_names, alias))
        return SQL("ROW({})").format(
            joined(
                [
                    SQL("{}::{}").format(Identifier(alias, feature.name), SQL(feature.type))
                    for feature in self.registered.features
                ]
            )
        )

    def same_key(self, left: str, right: str) -> Composed:
        """The condition that two rows have the same key."""
        return joined(
            [SQL("{} = {}").format(Identifier(left, key), Identifier(right, key)) for key in self.key_names], " AND "
        )

    def same_key_anywhere(self, left: str, right: str) -> Composed:
        """The same for a statement that runs under its user's search path, where an operator may be somebody's."""
        same = SQL("{} OPERATOR(pg_catalog.=) {}")
        return joined([same.format(Identifier(left, key), Identifier(right, key)) for key in self.key_names], " AND ")

    def key_differs(self, left: str, right: str) -> Composed:
        """The condition that two rows have different keys."""
        unequal = [SQL("{} <> {}").format(Identifier(left, key), Identifier(right, key)) for key in self.key_names]
        return SQL("({})").format(joined(unequal, " OR "))


def listed(names: list[str], alias: str | None = None) -> Composed:
    """Column names with commas between them, each with the alias where one is given."""
    parts: list[Composable] = [Identifier(name) if alias is None else Identifier(alias, name) for name in names]
    return joined(parts)
