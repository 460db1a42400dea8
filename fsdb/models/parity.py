"""When a deployed model gives the same as the native one (invariant 11)."""

import math
from collections.abc import Mapping
from typing import Any

PARITY_TOLERANCE = 1e-9
SINGLE_TOLERANCE = 1e-5  # of models that compute in float32
PARITY_FLOOR = 1e-3


def same_outputs(native: Mapping[str, Any], deployed: Mapping[str, Any], tolerance: float = PARITY_TOLERANCE) -> bool:
    """Same class, and numbers within `tolerance` (a program knows its own) of max(|native|, PARITY_FLOOR).

    Two refusals (`error` in both) are the same, whatever their words. Entries of `deployed` that `native` has not are
    not looked at.
    """
    if "error" in native or "error" in deployed:
        return "error" in native and "error" in deployed
    return all(name in deployed and _same(value, deployed[name], tolerance) for name, value in native.items())


def _same(native: Any, deployed: Any, tolerance: float) -> bool:
    if isinstance(native, list):
        return (
            isinstance(deployed, list)
            and len(native) == len(deployed)
            and all(_same(*pair, tolerance) for pair in zip(native, deployed, strict=True))
        )
    if not isinstance(native, float):
        return type(native) is type(deployed) and bool(native == deployed)
    if not isinstance(deployed, float):
        return False
    if not (math.isfinite(native) and math.isfinite(deployed)):
        return native == deployed or (math.isnan(native) and math.isnan(deployed))
    return abs(native - deployed) <= tolerance * max(abs(native), PARITY_FLOOR)
