"""Measuring what engines cost on this machine."""
