"""Changes of window sets, as frozen data."""

from dataclasses import dataclass
from typing import ClassVar

from fsdb.definitions import WindowSet
from fsdb.migrate.changes import Change, counted


@dataclass(frozen=True)
class CreateWindowSet(Change):
    """A new set of features that are computed from events."""

    definition: WindowSet

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return (
            f"Create window set {self.subject} of {counted(len(self.definition.computed), 'feature')} over the events of {self.definition.events}, "
            "and an index on their history."
        )

    def reverse(self) -> Change:
        return DropWindowSet(self.definition)


@dataclass(frozen=True)
class DropWindowSet(Change):
    """The window set goes; its events stay."""

    destructive: ClassVar[bool] = True
    definition: WindowSet

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return f"Drop window set {self.subject}; the events of {self.definition.events} stay."

    def reverse(self) -> Change:
        return CreateWindowSet(self.definition)


@dataclass(frozen=True)
class AlterWindowSet(Change):
    """Other features, or what describes the set. A feature that computes something else is a new one under the same name."""

    before: WindowSet
    after: WindowSet

    @property
    def subject(self) -> str:
        return self.after.name

    @property
    def dropped(self) -> tuple[str, ...]:
        """The features that the set no longer computes as it did."""
        return tuple(one.name for one in self.before.computed if one not in self.after.computed)

    @property
    def sentence(self) -> str:
        before, after = self.before.computed, self.after.computed
        parts = [
            f"{what} {', '.join(names)}"
            for what, names in {
                "drop": self.dropped,
                "add": tuple(one.name for one in after if one not in before),
            }.items()
            if names
        ]
        described = [
            field
            for field in ("description", "tags", "owner")
            if getattr(self.before, field) != getattr(self.after, field)
        ]
        parts += [f"change the {' and the '.join(described)}"] if described else []
        return f"Change window set {self.subject}: {'; '.join(parts)}."

    def reverse(self) -> Change:
        return AlterWindowSet(self.after, self.before)
