"""What is kept of the models that were scored with: reading a program of hundreds of trees takes longer than scoring thousands of rows."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from fsdb.forks import Lock

T = TypeVar("T")


class Kept(Generic[T]):
    """The most recently used things by checksum of the program that they are made from; threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def get(self, checksum: str, make: Callable[[], T]) -> T:
        """The thing that is kept, else the one that `make` gives."""
        with self._lock:
            if checksum in self._things:
                self._things.move_to_end(checksum)
                return self._things[checksum]
        thing = make()
        with self._lock:
            self._things[checksum] = thing
            while len(self._things) > self._most:
                self._things.popitem(last=False)
        return thing
