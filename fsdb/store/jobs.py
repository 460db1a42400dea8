"""Schedules: run by hand, looked at, paused and resumed. `fsdb worker` runs them at their times."""

from datetime import datetime

from fsdb import clock, jobs
from fsdb.arguments import checked_calls
from fsdb.catalog.schedules import MOST_RUNS, Run, get_schedule, runs_table, schedules_table
from fsdb.errors import ChangeRefused, InvalidArgument, RunFailed
from fsdb.store.base import BaseStore
from fsdb.table import Table


@checked_calls(of="Store")
class JobStore(BaseStore):
    """What runs by itself."""

    def run(self, schedule: str, since: datetime | None = None, until: datetime | None = None) -> Table:
        """Runs a schedule now: the slots that are due, or the last one again where none is. Returns its runs.

        Each run is one transaction. It does not ask whether the schedule is paused or waits for another one.

        Args:
            schedule: The schedule's name. A batch set's is the set's.
            since: With `until`, of a batch set: runs the past slots that end after `since` and up to `until` instead, each with its own
                event time, as if it had run then. The schedule stays where it stands.
            until: See `since`.

        Raises:
            RunFailed: A run failed. It left no row; runs before it are done.
            ChangeRefused: The schedule runs right now, or there is no such slot.
        """
        place = jobs.Place(self._database.transaction, self.url, self._warehouse)
        if (since is None) != (until is None):
            raise InvalidArgument(
                "run() takes since= and until= together: the slots that end after the one and up to the other."
            )
        if since is None or until is None:
            with self._database.transaction() as connection:
                job = get_schedule(connection, schedule).definition.job
            if self._database.in_transaction and job != "batch":
                raise ChangeRefused(f"A {job} commits on its own: call it outside transaction().")
            done = list(jobs.run(place, schedule))
        else:
            for moment in (since, until):
                if moment.tzinfo is None:
                    raise InvalidArgument(
                        f"run() was given {moment}, which has no time zone: write one, such as tzinfo=UTC."
                    )
            done = list(jobs.run_past(place, schedule, since, until))
        failed = [one for one in done if one.error is not None]
        if failed:
            raise RunFailed(f"The run of {failed[0].schedule} up to {failed[0].until} failed: {failed[0].error}")
        return _runs(done)

    def schedules(self) -> Table:
        """All schedules: name, job, cron, timezone, state (waiting, due, failing or paused), the last run, the next one, what they come after."""
        with self._database.transaction() as connection:
            return schedules_table(connection, clock.now(connection))

    def runs(self, schedule: str | None = None, most: int = MOST_RUNS) -> Table:
        """Runs of one schedule or of all, the newest first: their slot, outcome, rows, attempt, when they began, how long they took, and the error."""
        with self._database.transaction() as connection:
            return runs_table(connection, schedule, most)

    def pause_schedule(self, schedule: str) -> None:
        """Keeps a schedule from running until `resume_schedule`. Schedules that come after it do not wait for it meanwhile."""
        with self._database.transaction() as connection:
            jobs.pause(connection, schedule)

    def resume_schedule(self, schedule: str) -> None:
        """Lets a paused schedule run again, from where it stands."""
        with self._database.transaction() as connection:
            jobs.resume(connection, schedule)


def _runs(done: list[Run]) -> Table:
    columns = ("schedule", "since", "until", "outcome", "rows", "changed", "started_at", "duration")
    rows = [[getattr(one, name) if name != "duration" else str(one.duration) for name in columns] for one in done]
    return Table.of(columns, rows, "Runs")
