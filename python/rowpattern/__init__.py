"""Row patterns (SQL MATCH_RECOGNIZE): compiled in Rust, cached, matched in time linear in the rows.

>>> import rowpattern
>>> pattern = rowpattern.compile("START DOWN+ UP+")
>>> prices = [3, 2, 1, 2, 3]
>>> down = [False] + [b < a for a, b in zip(prices, prices[1:])]
>>> up = [False] + [b > a for a, b in zip(prices, prices[1:])]
>>> [found.labels for found in pattern.find_iter({"DOWN": down, "UP": up})]
[('START', 'DOWN', 'DOWN', 'UP', 'UP')]
"""

from rowpattern import (
    _hooks,  # noqa: F401 - what the extension calls
    _interpreter_exit,  # noqa: F401 - daemon threads may drain streams at the end
)
from rowpattern._core import (
    CancelToken,
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
from rowpattern.continuous_query.continuous import continuous
from rowpattern.errors import (
    CheckpointError,
    ConfigurationError,
    ConfigurationWarning,
    DumpError,
    InternalError,
    LateRowError,
    MissingDependencyError,
    PatternSyntaxError,
    PatternTooLargeError,
    QueryBusyError,
    QueryCancelledError,
    QueryError,
    QueryLimitError,
    QuerySyntaxError,
    RowPatternError,
    RowsError,
    SkipError,
    UnknownVariableError,
    UnsupportedQueryError,
)
from rowpattern.match_spans import MatchSpan
from rowpattern.pictures.series import plot
from rowpattern.recognition.explain import explain
from rowpattern.recognition.recognize import recognize
from rowpattern.serving.asynchronous import match_recognize_async, recognize_async
from rowpattern.serving.warm_up import warm_up
from rowpattern.sql import match_recognize

# So that `import rowpattern` is enough to use them.
from rowpattern import pattern_cache, production_config  # isort: skip # noqa: F401

__all__ = [
    "CancelToken",
    "CheckpointError",
    "Column",
    "ConfigurationError",
    "ConfigurationWarning",
    "DumpError",
    "InternalError",
    "LateRowError",
    "Match",
    "MatchIterator",
    "MatchSpan",
    "MatchedRows",
    "Matches",
    "MissingDependencyError",
    "Pattern",
    "PatternCache",
    "PatternSyntaxError",
    "PatternTooLargeError",
    "QueryBusyError",
    "QueryCancelledError",
    "QueryError",
    "QueryLimitError",
    "QuerySyntaxError",
    "RowPatternError",
    "RowsError",
    "SkipError",
    "Spans",
    "UnknownVariableError",
    "UnsupportedQueryError",
    "__version__",
    "compile",
    "continuous",
    "explain",
    "match_recognize",
    "match_recognize_async",
    "plot",
    "recognize",
    "recognize_async",
    "warm_up",
]
