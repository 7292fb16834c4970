"""Row patterns (SQL MATCH_RECOGNIZE): compiled in Rust, cached, matched in time linear in the rows.

>>> import rowpattern
>>> pattern = rowpattern.compile("START DOWN+ UP+")
>>> prices = [3, 2, 1, 2, 3]
>>> down = [False] + [b < a for a, b in zip(prices, prices[1:])]
>>> up = [False] + [b > a for a, b in zip(prices, prices[1:])]
>>> [found.labels for found in pattern.find_iter({"DOWN": down, "UP": up})]
[('START', 'DOWN', 'DOWN', 'UP', 'UP')]
"""

from rowpattern._core import (
    Column,
    Match,
    MatchedRows,
    Matches,
    MatchIterator,
    Pattern,
    PatternCache,
    Spans,
    compile,  # noqa: A004 - named as in `re`
)
from rowpattern.errors import (
    ConfigurationError,
    DumpError,
    PatternSyntaxError,
    PatternTooLargeError,
    RowPatternError,
    RowsError,
    SkipError,
    UnknownVariableError,
)

__version__ = "0.1.0"

__all__ = [
    "Column",
    "ConfigurationError",
    "DumpError",
    "Match",
    "MatchIterator",
    "MatchedRows",
    "Matches",
    "Pattern",
    "PatternCache",
    "PatternSyntaxError",
    "PatternTooLargeError",
    "RowPatternError",
    "RowsError",
    "SkipError",
    "Spans",
    "UnknownVariableError",
    "__version__",
    "compile",
]
