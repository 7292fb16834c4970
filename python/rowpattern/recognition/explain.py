"""`explain`: how a query in SQL, or what `recognize` is asked, is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from rowpattern.recognition.arguments import asked
from rowpattern.sql import explained

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rowpattern._core import CancelToken
    from rowpattern.recognition.arguments import PartitionedClause
    from rowpattern.sql.execute.explanation import Explanation
    from rowpattern.sql.kinds import Parameters

__all__ = ["explain"]


@overload
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
) -> Explanation: ...
@overload
def explain(
    data: Any,
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
    **parts: Unpack[PartitionedClause],
) -> Explanation: ...
def explain(
    question: Any,
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
    **more: Any,
) -> Explanation:
    """Say how a query is answered: where each condition is computed, the automaton, which columns cross, what it costs.

    Args:
        question: a query in SQL, as for `match_recognize`; or one table, as for `recognize`, with the parts of the
            clause as arguments.
        data: as for `match_recognize`, where the question is SQL.
        analyze: run it, and give the time of each step and its rows a second.
        memory_limit_mb: as for `match_recognize`.
        timeout_seconds: as for `match_recognize`.
        threads: as for `match_recognize`.
        isolation: as for `match_recognize`.
        time_zone: as for `match_recognize`.
        prefer: as for `match_recognize`.
        cancel: as for `match_recognize`.
        parameters: as for `match_recognize`.
        more: where the question is SQL, the tables by name, as for `match_recognize`; otherwise `pattern`, `define`,
            `measures`, `partition_by`, `order_by`, `rows_per_match`, `after_match`, `subset` and `within`, as for
            `recognize`.

    Raises:
        RowPatternError: what `match_recognize` and `recognize` raise. A clause over a subquery is explained when that
            subquery was run.
        TypeError: an argument is of another type, or the parts of a clause have no `pattern`.

    Takes the time of planning the query, some milliseconds; with `analyze` also that of the query. Examples:

        >>> import pyarrow as pa
        >>> import rowpattern
        >>> table = pa.table({"x": [1, 2, 3]})
        >>> clause = "MATCH_RECOGNIZE (ORDER BY x MEASURES x AS x PATTERN (A+) DEFINE A AS x > PREV(x))"
        >>> explained = rowpattern.explain(f"SELECT * FROM t {clause}", table)
        >>> print(explained.text.splitlines()[5].strip())
        A AS x > PREV(x): by the engine, over whole columns
        >>> explained.svg()[:4]
        '<svg'
        >>> explained = rowpattern.explain(
        ...     table, order_by="x", pattern="A+", define={"A": "x > PREV(x)"}, rows_per_match="all"
        ... )
        >>> print(explained.text.splitlines()[5].strip())
        A AS x > PREV(x): by the engine, over whole columns
    """
    limits = (memory_limit_mb, timeout_seconds, threads, None, time_zone, cancel, parameters, prefer)
    if isinstance(question, str):
        return explained(question, data, more, limits, isolation, analyze=analyze)
    if data is not None:
        raise TypeError("explain takes a query and its table, or a table and the parts of a clause, not two tables")
    if "pattern" not in more:
        raise TypeError("explain takes a query as a text, or a table and the parts of a clause, with pattern=...")
    clause, table, given = asked(question, **more)
    return explained(clause, table, {}, limits, isolation, given, analyze=analyze)
