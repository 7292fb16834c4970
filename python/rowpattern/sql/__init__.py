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

import math
import numbers
import sys
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union, cast, overload

from rowpattern._core import CancelToken, QueryRun
from rowpattern.config.process import get_config
from rowpattern.config.values import threads as read_threads
from rowpattern.errors import ConfigurationError
from rowpattern.sql.first_use import module, query_module
from rowpattern.sql.runtime.reports import report_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    import pyarrow as pa
    from typing_extensions import Unpack

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

    class GivenCondition(Protocol):
        """A condition that is no text, and what computes it."""

        @property
        def compute(self) -> Callable[..., Any]:
            """Takes the table, the order of its rows, where partitions begin, and what raises where time is over."""
            ...


__all__ = ["answer", "answered", "execution_context", "explain", "find_by_conditions", "match_recognize"]

# Whoever gives infinity, or a number that no memory has, means no limit; shares of it are whole numbers of bytes.
_MOST_MEMORY_MB = float(1 << 40)


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
        sql: one query, in DuckDB's SQL, with MATCH_RECOGNIZE after any table in FROM.
        data: one table: a pandas or Polars frame (or lazy frame), an Arrow table or reader, a DuckDB relation, or
            anything with Arrow's stream interface. Any name in FROM means it. With `stream` also the path of a Parquet
            or Arrow IPC file (or a directory of Parquet files), a pyarrow dataset or scanner, and a list, tuple,
            generator or other iterator of `pyarrow.RecordBatch`.
        memory_limit_mb: the most memory that the query may take beyond the tables given, in MB of 2**20 bytes; by
            default `max_memory_mb` of the process's settings (`MR_MAX_MEMORY_MB`, 8,192).
        timeout_seconds: the most time; by default `execution_timeout_seconds` of the process's settings
            (`MR_EXECUTION_TIMEOUT_SECONDS`, 300).
        threads: the most threads that work on it; by default one for each core that the process may use, and no more
            than `max_workers` of the process's settings (`MR_MAX_WORKERS`, 4). Answers do not depend on it.
        progress: True prints each step to standard error; a function is called with each, as a
            `rowpattern.sql.runtime.context.Progress`. While a stream is sorted it is called some times a second, in
            another thread, with the rows and bytes read so far; what it raises ends the query.
        stream: True computes the answer while it is read, in bounded memory, however many rows there are. What does not
            fit is sorted by DuckDB, which writes to a temporary directory; partitions are matched some at a time, and
            the largest has to fit. `"in order"` says that rows come in the order of PARTITION BY (NULLs last) and
            ORDER BY and need not be sorted; that is checked. Tables are read as it goes: Parquet files in slices of
            some megabytes, a relation by its own connection, within that one's limits, a lazy frame by Polars, row
            group by row group. There is one clause in a query.
        isolation: `"process"` has the query answered in a worker process, for SQL from strangers (Linux): the system
            keeps the limits of memory and time, whatever the query calls, and what crashes is not this process. Workers
            are kept, at most one for each core (or 2); `rowpattern.sql.isolation.start_workers` starts them before
            the first query, which otherwise waits for one to start (that time does not count). Not with `stream`.
        time_zone: the zone in which expressions that need one are computed, as `"Europe/Berlin"`. By default that of
            the columns that an expression reads, as pandas and Polars do it, and UTC where they have none; that of the
            machine never matters. Columns of a table keep their own zone in the answer; timestamps that are computed
            have the one that they were computed in.
        prefer: which of the possible matches at a row is taken: `"first"`, the most preferred one, as the standard has
            it, or `"longest"`, the one with the most rows, and of several as long the most preferred one.
        cancel: a token by which another thread ends the query: the caller gets control within 0.1 s.
        parameters: values for `$name`, by name, or for `?` and `$1`, in order. They may stand wherever an expression
            may, in the clause and around it, and as bounds of quantifiers (`A{$n}`, `A{?,5}`) and offsets of
            navigation, where they are whole numbers from 0 on. A value is None, a bool, an int of 128 bits, a float,
            str, bytes, Decimal, date, time, datetime (with a zone or without), timedelta or UUID, or a list or a dict
            of such, and has the type that DuckDB gives it; a text is also what it stands beside. Values are never part
            of a text that is read, and plans are kept without them, but for bounds and offsets.
        tables: tables by the names that the query has for them.

    Returns:
        a table of the kind given, and of the class of frame given; an Arrow table where several kinds or no table were
        given. An interval that is computed is a duration (`timedelta64`, `Duration`); in a DuckDB relation, and where
        the query reads a column of Arrow's interval type, it stays an interval. With `stream` it is a
        pyarrow.RecordBatchReader: reading it raises what is wrong with rows, and the time limit counts the time that
        it works; its `close` (or a `with` block) ends the query and removes its temporary files, as does freeing it. An
        error of the caller's own reader or generator comes out as it is. ONE ROW PER MATCH gives the partition columns
        and the measures, ALL ROWS PER MATCH the partition columns, the order columns, the measures and the rest of the
        table. Rows come in the order of partitions, and of rows in them. NaN in a float column of pandas is NULL. Sums
        of integers are int64 where they fit, decimals otherwise (in a stream an error).

    Raises:
        QuerySyntaxError, PatternSyntaxError: the text is wrong; the message shows where.
        QueryError: a name is unknown, a parameter has no value, or a value no parameter; or an expression cannot be
            computed, or needs a time zone where its columns have different ones and `time_zone` is not given, or an
            interval of the answer has months; in a stream also that a file, a dataset, a relation or a lazy frame
            cannot be read, with the library's error as the cause.
        UnknownVariableError: a variable is named that the pattern does not have.
        UnsupportedQueryError: the query is right, and cannot be answered here.
        QueryLimitError: it took too long, too much memory, or more than the disk for temporary files has; the caller
            gets control within 0.2 s of the time limit. DuckDB may go on in the background
            (`rowpattern.sql.database.abandoned_queries`), a worker process does not.
        QueryBusyError: too many queries wait for their turn, or time was over before this one's had come.
        QueryCancelledError: `cancel` was cancelled.
        InternalError: with `isolation`, a worker process has crashed; please report it.
        SkipError: AFTER MATCH SKIP has nowhere to go.
        MissingDependencyError: duckdb, pyarrow or numpy is not installed.
        TypeError: what was given is no table.

    So many queries of the process work at once as `max_concurrent_queries` of its settings says
    (`MR_MAX_CONCURRENT_QUERIES`, by default one for each core); others wait in the order in which they came, at most
    `query_queue_size` of them (`MR_QUERY_QUEUE_SIZE`, 1,000). That time counts. A query within another's callback has
    that one's place. All of them together take no more memory than `max_memory_mb`, what DuckDB holds not counted.

    The query sees the tables that it is given and nothing else: no file, no network, no variable of the caller. Takes
    time linear in the rows where they are in order already, O(n log n) otherwise, and what DuckDB takes for the rest.

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
    given: Mapping[str, GivenCondition] | None = None,
) -> Any:
    """Answer a question, as `match_recognize` does, within what `execution_context` takes as `limits`."""
    query_module()
    # Imports do not count in the query's time.
    stream_query = module("execute.stream").stream_query if stream else None
    context = execution_context(*limits)
    if stream_query is None:
        return answered(question, data, tables, context, isolation, given)
    _take_given(context, given, isolation)
    isolated = _isolated(isolation)
    if stream is not True and stream != "in order":
        raise ConfigurationError(f'stream is {stream!r}; allowed are True, False and "in order"')
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
    given: Mapping[str, GivenCondition] | None = None,
) -> Any:
    """Answer a question over whole tables, when its turn has come."""
    _take_given(context, given, isolation)
    answer = module("isolation").answer_isolated if _isolated(isolation) else query_module().answer_query
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


