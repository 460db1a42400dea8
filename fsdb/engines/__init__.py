"""Engines: each compiles the description of a point-in-time join and runs it."""
