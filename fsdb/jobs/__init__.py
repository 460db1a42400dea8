"""Schedules: what runs, when, and what became of it. A batch job fills a feature set by a query, one transaction a slot."""

from fsdb.jobs.registering import check_again, drop, register
from fsdb.jobs.running import Place, due_now, run, run_due, run_past
from fsdb.jobs.standing import look_ahead, pause, resume

__all__ = [
    "Place",
    "check_again",
    "drop",
    "due_now",
    "look_ahead",
    "pause",
    "register",
    "resume",
    "run",
    "run_due",
    "run_past",
]