def explain(
    sql: str,
    data: Any = None,
    /,
    *,
    analyze: bool = False,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    prefer: Literal["first", "longest"] = "first",
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    **tables: Any,
) -> Explanation:
    """Say how a query is answered: where each condition is computed, the automaton, which columns cross, what it costs.

    Args:
        sql: as for `match_recognize`.
        data: as for `match_recognize`.
        analyze: run it, and give the time of each step and its rows a second.
        memory_limit_mb: as for `match_recognize`.
        timeout_seconds: as for `match_recognize`.
        threads: as for `match_recognize`.
        isolation: as for `match_recognize`.
        time_zone: as for `match_recognize`.
        prefer: as for `match_recognize`.
        cancel: as for `match_recognize`.
        parameters: as for `match_recognize`.
        tables: as for `match_recognize`.

    Raises:
        RowPatternError: what `match_recognize` raises. A clause over a subquery is explained when that subquery was
            run.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> explained = rowpattern.explain(
        ...     "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES x AS x PATTERN (A+) DEFINE A AS x > PREV(x))",
        ...     pa.table({"x": [1, 2, 3]}),
        ... )
        >>> print(explained.text.splitlines()[5].strip())
        A AS x > PREV(x): by the engine, over whole columns
        >>> explained.svg()[:4]
        '<svg'
    """
    explain_query = module("execute.explanation").explained
    context = execution_context(memory_limit_mb, timeout_seconds, threads, None, time_zone, cancel, parameters, prefer)
    if _isolated(isolation):
        explain_query = module("isolation").explain_isolated
    try:
        with context.admitted():
            explained: Explanation = explain_query(sql, data, tables, context, analyze=analyze)
            return explained
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
    context = execution_context(memory_limit_mb, timeout_seconds, threads, None, None, cancel, prefer=prefer)
    with context.admitted():
        return find(method, pattern, rows, conditions, partitions, skip, context)


