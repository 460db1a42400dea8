"""The process beside the server: it scores rows of deployments with the runtime worker, and runs schedules."""

from fsdb.worker.batch import Batch
from fsdb.worker.queue import retry_dead
from fsdb.worker.schedules import Scheduler
from fsdb.worker.worker import BATCH, Worker

__all__ = ["BATCH", "Batch", "Scheduler", "Worker", "retry_dead"]
