"""The facade that users hold: a class for each noun, and the one that has all of them."""

from fsdb.store.store import Store, connect, opened

__all__ = ["Store", "connect", "opened"]