def _take_given(context: ExecutionContext, given: Mapping[str, GivenCondition] | None, isolation: str | None) -> None:
    """Have a query compute conditions that are no texts."""
    if given:
        if isolation is not None:
            message = f"define[{next(iter(given))!r}] is no text, and is computed in this process; write a text"
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


def execution_context(  # noqa: PLR0917 - the arguments of `match_recognize`
    memory_limit_mb: float | None,
    timeout_seconds: float | None,
    threads: int | None,
    progress: bool | Callable[[Progress], object] | None,
    time_zone: str | None,
    cancel: CancelToken | None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
) -> ExecutionContext:
    """Make the context of a query by the arguments of `match_recognize` and the settings."""
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.runtime.threads import available_cores

    performance = get_config().performance
    memory = performance.max_memory_mb if memory_limit_mb is None else memory_limit_mb
    seconds = performance.execution_timeout_seconds if timeout_seconds is None else timeout_seconds
    limits = (min(_limit("memory_limit_mb", memory), _MOST_MEMORY_MB), _limit("timeout_seconds", seconds))
    most = min(available_cores(), performance.max_workers) if threads is None else read_threads("threads", threads)
    if time_zone is not None and (not isinstance(time_zone, str) or not time_zone):
        raise ConfigurationError(f"time_zone is {_shown(time_zone)}; allowed is the name of one, as 'Europe/Berlin'")
    if prefer not in {"first", "longest"}:
        raise ConfigurationError(f'prefer is {_shown(prefer)}; allowed are "first" and "longest"')
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel is {_shown(cancel)}; allowed are a rowpattern.CancelToken and None")
    return ExecutionContext(
        *limits,
        progress,
        most,
        time_zone=time_zone,
        run=QueryRun(cancel),
        cancellable=cancel is not None,
        prefer=prefer,
        # Not before it is needed: it imports what queries need.
        parameters=None if parameters is None else module("expression.parameters").ParameterValues(parameters),
    )


def _limit(name: str, value: object) -> float:
    if (type(value) is float or type(value) is int) and 0 < value < _MOST_MEMORY_MB:
        return float(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            # A whole number that no double holds.
            found = math.inf if cast("float", value) > 0 else -math.inf
        if found > 0:
            return found
    raise ConfigurationError(f"{name} is {_shown(value)}; allowed is a number above 0")


def _shown(value: object, most: int = 40) -> str:
    try:
        text = repr(value)
    except ValueError:
        # Python writes no whole number of more than some thousand digits.
        return f"a value of the type {type(value).__name__} that cannot be shown"
    return text if len(text) <= most else f"{text[:most]}..."
