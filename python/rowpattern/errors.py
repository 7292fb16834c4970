"""What can go wrong, as exceptions. All derive from `RowPatternError`, and from the builtin that fits best."""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "ConfigurationError",
    "ConfigurationWarning",
    "DumpError",
    "InternalError",
    "LateRowError",
    "MissingDependencyError",
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
    "UnknownVariableError",
    "UnsupportedQueryError",
]


class RowPatternError(Exception):
    """Anything that this package raises on purpose.

    Examples:
        >>> import rowpattern
        >>> try:
        ...     rowpattern.compile("A (")
        ... except rowpattern.RowPatternError as error:
        ...     print(type(error).__name__)
        PatternSyntaxError
    """


class _PlacedError(RowPatternError, ValueError):
    """An error with a place in a text."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message, line, column)
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return str(self.args[0])


class PatternSyntaxError(_PlacedError):
    """The text is not a row pattern.

    The message says what is wrong and what would be right, and shows the line with a caret under the place.

    Attributes:
        line: the line of the text, from 1.
        column: the column in characters, from 1.

    Examples:
        >>> import rowpattern
        >>> try:
        ...     rowpattern.compile("A B{3,1}")
        ... except rowpattern.PatternSyntaxError as error:
        ...     print(error.line, error.column)
        1 4
    """


class PatternTooLargeError(RowPatternError, ValueError):
    """The row pattern passes a limit, which the message names. Nothing large was built.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("((A{1000}){1000}){1000}")
        Traceback (most recent call last):
            ...
        rowpattern.errors.PatternTooLargeError: ...the limit is 120000...
    """


class UnknownVariableError(RowPatternError, ValueError):
    """A variable is named that the row pattern does not have.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("UP DOWN", define={"DWON": "price < 1"})
        Traceback (most recent call last):
            ...
        rowpattern.errors.UnknownVariableError: ...
    """


class RowsError(RowPatternError, ValueError):
    """The rows or their partitions cannot be read as given.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("A B").count({"A": [True, False], "B": [True]})
        Traceback (most recent call last):
            ...
        rowpattern.errors.RowsError: A has 2 rows, but B has 1
    """


class SkipError(RowPatternError, ValueError):
    """AFTER MATCH SKIP TO FIRST or LAST has nowhere to go (ISO/IEC 19075-5, section 4.15).

    No row of the match is mapped to the variable, or it is the match's first row, which would be found for ever.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("A B?").match(["A", "A"], skip=("to first", "B"))
        Traceback (most recent call last):
            ...
        rowpattern.errors.SkipError: ...no row of the match is mapped to it...
    """


class ConfigurationError(RowPatternError, ValueError):
    """A setting cannot be read. The message names the setting, its value and what is allowed.

    Examples:
        >>> from rowpattern.production_config import PerformanceConfig
        >>> PerformanceConfig(cache_size_limit=-1)
        Traceback (most recent call last):
            ...
        rowpattern.errors.ConfigurationError: cache_size_limit is -1; ...
    """


class ConfigurationWarning(UserWarning):
    """A setting is probably not what was meant; the message names it, and it is used as it is.

    Examples:
        >>> import warnings
        >>> from rowpattern.production_config import MatchRecognizeConfig
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     config = MatchRecognizeConfig.from_env({"MR_CACHE_SIZE": "10"})
        >>> caught[0].category.__name__
        'ConfigurationWarning'
    """


class DumpError(RowPatternError, ValueError):
    """A file of patterns cannot be read; nothing was loaded from it.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from rowpattern import pattern_cache
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "patterns")
        ...     written = path.write_text("no patterns")
        ...     pattern_cache.load(path)
        Traceback (most recent call last):
            ...
        rowpattern.errors.DumpError: ...
    """


class QueryError(_PlacedError):
    """A query cannot be answered.

    The message says what is wrong and what would be right, and, where there is a place to show, the line with a caret
    under it.

    Attributes:
        line: the line of the query, from 1; 0 where no place can be named.
        column: the column in characters, from 1; 0 where no place can be named.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> try:
        ...     rowpattern.recognize(pa.table({"price": [1]}), pattern="A", define={"A": "prize > 0"})
        ... except rowpattern.QueryError as error:
        ...     print(error.line, error.column)
        1 1
    """


class QuerySyntaxError(QueryError):
    """The text is not a query, or its MATCH_RECOGNIZE clause is not one.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> rowpattern.match_recognize("SELECT * FROM t MATCH_RECOGNIZE (PATTERN)", pa.table({"x": [1]}))
        Traceback (most recent call last):
            ...
        rowpattern.errors.QuerySyntaxError: ...
    """


class UnsupportedQueryError(QueryError):
    """The query is right, and this version cannot answer it. The message names the expression.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> rowpattern.match_recognize("SELECT * FROM read_csv('prices.csv')", pa.table({"x": [1]}))
        Traceback (most recent call last):
            ...
        rowpattern.errors.UnsupportedQueryError: read_csv() cannot stand in FROM...
    """


class QueryLimitError(QueryError):
    """A query passed the limit of time or memory that it was given, which the message names.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("A+").count(["A"] * 1_000_000, memory_limit_mb=0.001)
        Traceback (most recent call last):
            ...
        rowpattern.errors.QueryLimitError: ...
    """


class QueryBusyError(QueryLimitError):
    """A query was not begun, or not gone on with: others were at work until its time was over, or too many wait.

    The same query may be answered a moment later; a service can say so (status 503 of HTTP).

    Examples:
        >>> import rowpattern
        >>> issubclass(rowpattern.QueryBusyError, rowpattern.QueryLimitError)
        True
    """


class QueryCancelledError(RowPatternError, RuntimeError):
    """A call was ended by the `rowpattern.CancelToken` that it was given. Nothing is wrong with the query.

    It is no `QueryError`, so that what handles errors of queries does not take it for one.

    Examples:
        >>> import rowpattern
        >>> token = rowpattern.CancelToken()
        >>> token.cancel()
        True
        >>> rowpattern.compile("A+").count(["A"], cancel=token)
        Traceback (most recent call last):
            ...
        rowpattern.errors.QueryCancelledError: ...
    """


class InternalError(RowPatternError, RuntimeError):
    """The package has failed by an error of its own, a bug. The message says what to report.

    Examples:
        >>> import rowpattern
        >>> issubclass(rowpattern.InternalError, rowpattern.RowPatternError)
        True
    """


class MissingDependencyError(RowPatternError, ImportError):
    """A package that this needs is not installed; the message says what to install.

    Examples:
        >>> import rowpattern
        >>> issubclass(rowpattern.MissingDependencyError, ImportError)
        True
    """


class LateRowError(RowPatternError, ValueError):
    """A row of a continuous query came too late, or out of order; nothing of its push was taken.

    The message names the row, its partition and its time, and what was allowed.

    Examples:
        >>> import rowpattern
        >>> issubclass(rowpattern.LateRowError, rowpattern.RowPatternError)
        True
    """


class CheckpointError(RowPatternError, ValueError):
    """A checkpoint of a continuous query cannot be restored; the message says what was found.

    Examples:
        >>> import rowpattern
        >>> rowpattern.continuous.restore(b"", "SELECT 1")
        Traceback (most recent call last):
        rowpattern.errors.CheckpointError: ...
    """
