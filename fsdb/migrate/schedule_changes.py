"""Changes of schedules, as frozen data."""

from dataclasses import dataclass
from typing import ClassVar

from fsdb.definitions import Schedule
from fsdb.migrate.changes import Change, differences


@dataclass(frozen=True)
class CreateSchedule(Change):
    """A job and its times. A batch job fills a set that is there."""

    schedule: Schedule

    @property
    def subject(self) -> str:
        return self.schedule.name

    @property
    def sentence(self) -> str:
        what = f"Fill feature set {self.subject} by a query" if self.schedule.query else f"Schedule {self.subject}"
        job = "" if self.schedule.query else f" ({self.schedule.job})"
        return f"{what}{job} at {self.schedule.cron!r}, {self.schedule.timezone}."

    def reverse(self) -> Change:
        return DropSchedule(self.schedule)


@dataclass(frozen=True)
class DropSchedule(Change):
    """The job runs no more; what it has filled stays, and the record of its runs."""

    destructive: ClassVar[bool] = True
    schedule: Schedule

    @property
    def subject(self) -> str:
        return self.schedule.name

    @property
    def sentence(self) -> str:
        rest = (
            f"feature set {self.subject} stays as it is then" if self.schedule.query else "the record of its runs stays"
        )
        return f"Drop schedule {self.subject}; {rest}."

    def reverse(self) -> Change:
        return CreateSchedule(self.schedule)


@dataclass(frozen=True)
class AlterSchedule(Change):
    """Another definition under the same name: the schedule goes on where it stands."""

    before: Schedule
    after: Schedule

    @property
    def subject(self) -> str:
        return self.after.name

    @property
    def sentence(self) -> str:
        return f"Change of schedule {self.subject} the {differences(self.before, self.after)}."

    def reverse(self) -> Change:
        return AlterSchedule(self.after, self.before)
