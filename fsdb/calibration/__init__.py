"""Measuring what engines cost on this machine, so that the router chooses well here."""

from fsdb.calibration.calibrate import DEFAULT, Calibration, calibrate, steps

__all__ = ["DEFAULT", "Calibration", "calibrate", "steps"]
