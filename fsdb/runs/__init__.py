"""Sorted runs: which version holds for each row of a spine, by binary search. Pure: numpy and Arrow in, positions out.

A run is a piece of history whose versions lie by key, and of each key by (event_time, version_id): the files of a columnar copy are
written so. The versions of a key are then one range of rows, and the version that holds at a moment is one search away in
it, whatever the number of versions and moments of the key. Several runs that hold versions of the same keys each give
a winner, and these compete by (event_time, version_id). What is not in order is put in order first.
"""

from fsdb.runs.asked import Asked
from fsdb.runs.run import Run
from fsdb.runs.winners import NOTHING, Holding, Winners, match

__all__ = ["NOTHING", "Asked", "Holding", "Run", "Winners", "match"]
