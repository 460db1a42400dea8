"""Features computed from events over windows of time."""
