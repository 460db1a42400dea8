"""What the log says of a training set that was built: names and numbers, no values."""

import logging

from fsdb.engines.protocol import Absence
from fsdb.training.training_set import TrainingSet

logger = logging.getLogger("fsdb.training")


def note_built(built: TrainingSet) -> TrainingSet:
    """Writes it into the log, and gives it back."""
    routing = built.routing
    name = f" {built.name or built.view or ''}".rstrip()
    logger.info(
        "Built training set%s, %s rows and %s features, by %s in %.3f s: %s.",
        *(name, built.num_rows, len(built.features), routing.engine, routing.seconds, routing.why),
    )
    for one in routing.candidates:
        if one.refusal is not None:  # what an engine says that failed may quote a value
            why = "it is absent or failed, as a warning told" if isinstance(one.refusal, Absence) else one.refusal
            logger.info("Engine %s was passed over: %s", one.engine, why)
    if built.notice is not None:
        logger.info("%s", built.notice)
    return built
