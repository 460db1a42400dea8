"""Features computed from events over windows of time."""

from fsdb.windows.objects import windows_status
from fsdb.windows.sets import alter, create, drop, follow, get_window_set, repair

__all__ = ["alter", "create", "drop", "follow", "get_window_set", "repair", "windows_status"]
