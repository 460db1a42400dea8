"""One run of a batch job: the rows of a slot into their feature set, in the transaction that is open."""

from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import get_set
from fsdb.catalog.schedules import RegisteredSchedule
from fsdb.ingest import ingest
from fsdb.jobs.queries import rows
from fsdb.jobs.slots import Slot


def fill(connection: Connection[Any], schedule: RegisteredSchedule, slot: Slot) -> tuple[int, int]:
    """Takes the slot's rows into the set; how many there were, and how many of them were versions. Raises InvalidData, and as the query's check does."""
    registered = get_set(connection, schedule.name)
    text = schedule.definition.query
    assert text is not None
    with rows(connection, registered, text, schedule.search_path, schedule.definition.timezone, slot) as given:
        done = ingest(connection, registered, given, one_each=True)
    changed = done.inserted + done.updated + done.late
    return changed + done.unchanged, changed
