"""The command `rowpattern` (also `python -m rowpattern`)."""

from rowpattern.cli.command import main

__all__ = ["main"]
