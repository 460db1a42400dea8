"""Windows over events: aggregates over (t - offset - width, t - offset] by key, exact to the bit. Pure: numpy in, numpy out.

Events lie by key, and of each key by (event time, id). A window of a key is then one range of them, found by two binary
searches, and a sum over it is the difference of two prefix sums. State is exact and rounding happens once, at the end: the sum of
doubles is the exact sum, correctly rounded, as `math.fsum` gives it. So tiles, prefix sums, deletes and engines cannot disagree.
"""

from fsdb.windows.kernel.aggregates import AGGREGATES, Column
from fsdb.windows.kernel.spans import Events, Spans

__all__ = ["AGGREGATES", "Column", "Events", "Spans"]
