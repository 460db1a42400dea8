"""The process that scores outside of the server, for deployments with the runtime worker."""

from fsdb.worker.batch import Batch
from fsdb.worker.queue import retry_dead
from fsdb.worker.worker import BATCH, Worker

__all__ = ["BATCH", "Batch", "Worker", "retry_dead"]
