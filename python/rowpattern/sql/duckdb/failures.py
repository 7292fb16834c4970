"""What DuckDB raises, as the errors of this package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import duckdb

from rowpattern.errors import QueryError
from rowpattern.sql.duckdb.exchange import message_of
from rowpattern.sql.duckdb.spill_directory import FULL_DISK

if TYPE_CHECKING:
    from rowpattern.errors import QueryLimitError
    from rowpattern.sql.duckdb.spill_directory import SpillDirectory
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["failure", "is_fatal", "was_ended_before"]

# A message of DuckDB's about its instance begins with this.
_ENDED = "FATAL Error: Failed: database has been invalidated"
_ENDED_BY_OTHERS = (
    "the instance of DuckDB that this query shares with others was ended by an error of another query; ask again. "
    "The error"
)
_INSTEAD = "write the expression in another way, or cast its columns to other types"
_FATAL = ("FATAL Error:", "INTERNAL Error:")


def is_fatal(error: Exception) -> bool:
    """Say whether an error has ended the instance of DuckDB, for all queries that use it."""
    return isinstance(error, (duckdb.FatalException, duckdb.InternalException)) or str(error).startswith(_FATAL)


def was_ended_before(error: Exception) -> bool:
    """Say whether the instance of DuckDB was ended by another error than this one, perhaps of another query."""
    return _ENDED in str(error)


def failure(error: Exception, context: ExecutionContext, directory: SpillDirectory | None) -> QueryError:
    """Return the error for what a call of DuckDB raised.

    Args:
        error: one of DuckDB's; or an error of a text, or of the system, that comes through it.
        context: the limits of the query.
        directory: where is what does not fit into memory, where there is one.
    """
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return _too_large(text, context, directory)
    if isinstance(error, duckdb.InterruptException):
        return context.timeout_error()
    if isinstance(error, UnicodeDecodeError):
        # DuckDB's message has a part of a value that is no UTF-8.
        return QueryError(message_of(error.object.decode(errors="replace")))
    if _is_full(text, directory):
        return _too_large(text, context, directory)
    if isinstance(error, OSError):
        # From a reader, through Arrow, which keeps the text only.
        if text.startswith("Out of Memory Error"):
            return _too_large(text, context, directory)
        if text.startswith("INTERRUPT"):
            return context.timeout_error()
    if was_ended_before(error):
        return QueryError(f"{_ENDED_BY_OTHERS}: {_first_error(text)}")
    if is_fatal(error):
        return QueryError(f"DuckDB failed, which is a fault of its own: {message_of(text)}; {_INSTEAD}")
    return QueryError(message_of(text))


def _first_error(text: str) -> str:
    """Return the error that ended an instance, from a message about that."""
    return text.partition("Original error: ")[2].partition("\n")[0].strip('"') or "the message does not say which"


def _is_full(text: str, directory: SpillDirectory | None) -> bool:
    """Say whether a message of DuckDB's is about the disk for what does not fit into memory."""
    return directory is not None and (
        "'max_temp_directory_size'" in text
        or (directory.path in text and any(os.strerror(code) in text for code in FULL_DISK))
    )


def _too_large(text: str, context: ExecutionContext, directory: SpillDirectory | None) -> QueryLimitError:
    if directory is not None and _is_full(text, directory):
        return directory.full(context)
    return context.memory_error()
