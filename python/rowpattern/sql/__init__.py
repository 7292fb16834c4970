"""MATCH_RECOGNIZE in SQL, over pandas, Polars, Arrow and DuckDB (extra `sql`).

>>> import pyarrow as pa
>>> from rowpattern import match_recognize
>>> prices = pa.table({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]})
>>> match_recognize('''
...     SELECT * FROM prices MATCH_RECOGNIZE (
...         ORDER BY day
...         MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.price) AS lowest, LAST(UP.day) AS ended
...         PATTERN (DOWN+ UP+)
...         DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))''', prices).to_pylist()
[{'begun': 2, 'lowest': 70, 'ended': 5}]

A query goes through these folders: `parse` (text to clauses), `bind` (names looked up, navigation taken out of
expressions) and `execute` (rows in order, conditions, matches, measures, the answer, and what is around the clauses).
They use those that lie below: `tables`, `expression`, `duckdb`, `arrow`, `text` and `runtime`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union, overload

from rowpattern.errors import ConfigurationError
from rowpattern.sql.first_use import module, query_module
from rowpattern.sql.options import execution_context
from rowpattern.sql.runtime.reports import report_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    import pyarrow as pa
    from typing_extensions import Unpack

    from rowpattern._core import CancelToken
    from rowpattern.patterns import Pattern
    from rowpattern.sql.execute.explanation import Explanation
    from rowpattern.sql.kinds import Frame, Parameters, QueryOptions, Streamed
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.runtime.context import ExecutionContext, Progress

    #: What `execution_context` takes.
    Limits = tuple[
        Optional[float],
        Optional[float],
        Optional[int],
        Union[bool, Callable[[Progress], object], None],
        Optional[str],
        Optional[CancelToken],
        Parameters,
        Literal["first", "longest"],
    ]

    class GivenExpression(Protocol):
        """A condition that is no text, and what computes it."""

        @property
        def compute(self) -> Callable[..., Any]:
            """Takes the table, the order of its rows, where partitions begin, and what raises where time is over."""
            ...


__all__ = ["answer", "answered", "explained", "find_by_conditions", "match_recognize"]


@overload
def match_recognize(
    sql: str, data: Frame, /, *, stream: Literal[False] = False, **options: Unpack[QueryOptions]
) -> Frame: ...
@overload
def match_recognize(
    sql: str,
    data: Any = None,
    /,
    *,
    stream: Streamed,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    **tables: Any,
) -> pa.RecordBatchReader: ...
@overload
def match_recognize(
    sql: str,
    data: Any = None,
    /,
    *,
    stream: bool | Literal["in order"] = False,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    **tables: Any,
) -> Any: ...
def match_recognize(
    sql: str,
    data: Any = None,
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    stream: bool | Literal["in order"] = False,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    prefer: Literal["first", "longest"] = "first",
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    **tables: Any,
) -> Any:
    """Answer a query with MATCH_RECOGNIZE (ISO/IEC 9075-2, 7.6).

    Args:
        sql: one query in DuckDB's SQL, with MATCH_RECOGNIZE after any table in FROM.
        data: one table: a pandas or Polars frame (or lazy frame), an Arrow table or reader, a DuckDB relation, or any
            object with Arrow's stream interface. Any one name in FROM means this table. With `stream` it may also be
            the path of a Parquet or Arrow IPC file (or of a directory of Parquet files), a pyarrow dataset or scanner,
            or a list, tuple, generator or other iterator of `pyarrow.RecordBatch`.
        memory_limit_mb: the memory limit of the query in MB of 2**20 bytes, in addition to the given tables. The
            default is the setting `max_memory_mb` (`MR_MAX_MEMORY_MB`, 8,192).
        timeout_seconds: the time limit in seconds. The default is the setting `execution_timeout_seconds`
            (`MR_EXECUTION_TIMEOUT_SECONDS`, 300).
        threads: the largest number of threads. The default is one for each core that the process may use, and at most
            the setting `max_workers` (`MR_MAX_WORKERS`, 4). The answer does not depend on it.
        progress: True prints each step to standard error. A function is called with each step, as a
            `rowpattern.sql.runtime.context.Progress`. While a stream is sorted, it is called a few times a second, in
            another thread, with the rows and bytes read so far. An exception of the function ends the query.
        stream: True computes the answer while it is read, in bounded memory, for any number of rows. Rows that do not
            fit into memory are written to a temporary directory and sorted there. Partitions are matched a few at a
            time, and the largest partition has to fit into memory. `"in order"` says that the rows are in the order of
            PARTITION BY (NULLs last) and ORDER BY already, so they are not sorted; that order is checked. Tables are
            read while the query runs: Parquet files in slices of some megabytes, a relation by its own connection and
            within its own limits, a lazy frame by Polars, row group by row group. The query has one clause.
        isolation: `"process"` answers the query in a worker process, for SQL from strangers (Linux only). The system
            enforces the limits of memory and time whatever the query calls, and a crash does not end this process.
            Workers are kept, at most one for each core (or 2). `rowpattern.sql.isolation.start_workers` starts them
            before the first query; otherwise that query waits for one to start, which does not count as its time. It
            cannot be combined with `stream`.
        time_zone: the time zone of expressions that need one, as `"Europe/Berlin"`. The default is the zone of the
            columns that an expression reads, as in pandas and Polars, and UTC if they have none. The zone of the
            machine is never used. Columns of a table keep their own zone in the answer; computed timestamps have the
            zone in which they were computed.
        prefer: which of the matches that begin at a row is taken: `"first"` takes the most preferred one, as the
            standard says, and `"longest"` the one with the most rows (of several, the most preferred).
        cancel: a token by which another thread can end the query. The caller then gets control within 0.1 s.
        parameters: values for `$name`, by name, or for `?` and `$1`, in order. They may be used wherever an expression
            may, in the clause and around it, as bounds of quantifiers (`A{$n}`, `A{?,5}`) and as offsets of navigation;
            the last two have to be whole numbers from 0 on. A value is None, a bool, an int of up to 128 bits, a float,
            str, bytes, Decimal, date, time, datetime (with or without a zone), timedelta or UUID, or a list or dict of
            these. It has the type that DuckDB gives it; a text is converted to the type that it is used with. Values
            are never read as SQL, and one plan serves all values, except for bounds and offsets.
        tables: several tables, by their names in the query.

    Returns:
        A table of the kind that was given, and of the same class of frame; an Arrow table if tables of several kinds or
        no table were given. ONE ROW PER MATCH gives the keys of PARTITION BY and the measures; ALL ROWS PER MATCH gives
        the keys of PARTITION BY and ORDER BY, the measures, and the other columns. Rows are in the order of partitions,
        and within them of ORDER BY.

        A computed interval is a duration (`timedelta64`, `Duration`); in a DuckDB relation, and if the query reads a
        column of Arrow's interval type, it stays an interval. NaN in a float column of pandas is NULL. Sums of integers
        are int64 if they fit, and decimals otherwise (in a stream an error).

        With `stream`, the answer is a `pyarrow.RecordBatchReader`. Errors in rows are raised while it is read, and only
        the time in which it works counts for the time limit. Its `close` (or a `with` block, or freeing it) ends the
        query and removes its temporary files. An error of the caller's own reader or generator is raised unchanged.

    Raises:
        QuerySyntaxError, PatternSyntaxError: the text is wrong; the message shows where.
        QueryError: a name is unknown; a parameter has no value, or a value has no parameter; an expression cannot be
            computed, or needs a time zone where its columns have different ones and `time_zone` is not given; an
            interval of the answer has months; in a stream, a file, dataset, relation or lazy frame cannot be read (the
            error of the library is its cause).
        UnknownVariableError: the pattern does not have a variable that is named.
        UnsupportedQueryError: the query is valid, but is not supported.
        QueryLimitError: the query needs more time or memory than its limit, or more space than the disk for temporary
            files has. The caller gets control within 0.2 s of the time limit. DuckDB may continue in the background
            (`rowpattern.sql.database.abandoned_queries`); a worker process does not.
        QueryBusyError: too many queries are waiting, or the time limit passed while this one was waiting.
        QueryCancelledError: `cancel` was cancelled.
        InternalError: with `isolation`, a worker process crashed; please report it.
        SkipError: AFTER MATCH SKIP cannot skip to a row.
        ConfigurationError: an option has a value that it cannot have; the message says which it can.
        MissingDependencyError: duckdb, pyarrow or numpy is not installed.
        TypeError: an argument has another type, or what was given is not a table.

    The query can read the tables that it is given and nothing else: no file, no network, no variable of the caller.

    At most `max_concurrent_queries` queries of the process run at once (`MR_MAX_CONCURRENT_QUERIES`, by default one for
    each core). Others wait in the order in which they came, at most `query_queue_size` of them (`MR_QUERY_QUEUE_SIZE`,
    1,000); waiting counts as time of the query. A query that is asked within a callback of another query runs in the
    place of that one. All queries together use at most `max_memory_mb`, not counting the memory of DuckDB.

    The time is linear in the number of rows if they are in order already, and O(n log n) otherwise, plus the time of
    DuckDB and, for match-dependent conditions, of the backtracking search.

    Examples:
        >>> import pyarrow as pa
        >>> from rowpattern import match_recognize
        >>> logins = pa.table({"at": [1, 2, 3, 4], "event": ["failure", "failure", "failure", "success"]})
        >>> match_recognize('''
        ...     SELECT * FROM logins MATCH_RECOGNIZE (
        ...         ORDER BY at
        ...         MEASURES count(FAILED.*) AS failures, SUCCEEDED.at AS at
        ...         PATTERN (FAILED{3,} SUCCEEDED)
        ...         DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')''', logins).to_pylist()
        [{'failures': 3, 'at': 4}]
    """
    limits = (memory_limit_mb, timeout_seconds, threads, progress, time_zone, cancel, parameters, prefer)
    return answer(sql, data, tables, limits, stream, isolation)


def answer(  # noqa: PLR0917 - the arguments of `match_recognize`
    question: Question,
    data: Any,
    tables: dict[str, Any],
    limits: Limits,
    stream: bool | Literal["in order"],
    isolation: str | None,
    given: Mapping[str, GivenExpression] | None = None,
) -> Any:
    """Answer a question, as `match_recognize` does, within what `execution_context` takes as `limits`."""
    if stream is not None and not isinstance(stream, bool) and stream != "in order":
        raise ConfigurationError(f'stream is {stream!r}; allowed are True, False and "in order"')
    memory_limit_mb, _, threads, _, time_zone, *_ = limits
    own = (isolation, memory_limit_mb, threads, time_zone)
    query_module(connects=all(each is None for each in own))
    if stream is False:
        return answered(question, data, tables, execution_context(*limits), isolation, given)
    # Imports do not count in the query's time.
    stream_query = module("execute.stream").stream_query if stream else None
    context = execution_context(*limits)
    if stream_query is None:
        return answered(question, data, tables, context, isolation, given)
    _take_given(context, given, isolation)
    isolated = _isolated(isolation)
    if isolated:
        raise ConfigurationError('isolation="process" answers whole tables; leave out stream, or isolation')
    with context.admitted():
        return stream_query(question, data, tables, context, in_order=stream == "in order")


def answered(  # noqa: PLR0917 - as `answer`
    question: Question,
    data: Any,
    tables: dict[str, Any],
    context: ExecutionContext,
    isolation: str | None,
    given: Mapping[str, GivenExpression] | None = None,
) -> Any:
    """Answer a question over whole tables, when its turn has come."""
    if given:
        _take_given(context, given, isolation)
    is_isolated = isolation is not None and _isolated(isolation)
    answer = module("isolation").answer_isolated if is_isolated else query_module().answer_query
    failed: BaseException | None = None
    try:
        with context.admitted():
            return answer(question, data, tables, context)
    except BaseException as error:
        failed = error
        raise
    finally:
        context.run.end()
        report_end(question, context, failed)
        # The error's traceback has this frame.
        del failed


def explained(  # noqa: PLR0917 - the arguments of `explain`
    question: Question,
    data: Any,
    tables: dict[str, Any],
    limits: Limits,
    isolation: str | None,
    given: Mapping[str, GivenExpression] | None = None,
    *,
    analyze: bool,
) -> Explanation:
    """Say how a question is answered; see `rowpattern.explain`."""
    explain_query = module("execute.explanation").explained
    context = execution_context(*limits)
    _take_given(context, given, isolation)
    if _isolated(isolation):
        explain_query = module("isolation").explain_isolated
    try:
        with context.admitted():
            found: Explanation = explain_query(question, data, tables, context, analyze=analyze)
            return found
    finally:
        context.run.end()


def find_by_conditions(  # noqa: PLR0917 - one caller, the core
    asked: tuple[Literal["find_iter", "match", "spans", "count"], int | None, Literal["first", "longest"]],
    pattern: Pattern,
    rows: Any,
    conditions: Any,
    partitions: Any,
    skip: Any,
    limits: tuple[float | None, float | None, CancelToken | None],
) -> Any:
    """Find matches by conditions over named columns; methods of `Pattern` call it.

    Returns:
        what the method gives; in place of spans matches, where conditions depend on the match.
    """
    find = module("execute.named_conditions").find
    method, threads, prefer = asked
    timeout_seconds, memory_limit_mb, cancel = limits
    context = execution_context(memory_limit_mb, timeout_seconds, threads, cancel=cancel, prefer=prefer)
    with context.admitted():
        return find(method, pattern, rows, conditions, partitions, skip, context)


def _take_given(context: ExecutionContext, given: Mapping[str, GivenExpression] | None, isolation: str | None) -> None:
    """Have a query compute conditions and measures that are no texts."""
    if given:
        if isolation is not None:
            message = f"{next(iter(given))} is no text, and is computed in this process; write a text"
            raise ConfigurationError(f"{message}, or leave out isolation")
        context.given = {name: each.compute for name, each in given.items()}


def _isolated(isolation: str | None) -> bool:
    if isolation is None:
        return False
    if isolation != "process":
        raise ConfigurationError(f'isolation is {isolation!r}; allowed are None and "process"')
    if sys.platform != "linux":
        raise ConfigurationError(f'isolation="process" needs Linux; this is {sys.platform}')
    return True
