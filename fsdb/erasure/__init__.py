"""Erasure: entities out of everything that fsdb holds, and versions that a broken clock dated out of a set's history."""

from fsdb.erasure.erase import erase
from fsdb.erasure.mend import mend
from fsdb.erasure.result import ErasureResult

__all__ = ["ErasureResult", "erase", "mend"]
