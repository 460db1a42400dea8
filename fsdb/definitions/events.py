"""Tables of events as users declare them: feature sets whose rows are things that happened."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from fsdb.arguments import checked
from fsdb.definitions.feature_sets import Feature, FeatureSet
from fsdb.errors import InvalidDefinition
from fsdb.types import TypeLike

TIME = "timestamp with time zone"
ID = "bigint"


class EventTable:
    """A table of events, which windows count: each has an id, a time at which it happened, and columns.

    `EventTable(...)` and `EventTable.track(...)` give a FeatureSet: its key is the id, and its history goes by the clock, since an event
    that arrives late or is corrected still happened when it did.
    """

    def __new__(  # type: ignore[misc]  # a way to write a feature set, not another kind of thing
        cls,
        name: str,
        *,
        id: str,
        event_time: str,
        columns: Mapping[str, TypeLike] | Sequence[Feature],
        description: str = "",
        tags: str | Sequence[str] = (),
        owner: str = "",
        retention: timedelta | str | None = None,
    ) -> FeatureSet:
        """An event table that fsdb makes.

        Args:
            name: "table" (in schema public) or "schema.table".
            id: The column that identifies an event: bigint, unless `columns` gives another type.
            event_time: The column with the time of each event, of type timestamptz. Events without one count nowhere.
            columns: The other columns with their types, or as Features.
            description: What the events are.
            tags: Words to find it by.
            owner: Who is responsible.
            retention: Versions that were superseded longer ago than this may leave PostgreSQL once they are in the columnar copy.
        """
        return _declared(
            name,
            id,
            event_time,
            columns,
            event_time_rule="clock",
            description=description,
            tags=tags,
            owner=owner,
            retention=retention,
        )

    @staticmethod
    def track(
        table: str,
        *,
        id: str,
        event_time: str,
        columns: Mapping[str, TypeLike] | Sequence[Feature],
        name: str | None = None,
        description: str = "",
        tags: str | Sequence[str] = (),
        owner: str = "",
        retention: timedelta | str | None = None,
    ) -> FeatureSet:
        """An existing table of events. `id` is its primary key, or a unique column that is not NULL; columns: those that windows may use.

        name: of the set; the table's where left out. The other arguments are those of `EventTable`.
        """
        return _declared(
            name or table,
            id,
            event_time,
            columns,
            tracks=table,
            description=description,
            tags=tags,
            owner=owner,
            retention=retention,
        )


def _declared(
    name: str,
    id: str,
    event_time: str,
    columns: Mapping[str, TypeLike] | Sequence[Feature],
    *,
    event_time_rule: str | None = None,
    tracks: str | None = None,
    description: str,
    tags: str | Sequence[str],
    owner: str,
    retention: timedelta | str | None,
) -> FeatureSet:
    given = (
        [Feature(column, kind) for column, kind in columns.items()] if isinstance(columns, Mapping) else list(columns)
    )
    kinds = {feature.name: feature.sql_type for feature in given}
    if id == event_time:
        raise InvalidDefinition(
            f"Column {id!r} of event table {name} cannot be both its id and its time: name two columns."
        )
    features = [feature for feature in given if feature.name != id]
    if event_time not in kinds:
        features.insert(0, Feature(event_time, TIME))
    return FeatureSet(
        name,
        keys={id: kinds.get(id, ID)},
        features=features,
        tracks=tracks,
        event_time=event_time_rule,
        happens=event_time,
        description=description,
        tags=tags,
        owner=owner,
        retention=retention,
    )


_new, _track = EventTable.__new__, EventTable.track
EventTable.__new__ = checked(_new, refused=InvalidDefinition)  # type: ignore[method-assign]
EventTable.track = staticmethod(checked(_track, refused=InvalidDefinition))  # type: ignore[method-assign]
