"""The description of a point-in-time join: frozen data that each engine compiles in its own way."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fsdb.asof.windows import WindowRead, window_read
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet

if TYPE_CHECKING:
    import pyarrow as pa  # a snapshot is described without it, as each command does first

    from fsdb.expressions.tree import Node


@dataclass(frozen=True)
class Column:
    """A column by name and PostgreSQL's name of its type, as `format_type` spells it."""

    name: str
    type: str


@dataclass(frozen=True)
class KeyBinding:
    """A key column of a history table, its type, and the spine's column that it is compared with."""

    column: str
    type: str
    spine_column: str


@dataclass(frozen=True)
class FeatureRead:
    """A feature to be read: its column in history, and the name, type and default under which it comes out.

    `default` is a text that casts to `type`; it stands for NULL.
    """

    feature_id: int
    column: str
    output: str
    type: str
    default: str | None


@dataclass(frozen=True)
class SetRead:
    """What is read of one feature set: the features of one version per spine row.

    Values whose version is older than `max_age` at the moment asked for are NULL. windows: where the features are computed from events:
    `history_table` is that of the events then, and `versions_of` their set; otherwise it is the feature set itself.
    """

    feature_set: str
    history_table: str
    keys: tuple[KeyBinding, ...]
    features: tuple[FeatureRead, ...]
    max_age: timedelta | None
    windows: WindowRead | None = None
    events: str | None = None

    @property
    def versions_of(self) -> str:
        """The set whose versions are read."""
        return self.events or self.feature_set


@dataclass(frozen=True)
class Now:
    """Every version counts, whenever the database learned it."""


@dataclass(frozen=True)
class Then:
    """Only versions recorded by the spine row's own timestamp count."""


@dataclass(frozen=True)
class At:
    """Only versions recorded by `moment` (with time zone) count."""

    moment: datetime


Known = Now | Then | At
NOW = Now()
THEN = Then()


@dataclass(frozen=True)
class Snapshot:
    """What a reader saw of history at one moment, in terms that stay true after dump and restore.

    A version belongs to it where its `version_id` is not above the `high` one of its set, and its `xid` is visible in
    `text` (a `pg_snapshot`) or is `own`, the reader's own transaction; or where its `version_id` is not above the
    `restored` one of its set: those came with a dump, all of them committed, and their xids are another server's. All of
    this is data of the row and of the snapshot; rows that a restored database writes have new, higher version ids. `high`
    is any bound between the highest visible version and the sequence's position at that moment; a set without one had no
    version yet. A set without `restored` was never restored. fresh: taken by who reads at it now, so that history still has
    all of it as of each set's reach and later.
    """

    text: str
    own: int | None
    high: Mapping[str, int]
    restored: Mapping[str, int] = field(default_factory=dict)
    fresh: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Spine:
    """The rows that a training set is built for, with the column of type timestamptz whose moment is read.

    They are in a relation (schema or pg_temp, and name) whose column `ordinal` numbers them in their order, or in `rows`,
    whose columns have the Arrow types of fsdb.exchange.types; each engine takes them from the one that is there.
    """

    columns: tuple[Column, ...]
    timestamp: str
    row_count: int
    relation: tuple[str, str] | None = None
    ordinal: str = ""
    rows: "pa.Table | None" = None


@dataclass(frozen=True)
class Computed:
    """A column that is computed from others, once these are there: `tree` names its inputs by their columns."""

    output: str
    type: str
    tree: "Node"


@dataclass(frozen=True)
class AsOf:
    """A point-in-time join: every spine row once, in order; its columns, then each read's features.

    computed: columns of expressions, over those of spine and outputs. shown: the names of the columns after the spine's that come out, in
    order, where these are not the outputs: some outputs may be there for expressions alone.
    """

    spine: Spine
    reads: tuple[SetRead, ...]
    outputs: tuple[Column, ...]
    known: Known
    snapshot: Snapshot
    computed: tuple[Computed, ...] = ()
    shown: tuple[str, ...] | None = None

    @property
    def results(self) -> tuple[Column, ...]:
        """The columns that come out after the spine's."""
        if self.shown is None:
            return self.outputs
        every = {c.name: c for c in (*self.outputs, *(Column(one.output, one.type) for one in self.computed))}
        return tuple(every[name] for name in self.shown)

    def __post_init__(self) -> None:
        offered = {feature.output for read in self.reads for feature in read.features}
        if offered != {column.name for column in self.outputs}:
            raise ValueError("the outputs of a point-in-time join are its reads' features, in the order of the result")


def plain_type(kind: str) -> str:
    """A type's name without length or precision: "timestamp(3) with time zone" is "timestamp with time zone"."""
    return re.sub(r"\([^)]*\)", "", kind)


def set_read(
    registered: RegisteredSet,
    features: Iterable[tuple[RegisteredFeature, str]],
    bindings: Mapping[str, str] | None = None,
) -> SetRead:
    """What to read of a registered set: features with their output names; keys bind to columns of `bindings`, else by name."""
    reads = tuple(
        FeatureRead(f.feature_id, f.history_column, output, f.type, f.default_value) for f, output in features
    )
    return read_of(registered, reads, registered.max_age, bindings)


def read_of(
    registered: RegisteredSet,
    features: tuple[FeatureRead, ...],
    max_age: timedelta | None,
    bindings: Mapping[str, str] | None = None,
) -> SetRead:
    """As `set_read`, of features that are described already, with a max_age of their own."""
    windows = registered.windows
    return SetRead(
        registered.name,
        registered.history_table,
        tuple(KeyBinding(key, kind, (bindings or {}).get(key, key)) for key, kind in registered.keys.items()),
        features,
        max_age,
        None if windows is None else window_read(windows, [feature.feature_id for feature in features]),
        None if windows is None else windows.events.name,
    )
