"""Compiled patterns and their matches, for the modules of this package, which do not import its root."""

from rowpattern._core import Conditions, Match, Matches, MatchIterator, Pattern, RowSymbols, __version__, compile  # noqa: A004

__all__ = ["Conditions", "Match", "MatchIterator", "Matches", "Pattern", "RowSymbols", "__version__", "compile"]
