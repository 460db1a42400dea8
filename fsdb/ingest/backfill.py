"""Past values of added features, from the same kinds of data as ingest takes."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import tzinfo
from functools import partial
from typing import Any

from psycopg import Connection

from fsdb import history
from fsdb.access import foreign_code
from fsdb.access.rows import require_all
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData
from fsdb.exchange.timezones import zone_of
from fsdb.ingest.ingest import refusing
from fsdb.ingest.matching import match, wanted_types
from fsdb.ingest.source import Progress, opened
from fsdb.ingest.staging import Staging

logger = logging.getLogger(__name__)


def backfill(
    connection: Connection[Any],
    registered: RegisteredSet,
    data: Any,
    features: Sequence[str] | None = None,
    event_time: str | None = None,
    timezone: str | tzinfo | None = None,
    progress: Progress | None = None,
) -> int:
    """Gives features their values at past times; returns how many versions that wrote. All or none.

    data: as for `ingest`, with the keys, the event time, and the features to fill; `features` names these where the data has more.
    What a row states holds from its moment to the next one's, as fsdb.history.backfill tells. Raises InvalidData, UnknownName.
    """
    zone = zone_of(timezone)
    with refusing(registered), connection.transaction(), ExitStack() as staged:
        registered = history.hold(connection, registered)
        doing = f"A backfill of {registered.name}"
        require_all(connection, [registered.name], doing)
        foreign_code.refuse(connection, registered.live_schema, registered.live_table, doing)
        if registered.event_time_rule is not None:
            raise InvalidData(
                f"Feature set {registered.name} is declared with event_time={registered.event_time_rule!r}, so that the clock alone counts: its past cannot be filled. Leave event_time= out of the definition, apply it, and fill the past then."
            )
        types = partial(wanted_types, registered, event_time=event_time)
        columns, rows = staged.enter_context(opened(connection, data, types, registered.name, zone, progress))
        matching = match(registered, columns, event_time, zone)
        if matching.event_time is None:
            raise InvalidData("A backfill needs to know when each value was true: name the column with event_time=.")
        given = [column.name for column in matching.features]
        chosen = given if features is None else [registered.feature(name).name for name in features]
        lacking = [name for name in chosen if name not in given]
        if lacking:
            raise InvalidData(
                f"The data has no column for {', '.join(map(repr, lacking))}, to be filled: it has {', '.join(map(repr, given))}."
            )
        staging = Staging(connection, registered, matching)
        staging.fill(rows)
        written = history.backfill(connection, registered, chosen, staging.points())
        staging.drop()
    logger.info("Backfilled %s: %s versions.", registered.name, written)
    return written
