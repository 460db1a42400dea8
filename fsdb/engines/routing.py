"""What the router thought: an estimate or a refusal for each engine, the one that was chosen, and why."""

from dataclasses import dataclass

from fsdb.engines.work import Work


@dataclass(frozen=True)
class Candidate:
    """An engine, the seconds that it is expected to take (None where nothing can be said), and why it cannot or did not."""

    engine: str
    seconds: float | None
    refusal: str | None = None


@dataclass(frozen=True)
class Routing:
    """How an engine was chosen, why (no full sentence), and whether the caller asked for it.

    candidates: every engine, the cheapest first; dearer ones than the chosen were not asked whether they can. work: what the
    estimates come from. seconds: what the chosen engine took until its result was there, or could be streamed.
    """

    engine: str
    why: str
    forced: bool
    candidates: tuple[Candidate, ...]
    work: Work
    seconds: float

    @property
    def estimated(self) -> float | None:
        """The seconds that the chosen engine was expected to take."""
        return next(candidate.seconds for candidate in self.candidates if candidate.engine == self.engine)
