"""Runnable measurements: `python -m bench NAME [--json]`."""
