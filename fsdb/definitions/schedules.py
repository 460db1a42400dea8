"""Schedules and batch sets as users declare them: what runs, at which times of which zone, and what it waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fsdb.arguments import checked_definition
from fsdb.definitions.cron import checked_cron, zone_named
from fsdb.definitions.feature_sets import Feature, FeatureSet, checked_name, checked_schema, fixed_duration, tags_of
from fsdb.errors import InvalidDefinition
from fsdb.types import TypeLike

BATCH = "batch"
SYNC, RETAIN = "sync", "retain"
JOBS = (BATCH, SYNC, RETAIN)  # `settle` joins them with window sets
MOST_RETRIES = 100


@checked_definition
@dataclass(frozen=True)
class Schedule:
    """A job and the times at which `fsdb worker` runs it.

    Args:
        name: The schedule's name. Of a batch job it is the name of the feature set that it fills.
        job: "sync", "retain" or "batch".
        cron: The times, as cron writes them: minute, hour, day of month, month, day of week.
        timezone: The zone that the times are in, such as "Europe/Berlin".
        sets: The feature sets to sync or retain. Without any, all.
        query: Of a batch job: the query of its rows, with `:since` and `:until` for the moments between which it reads.
        lookback: Of a batch job: how far before the last slot's end `:since` lies, such as "2 hours". Rows that came late are so read again.
        retries: How many times a run that failed is tried again, ever later, before it waits for the schedule's next time.
        catch_up: Whether each slot that was missed is run. Else only the last one is.
        after: Schedules that a slot waits for, besides those of the batch sets that its query reads.
        description: What it is for.
        tags: Words to find it by.
        owner: Who is responsible.
    """

    name: str
    job: str
    cron: str
    timezone: str = "UTC"
    sets: str | Sequence[str] = ()
    query: str | None = None
    lookback: timedelta | str | None = None
    retries: int = 3
    catch_up: bool = True
    after: str | Sequence[str] = ()
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.removeprefix("public."))
        for part in self.name.split(".", maxsplit=1):
            checked_name(part, "schedule")
        checked_schema(self.name.rpartition(".")[0], "schedule")
        if self.job not in JOBS:
            raise InvalidDefinition(
                f"Schedule {self.name} has the job {self.job!r}: there are {', '.join(JOBS[:-1])} and {JOBS[-1]}."
            )
        if (self.query is None) == (self.job == BATCH):
            needs = "needs a query" if self.job == BATCH else "takes no query: that is a batch set's"
            raise InvalidDefinition(f"Schedule {self.name} of the job {self.job!r} {needs}.")
        if self.query is not None and not self.query.strip():
            raise InvalidDefinition(f"The query of schedule {self.name} is empty: write a SELECT.")
        object.__setattr__(self, "cron", checked_cron(self.cron, self.name))
        zone_named(self.timezone, self.name)
        object.__setattr__(self, "sets", tuple(one.removeprefix("public.") for one in tags_of(self.sets)))
        if self.job == BATCH and self.sets:
            raise InvalidDefinition(f"Schedule {self.name} fills the feature set of its own name: leave out sets=.")
        object.__setattr__(self, "lookback", fixed_duration(self.lookback, self.name, "lookback"))
        if self.lookback is not None and self.job != BATCH:
            raise InvalidDefinition(f"Schedule {self.name} of the job {self.job!r} takes no lookback.")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise InvalidDefinition(
                f"retries={self.retries} of schedule {self.name} is not between 0 and {MOST_RETRIES}."
            )
        after = sorted({one.removeprefix("public.") for one in tags_of(self.after)})
        object.__setattr__(self, "after", tuple(after))
        if self.name in after:
            raise InvalidDefinition(f"Schedule {self.name} cannot come after itself: leave it out of after=.")
        object.__setattr__(self, "tags", tags_of(self.tags))


@checked_definition
@dataclass(frozen=True)
class BatchSet:
    """A feature set that a query fills at scheduled times: a `FeatureSet` and a `Schedule` in one definition.

    Each run is one transaction, for one slot: the time since the schedule's last moment, up to this one. The query reads what lies
    between `:since` and `:until`, and gives the keys, the features and, if it likes, `event_time`; without that, values hold from the
    slot's end.

    Args:
        name: "set" (in schema public) or "schema.set".
        keys: The key columns with their types, in order.
        features: The features, in order.
        query: One SELECT with `:since` and `:until`. It runs with the rights of the role that owns the set's table.
        schedule: The times, as cron writes them: minute, hour, day of month, month, day of week.
        timezone: The zone that the times are in, such as "Europe/Berlin".
        lookback: How far before the last slot's end `:since` lies, such as "2 hours". Rows that came late are so read again.
        retries: How many times a run that failed is tried again, ever later, before it waits for the schedule's next time.
        catch_up: Whether each slot that was missed is run. Else only the last one is.
        after: Schedules that a slot waits for, besides those of the batch sets that the query reads.
        max_age: How old a value may be when it is read as of a time, as of a `FeatureSet`.
        description: What the set describes.
        tags: Words to find it by.
        owner: Who is responsible.
        retention: After what time superseded versions may leave PostgreSQL, as of a `FeatureSet`.
        ahead: How far an event_time may lie ahead of the clock, as of a `FeatureSet`.
    """

    name: str
    keys: Mapping[str, TypeLike]
    features: Sequence[Feature]
    query: str
    schedule: str
    timezone: str = "UTC"
    lookback: timedelta | str | None = None
    retries: int = 3
    catch_up: bool = True
    after: str | Sequence[str] = ()
    max_age: timedelta | str | None = None
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""
    retention: timedelta | str | None = None
    ahead: timedelta | str | None = None

    def __post_init__(self) -> None:
        feature_set, schedule = self.parts()
        object.__setattr__(self, "name", feature_set.name)
        for one in ("keys", "features", "max_age", "tags", "retention", "ahead"):
            object.__setattr__(self, one, getattr(feature_set, one))
        for mine, its in (("schedule", "cron"), ("lookback", "lookback"), ("after", "after")):
            object.__setattr__(self, mine, getattr(schedule, its))

    def parts(self) -> tuple[FeatureSet, Schedule]:
        """The feature set, and the schedule that fills it."""
        return (
            FeatureSet(
                self.name,
                keys=self.keys,
                features=self.features,
                max_age=self.max_age,
                description=self.description,
                tags=self.tags,
                owner=self.owner,
                retention=self.retention,
                ahead=self.ahead,
            ),
            Schedule(
                self.name,
                BATCH,
                self.schedule,
                timezone=self.timezone,
                query=self.query,
                lookback=self.lookback,
                retries=self.retries,
                catch_up=self.catch_up,
                after=self.after,
            ),
        )

    @property
    def references(self) -> tuple[str, ...]:
        """The features' full names, "set.feature", as training sets and vectors take them."""
        return self.parts()[0].references
