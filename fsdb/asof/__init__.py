"""A point-in-time join described without any engine: which rows, which values, at which moments, known by whom."""

from fsdb.asof.description import (
    NOW,
    THEN,
    AsOf,
    At,
    Column,
    FeatureRead,
    KeyBinding,
    Known,
    Now,
    SetRead,
    Snapshot,
    Spine,
    Then,
    read_of,
    set_read,
)
from fsdb.asof.windows import EventColumns, WindowRead

__all__ = [
    "NOW",
    "THEN",
    "AsOf",
    "At",
    "Column",
    "EventColumns",
    "FeatureRead",
    "KeyBinding",
    "Known",
    "Now",
    "SetRead",
    "Snapshot",
    "Spine",
    "Then",
    "WindowRead",
    "read_of",
    "set_read",
]
