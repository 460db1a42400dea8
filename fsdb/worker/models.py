"""The models that a worker has ready."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from fsdb.catalog.models import get_version
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes.worker import scorer_of
from fsdb.models import Program

if TYPE_CHECKING:
    from fsdb.models.backends.onnx import Scorer

MOST_MODELS = 16  # one of 500 trees takes tens of megabytes


class Models:
    """Programs with what runs them, by checksum; those that were not used for longest go first."""

    def __init__(self, threads: int) -> None:
        """`threads`: how many one batch may use."""
        self._threads = threads
        self._ready: OrderedDict[str, tuple[Program, Scorer]] = OrderedDict()

    def of(self, connection: Connection[Any], model: str, number: int) -> "tuple[Program, Scorer]":
        """A version's. Raises NotReproducible, UnsupportedModel or EngineUnavailable where it cannot be run here."""
        version = get_version(connection, model, number)
        found = self._ready.get(version.checksum)
        if found is None:
            program = load_program(connection, version)
            found = self._ready[version.checksum] = (program, scorer_of(program, self._threads))
        self._ready.move_to_end(version.checksum)
        if len(self._ready) > MOST_MODELS:
            self._ready.popitem(last=False)
        return found
