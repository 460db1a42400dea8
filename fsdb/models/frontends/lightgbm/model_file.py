"""Models in LightGBM's own files, which hold numbers and names and no code."""

from pathlib import Path

import lightgbm

BOOSTER = "lightgbm.basic.Booster"


def load(path: Path) -> lightgbm.Booster:
    """The Booster in a file; LightGBMError for a file that it cannot read."""
    return lightgbm.Booster(model_file=str(path))
