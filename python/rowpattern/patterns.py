"""Compiled patterns and their matches, for the modules of this package, which do not import its root."""

from rowpattern._core import (
    Column,
    Match,
    MatchedRows,
    Matches,
    MatchIterator,
    Pattern,
    PatternCache,
    Spans,
    __version__,
    compile,  # noqa: A004 - named as in `re`
)

__all__ = [
    "Column",
    "Match",
    "MatchIterator",
    "MatchedRows",
    "Matches",
    "Pattern",
    "PatternCache",
    "Spans",
    "__version__",
    "compile",
]
