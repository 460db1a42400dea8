"""The command line: arguments and printing. What the commands do is in the parts that they call."""

from fsdb.cli.app import main

__all__ = ["main"]
