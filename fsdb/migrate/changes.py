"""Changes of what is registered, as frozen data: each says itself in one sentence and knows the change that undoes it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from fsdb.definitions import Feature, FeatureSet, TrainingView


@dataclass(frozen=True)
class Change:
    """One step of a plan or of a migration. `destructive`: something that was written is out of reach afterwards."""

    destructive: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """The feature set, feature or training view that changes."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """What the change does."""
        raise NotImplementedError

    def reverse(self) -> "Change":
        """The change that undoes this one."""
        raise NotImplementedError


@dataclass(frozen=True)
class SetAttributes:
    """What describes a feature set and may change at any time."""

    max_age: timedelta | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    retention: timedelta | None = None
    event_time: str | None = None
    ahead: timedelta | None = None
    happens: str | None = None

    @classmethod
    def of(cls, definition: FeatureSet) -> "SetAttributes":
        """The attributes of a definition."""
        max_age, retention, ahead = definition.max_age, definition.retention, definition.ahead
        assert not isinstance(max_age, str)
        assert not isinstance(retention, str)
        assert not isinstance(ahead, str)
        rule = definition.event_time if definition.tracks is None else None  # a tracked table keeps its column
        return cls(
            max_age,
            definition.description,
            tuple(definition.tags),
            definition.owner,
            retention,
            rule,
            ahead,
            definition.happens,
        )


@dataclass(frozen=True)
class CreateFeatureSet(Change):
    """A new set with live table, history table and triggers."""

    definition: FeatureSet

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return f"Create feature set {self.subject}: {_contents(self.definition)}."

    def reverse(self) -> Change:
        return DropFeatureSet(self.definition)


@dataclass(frozen=True)
class TrackTable(Change):
    """An existing table becomes the live table of a new set."""

    definition: FeatureSet

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        return f"Track table {self.definition.tracks} as feature set {self.subject}: {_contents(self.definition)}."

    def reverse(self) -> Change:
        return DropFeatureSet(self.definition)


@dataclass(frozen=True)
class DropFeatureSet(Change):
    """The set goes with its history; a tracked table stays as the application's."""

    destructive: ClassVar[bool] = True
    definition: FeatureSet

    @property
    def subject(self) -> str:
        return self.definition.name

    @property
    def sentence(self) -> str:
        if self.definition.tracks:
            return f"Stop tracking {self.definition.tracks} as feature set {self.subject}: its history is deleted, the table stays."
        return f"Drop feature set {self.subject} with its values and its history."

    def reverse(self) -> Change:
        return TrackTable(self.definition) if self.definition.tracks else CreateFeatureSet(self.definition)


@dataclass(frozen=True)
class RemakeLiveTable(Change):
    """A live table that somebody dropped comes back from history."""

    set_name: str

    @property
    def subject(self) -> str:
        return self.set_name

    @property
    def sentence(self) -> str:
        return f"Make the live table of {self.set_name}, which is missing, again from history; grant the rights on it again."

    def reverse(self) -> Change:
        return self


@dataclass(frozen=True)
class FollowTable(Change):
    """A tracked table that its application renamed, or columns of it: what is registered takes the new names, and history stays.

    columns: old and new names of features. event_time: the column before and after.
    """

    set_name: str
    before: str
    after: str
    event_time: tuple[str | None, str | None] = (None, None)
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def subject(self) -> str:
        return self.set_name

    @property
    def sentence(self) -> str:
        renamed = [f"table {self.before} as {self.after}"] if self.before != self.after else []
        pairs = [*([self.event_time] if self.event_time[0] != self.event_time[1] else []), *self.columns]
        renamed += [f"column {old} as {new}" for old, new in pairs]
        return f"Follow in feature set {self.set_name} what was renamed: {', '.join(renamed)}; its history stays."

    def reverse(self) -> Change:
        back = tuple((new, old) for old, new in self.columns)
        return FollowTable(self.set_name, self.after, self.before, self.event_time[::-1], back)


@dataclass(frozen=True)
class _OfFeature(Change):
    """A change of one feature of a set."""

    set_name: str
    feature: Feature

    @property
    def subject(self) -> str:
        return f"{self.set_name}.{self.feature.name}"


@dataclass(frozen=True)
class AddFeature(_OfFeature):
    """A new feature; NULL in the versions that are there already."""

    @property
    def sentence(self) -> str:
        return f"Add feature {self.feature.name} ({self.feature.sql_type}) to {self.set_name}."

    def reverse(self) -> Change:
        return DropFeature(self.set_name, self.feature)


