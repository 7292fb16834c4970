"""What can go wrong, as exceptions. All derive from `RowPatternError`, and from the builtin that fits best."""

from __future__ import annotations


class RowPatternError(Exception):
    """Anything that this package raises on purpose."""


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
    """


class PatternTooLargeError(RowPatternError, ValueError):
    """The row pattern passes a limit, which the message names. Nothing large was built."""


class UnknownVariableError(RowPatternError, ValueError):
    """A variable is named that the row pattern does not have."""


class RowsError(RowPatternError, ValueError):
    """The rows or their partitions cannot be read as given."""


class SkipError(RowPatternError, ValueError):
    """AFTER MATCH SKIP TO FIRST or LAST has nowhere to go (ISO/IEC 19075-5, section 4.15).

    No row of the match is mapped to the variable, or it is the match's first row, which would be found for ever.
    """


class ConfigurationError(RowPatternError, ValueError):
    """A setting cannot be read. The message names the setting, its value and what is allowed."""


class ConfigurationWarning(UserWarning):
    """A setting is probably not what was meant; the message names it, and it is used as it is."""


class DumpError(RowPatternError, ValueError):
    """A file of patterns cannot be read; nothing was loaded from it."""


class QueryError(_PlacedError):
    """A query cannot be answered.

    The message says what is wrong and what would be right, and, where there is a place to show, the line with a caret
    under it.

    Attributes:
        line: the line of the query, from 1; 0 where no place can be named.
        column: the column in characters, from 1; 0 where no place can be named.
    """


class QuerySyntaxError(QueryError):
    """The text is not a query, or its MATCH_RECOGNIZE clause is not one."""


class UnsupportedQueryError(QueryError):
    """The query is right, and this version cannot answer it. The message names the expression."""


class QueryLimitError(QueryError):
    """A query passed the limit of time or memory that it was given, which the message names."""


class QueryBusyError(QueryLimitError):
    """A query was not begun, or not gone on with: others were at work until its time was over, or too many wait.

    The same query may be answered a moment later; a service can say so (status 503 of HTTP).
    """


class QueryCancelledError(RowPatternError, RuntimeError):
    """A call was ended by the `rowpattern.CancelToken` that it was given. Nothing is wrong with the query.

    It is no `QueryError`, so that what handles errors of queries does not take it for one.
    """


class InternalError(RowPatternError, RuntimeError):
    """The package has failed by an error of its own, a bug. The message says what to report."""


class MissingDependencyError(RowPatternError, ImportError):
    """A package that this needs is not installed; the message says what to install."""


class LateRowError(RowPatternError, ValueError):
    """A row of a continuous query came too late, or out of order; nothing of its push was taken.

    The message names the row, its partition and its time, and what was allowed.
    """


class CheckpointError(RowPatternError, ValueError):
    """A checkpoint of a continuous query cannot be restored; the message says what was found."""
