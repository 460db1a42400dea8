"""Models in LightGBM's own files, which hold numbers and names and no code."""

from pathlib import Path

import lightgbm

from fsdb.models.frontends import tried

BOOSTER = "lightgbm.basic.Booster"


def load(path: Path) -> lightgbm.Booster:
    """The Booster in a file; UnsupportedModel for a file that it cannot read."""
    with tried.copied(path, "lightgbm") as copy:
        return lightgbm.Booster(model_file=str(copy))
