"""The check of limits for work that has none."""

from __future__ import annotations

__all__ = ["no_limit"]


def no_limit() -> None:
    """Do nothing, where a check would raise an error once a limit is passed."""