@dataclass(frozen=True)
class DropFeature(_OfFeature):
    """The feature leaves the set; its past stays in history for the training sets that used it."""

    destructive: ClassVar[bool] = True

    @property
    def sentence(self) -> str:
        return (
            f"Drop feature {self.feature.name} ({self.feature.sql_type}) of {self.set_name}; its past stays in history."
        )

    def reverse(self) -> Change:
        return RestoreFeature(self.set_name, self.feature)


@dataclass(frozen=True)
class RestoreFeature(_OfFeature):
    """The feature dropped last under this name comes back with its history and its newest values; added where none was dropped."""

    @property
    def sentence(self) -> str:
        return f"Restore feature {self.feature.name} ({self.feature.sql_type}) of {self.set_name} with its history."

    def reverse(self) -> Change:
        return DropFeature(self.set_name, self.feature)


@dataclass(frozen=True)
class _OfType(Change):
    """A change of a feature's type in place."""

    set_name: str
    feature_name: str
    old_type: str
    new_type: str

    @property
    def subject(self) -> str:
        return f"{self.set_name}.{self.feature_name}"


@dataclass(frozen=True)
class WidenFeature(_OfType):
    """Every value of the old type is the same value in the new one."""

    @property
    def sentence(self) -> str:
        return f"Widen {self.subject} from {self.old_type} to {self.new_type}."

    def reverse(self) -> Change:
        return NarrowFeature(self.set_name, self.feature_name, self.new_type, self.old_type)


@dataclass(frozen=True)
class NarrowFeature(_OfType):
    """Undoes a widening; refused as soon as one value, past ones included, needs the wider type."""

    @property
    def sentence(self) -> str:
        return f"Narrow {self.subject} from {self.old_type} to {self.new_type}, if every value fits."

    def reverse(self) -> Change:
        return WidenFeature(self.set_name, self.feature_name, self.new_type, self.old_type)


@dataclass(frozen=True)
class AlterFeature(Change):
    """Description, tags, owner or default of a feature; name and type are the same before and after."""

    set_name: str
    before: Feature
    after: Feature

    @property
    def subject(self) -> str:
        return f"{self.set_name}.{self.after.name}"

    @property
    def sentence(self) -> str:
        return f"Change of {self.subject} the {differences(self.before, self.after)}."

    def reverse(self) -> Change:
        return AlterFeature(self.set_name, self.after, self.before)


@dataclass(frozen=True)
class AlterFeatureSet(Change):
    """max_age, retention, ahead, event_time's rule, description, tags or owner of a set."""

    set_name: str
    before: SetAttributes
    after: SetAttributes

    @property
    def subject(self) -> str:
        return self.set_name

    @property
    def sentence(self) -> str:
        return f"Change of {self.set_name} the {differences(self.before, self.after)}."

    def reverse(self) -> Change:
        return AlterFeatureSet(self.set_name, self.after, self.before)


@dataclass(frozen=True)
class CreateTrainingView(Change):
    """A new training view, with its view and vector function in the database."""

    view: TrainingView

    @property
    def subject(self) -> str:
        return self.view.name

    @property
    def sentence(self) -> str:
        return f"Create training view {self.subject} of {counted(len(self.view.features), 'feature')}."

    def reverse(self) -> Change:
        return DropTrainingView(self.view)


@dataclass(frozen=True)
class DropTrainingView(Change):
    """The view's definition goes; training sets saved from it stay."""

    destructive: ClassVar[bool] = True
    view: TrainingView

    @property
    def subject(self) -> str:
        return self.view.name

    @property
    def sentence(self) -> str:
        return f"Drop training view {self.subject}; training sets saved from it stay."

    def reverse(self) -> Change:
        return CreateTrainingView(self.view)


@dataclass(frozen=True)
class AlterTrainingView(Change):
    """Another definition under the same name."""

    before: TrainingView
    after: TrainingView

    @property
    def subject(self) -> str:
        return self.after.name

    @property
    def sentence(self) -> str:
        return f"Change of training view {self.subject} the {differences(self.before, self.after)}."

    def reverse(self) -> Change:
        return AlterTrainingView(self.after, self.before)


def _contents(definition: FeatureSet) -> str:
    keys = ", ".join(f"{name} ({kind})" for name, kind in definition.sql_keys.items())
    return f"{'key' if len(definition.keys) == 1 else 'keys'} {keys}; {counted(len(definition.features), 'feature')}"


def counted(number: int, noun: str) -> str:
    """A number of things: '1 feature', '3 features'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def differences(before: object, after: object) -> str:
    """The fields in which two values of one dataclass differ: 'max_age from 6:00:00 to 12:00:00 and the owner …'."""
    changed = []
    for field, old in vars(before).items():
        new = getattr(after, field)
        if old != new:
            changed.append(f"{field} from {_shown(old)} to {_shown(new)}")
    return " and the ".join(changed)


def _shown(value: object) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    return str(value) if isinstance(value, timedelta) else repr(value)
