"""What history alone can no longer answer, once versions of a set have left it for the columnar copy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.asof import AsOf, Now, Spine
from fsdb.sql import query

FILE = "engines/reach"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def beyond_reach(connection: Connection[Any], description: AsOf) -> str | None:
    """Why PostgreSQL cannot give the exact answer, in one sentence; None where it can.

    Of a set with a reach the version that holds at each moment from the reach on is there, as known now. A version that
    left may have been the one that was known at a former time, or that a former snapshot saw.
    """
    as_now = isinstance(description.known, Now) and description.snapshot.fresh
    # Of events windows read those that are there now, whichever moment is asked for: these never leave.
    sets = [read.versions_of for read in description.reads if read.windows is None or not as_now]
    reaches = connection.execute(query(FILE, "reaches"), {"sets": sets}).fetchall()
    if not reaches:
        return None
    name, reach = reaches[0]
    left = f"Versions of {name} before {reach} have left PostgreSQL for its columnar copy"
    if not isinstance(description.known, Now):
        return f"{left}, and one of them may be what was known at the time."
    if not description.snapshot.fresh:
        return f"{left}, and the saved snapshot may have seen one of them."
    return (
        f"{left}, and the spine begins before that." if _begins_before(connection, description.spine, reach) else None
    )


def _begins_before(connection: Connection[Any], spine: Spine, moment: datetime) -> bool:
    if spine.rows is not None:
        first = pc.min(spine.rows.column(spine.timestamp).cast(pa.int64())).as_py()
        return first is not None and first < (moment - _EPOCH) // timedelta(microseconds=1)
    assert spine.relation is not None
    parts = {"relation": Identifier(*spine.relation), "timestamp": Identifier(spine.timestamp)}
    row = connection.execute(query(FILE, "begins_before", **parts), {"moment": moment}).fetchone()
    return row is not None and row[0] is True
