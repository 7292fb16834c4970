"""`recognize`: rows that match a pattern, asked for by arguments in place of SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Literal, overload

from rowpattern.recognition.arguments import asked
from rowpattern.sql import answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import pyarrow as pa
    from typing_extensions import Unpack

    from rowpattern._core import CancelToken
    from rowpattern.recognition.arguments import (
        AfterMatch,
        Conditions,
        Keys,
        Measures,
        RecognizeArguments,
        RowsPerMatch,
        Subset,
    )
    from rowpattern.sql.kinds import Frame, Parameters, Streamed
    from rowpattern.sql.runtime.context import Progress

__all__ = ["recognize"]


@overload
def recognize(data: Any, /, *, stream: Streamed, **arguments: Unpack[RecognizeArguments]) -> pa.RecordBatchReader: ...
@overload
def recognize(
    data: Mapping[str, Frame], /, *, stream: Literal[False] = False, **arguments: Unpack[RecognizeArguments]
) -> Frame: ...
@overload
def recognize(data: Frame, /, *, stream: Literal[False] = False, **arguments: Unpack[RecognizeArguments]) -> Frame: ...
@overload
def recognize(
    data: Any, /, *, stream: bool | Literal["in order"] = False, **arguments: Unpack[RecognizeArguments]
) -> Any: ...
def recognize(
    data: Any,
    /,
    *,
    pattern: str,
    define: Conditions = None,
    measures: Measures = None,
    partition_by: Keys = None,
    order_by: Keys = None,
    rows_per_match: RowsPerMatch = "one",
    after_match: AfterMatch = "past last row",
    subset: Subset = None,
    within: str | float | timedelta | None = None,
    prefer: Literal["first", "longest"] = "first",
    parameters: Parameters = None,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    stream: bool | Literal["in order"] = False,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    cancel: CancelToken | None = None,
) -> Any:
    """Find rows that match a pattern: the MATCH_RECOGNIZE clause, argument by argument.

    The answer, the limits and the errors are those of `match_recognize` for the clause with the same parts.

    Args:
        data: one table, of any kind that `match_recognize` takes, or a mapping of its name to it. Expressions may put
            that name before the name of a column.
        pattern: the row pattern, as `"START DOWN+ UP+"`.
        define: the conditions of the variables, in DuckDB's SQL with the functions of the clause, as
            `{"DOWN": "price < PREV(price)"}`. A name means the variable of the pattern in upper or lower case, unless
            it is in double quotes here or in the pattern. A condition that reads rows at fixed distances may also be an
            expression of Polars (`pl.col("price") < pl.col("price").shift()`) or Ibis, or a function that returns a
            boolean for each row of a frame (`lambda df: df.price < df.price.shift()`). The library computes it for each
            partition, with the rows in order; NULL counts as not true. A function gets a frame of pandas or Polars if
            such a frame was given, and an Arrow table otherwise.
        measures: the computed columns of the answer, each with its expression, as `{"lowest": "LAST(DOWN.price)"}`. It
            may also be an expression of Polars or Ibis or a function of a frame, as in `define`, with a value of any
            type for each row. As with a column that is named alone, the match's last row has the value, or the row
            itself where the answer has all rows, and later measures may name it.
        partition_by: the keys, as `"symbol"`, `"symbol, day"` or `["symbol", "day"]`.
        order_by: the keys and how they are sorted, as `"ts"`, `"ts DESC NULLS LAST"`, or a list of such texts.
        rows_per_match: `"one"` gives a row for each match; `"all"` gives each row of each match, and a row for each
            empty match; `"all omit empty"` leaves the latter out; `"all with unmatched"` also gives the rows that
            belong to no match.
        after_match: where the search goes on: `"past last row"`, `"to next row"`, `("to first", "A")` or
            `("to last", "A")`.
        subset: union variables, as `{"MOVE": ["DOWN", "UP"]}`.
        within: the largest distance of a match's last row from its first, in the first key of ORDER BY, as
            `"INTERVAL 10 MINUTES"` or `"5"`; a `timedelta` or a number says the same.
        prefer: as for `match_recognize`.
        parameters: values for `$name`, as for `match_recognize`. `?` cannot be used, as arguments have no order.
        memory_limit_mb: as for `match_recognize`.
        timeout_seconds: as for `match_recognize`.
        threads: as for `match_recognize`.
        progress: as for `match_recognize`.
        stream: as for `match_recognize`.
        isolation: as for `match_recognize`.
        time_zone: as for `match_recognize`.
        cancel: as for `match_recognize`.

    Returns:
        what `match_recognize` returns for `SELECT * FROM data MATCH_RECOGNIZE (...)`: a table of the kind given.

    Raises:
        RowPatternError: what `match_recognize` raises. Errors name the argument: `define["DOWN"], line 1, column 9`.
        TypeError: an argument has another type, or `data` is not a table or is a mapping of several tables.
        ConfigurationError: an argument has a value that it cannot have; or a condition or a measure is not a text and
            `isolation` is given, which needs texts.
        QueryError: also if a library cannot compute a condition or a measure, or does not give a boolean, or a value,
            for each row. An exception of a function is raised unchanged.

    Each text is parsed separately, as exactly one expression or one list of keys, so it cannot change the rest of the
    clause. Takes the time that `match_recognize` takes. An example:

    >>> import pyarrow as pa
    >>> import rowpattern
    >>> prices = pa.table({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]})
    >>> rowpattern.recognize(
    ...     prices,
    ...     order_by="day",
    ...     pattern="DOWN+ UP+",
    ...     define={"DOWN": "price < PREV(price)", "UP": "price > PREV(price)"},
    ...     measures={"begun": "FIRST(DOWN.day)", "lowest": "LAST(DOWN.price)", "ended": "LAST(UP.day)"},
    ... ).to_pylist()
    [{'begun': 2, 'lowest': 70, 'ended': 5}]
    """
    clause, table, given = asked(
        data,
        pattern=pattern,
        define=define,
        measures=measures,
        partition_by=partition_by,
        order_by=order_by,
        rows_per_match=rows_per_match,
        after_match=after_match,
        subset=subset,
        within=within,
    )
    limits = (memory_limit_mb, timeout_seconds, threads, progress, time_zone, cancel, parameters, prefer)
    return answer(clause, table, {}, limits, stream, isolation, given)
