"""MATCH_RECOGNIZE over Apache Spark: each task answers the partitions that a shuffle brings to it.

Rows are exchanged by a hash of the PARTITION BY columns and of a constant text. Nothing else is distributed by that, so
Spark has no exchange to take in its place, and adaptive execution leaves an exchange that was asked for as it is, but
for giving several of its parts to one task. (`repartition` by the columns themselves is dropped where a join below has
the same distribution, and that join may be read in another way later: the rows of a partition were in several tasks.)

A task gets whole partitions in any order, which the query itself sorts. What crosses to executors is the query's text:
each compiles the pattern once, into a cache of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rowpattern.counted import kind_with_article
from rowpattern.dependencies import packages_of
from rowpattern.distributed.arguments import asked_of_frame
from rowpattern.errors import ConfigurationError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import timedelta

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession
    from typing_extensions import Unpack

    from rowpattern.distributed.arguments import ClauseTexts
    from rowpattern.distributed.plan import Limits, Plan
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["match_recognize", "recognize"]

# So that no other operator of the plan distributes by the same hash.
_HASHED_WITH = "rowpattern.match_recognize"


def match_recognize(
    sql: str,
    data: DataFrame | SparkSession,
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    lateness: str | timedelta | None = None,
) -> DataFrame:
    """Answer a query with MATCH_RECOGNIZE over a Spark data frame, lazily. Spark Connect is as good.

    Args:
        sql: a query that reads one table with MATCH_RECOGNIZE behind it, with PARTITION BY columns; any name in FROM
            means the frame. The clause is DuckDB's SQL; what stands around it (expressions, WHERE, GROUP BY, ORDER BY,
            windows) is Spark's SQL over the clause's answer, in which names in double quotes are names too. Other
            tables are for the caller to join with the answer, or before.
        data: the frame; or a session, where the name in FROM is that of a table or view.
        memory_limit_mb: the most memory that a task's query may take, in MB of 2**20 bytes; by default 1,024, or
            `max_memory_mb` of the settings in the executor's process where that is less. What a task sorts beyond
            that is written to the executor's temporary directory; a partition has to fit.
        timeout_seconds: the most time that a task's query may work; by default `execution_timeout_seconds` there.
        parameters: values for `$name` or `?`, as for `rowpattern.match_recognize`; tasks are sent them.
        prefer: as for `rowpattern.match_recognize`.
        lateness: for a streaming frame, how late rows may be, as "10 s", where the frame has no watermark: it is given
            one (`withWatermark`) on the first key of ORDER BY, which is a time stamp. Rows that come later Spark drops.
            Matches are given as soon as the watermark has passed what decides them; write them in the mode `append`.
            The state is in the RocksDB store, which `spark.sql.streaming.stateStore.providerClass` has to name, and
            is kept by Spark's checkpoints. Needs Spark 4.1.

    Returns:
        a data frame with the columns that `rowpattern.match_recognize` gives for the same rows. Columns of the frame
        keep their types; TIMESTAMP_NTZ stays that, and an interval is a day-time interval (a day has 24 hours).
        Expressions that need a time zone are computed in the session's. As always in Spark, rows come in no order;
        rows that are equal in ORDER BY are matched in whichever order they come.

    Raises:
        UnsupportedQueryError: the query cannot be spread: there is no PARTITION BY, or it is by an expression; it has
            several clauses, or another table; the query reads a column that has no type here (a year-month interval,
            a variant, a text with a collation); or Spark does not have a type of the answer. The message says what to
            write.
        ConfigurationError: a limit is no number above 0.
        TypeError: what was given is no frame of Spark and no session.
        QueryError, QuerySyntaxError, PatternSyntaxError, UnknownVariableError: as for `rowpattern.match_recognize`;
            QueryError also that Spark refuses what stands around the clause.
        MissingDependencyError: pyspark, or what `match_recognize` needs, is not installed.

    What is wrong with rows is raised when Spark computes the answer, as its PythonException with our message.
    Takes an exchange of the columns read, and then in each task what `rowpattern.match_recognize` takes.

    Examples:
        >>> from pyspark.sql import SparkSession
        >>> import rowpattern.spark
        >>> session = SparkSession.builder.getOrCreate()
        >>> rows = [("a", 1, 3), ("a", 2, 2), ("a", 3, 4)]
        >>> prices = session.createDataFrame(rows, "symbol string, day int, price int")
        >>> answer = rowpattern.spark.match_recognize('''
        ...     SELECT * FROM prices MATCH_RECOGNIZE (
        ...         PARTITION BY symbol ORDER BY day MEASURES LAST(DOWN.day) AS ended
        ...         PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))''', prices)
        >>> answer.collect()
        [Row(symbol='a', ended=2)]
    """
    return _answered(sql, data, memory_limit_mb, timeout_seconds, parameters, prefer, lateness)


def recognize(
    data: DataFrame | Mapping[str, DataFrame],
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    lateness: str | timedelta | None = None,
    **arguments: Unpack[ClauseTexts],
) -> DataFrame:
    """Find rows of a Spark data frame that match a pattern, lazily: the clause, argument by argument.

    Args:
        data: the frame, or a mapping of its name to it.
        memory_limit_mb: as for `match_recognize`.
        timeout_seconds: as for `match_recognize`.
        parameters: as for `match_recognize`.
        prefer: as for `match_recognize`.
        lateness: as for `match_recognize`.
        arguments: pattern, define, measures, partition_by (which there must be), order_by, rows_per_match, after_match,
            subset and within, as for `rowpattern.recognize`; conditions are texts.

    Returns:
        what `match_recognize` returns for the clause with these parts.

    Raises:
        RowPatternError: what `match_recognize` raises; errors name the argument.
        UnsupportedQueryError: also that a condition is no text.
        TypeError, ConfigurationError: as for `rowpattern.recognize`.

    Examples:
        >>> from pyspark.sql import SparkSession
        >>> import rowpattern.spark
        >>> session = SparkSession.builder.getOrCreate()
        >>> rows = [("a", 1, 3), ("a", 2, 2), ("a", 3, 4)]
        >>> prices = session.createDataFrame(rows, "symbol string, day int, price int")
        >>> answer = rowpattern.spark.recognize(
        ...     prices,
        ...     partition_by="symbol",
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... )
        >>> answer.collect()
        [Row(symbol='a', ended=2)]
    """
    with packages_of("spark"):
        clause, frame = asked_of_frame(data, **arguments)
    return _answered(clause, frame, memory_limit_mb, timeout_seconds, parameters, prefer, lateness)


def _answered(  # noqa: PLR0917 - the arguments of `match_recognize`
    question: Question,
    data: Any,
    memory_limit_mb: float | None,
    timeout_seconds: float | None,
    parameters: Parameters,
    prefer: Literal["first", "longest"],
    lateness: str | timedelta | None,
) -> DataFrame:
    with packages_of("spark"):
        import pyarrow as pa
        import pyspark.sql

        from rowpattern.distributed import spark_types
        from rowpattern.distributed.plan import Limits, plan_query, table_named
        from rowpattern.distributed.spark_around import around_clause
    # Without the session's time zone, which reading a query does not need.
    reading = Limits(memory_limit_mb, timeout_seconds, parameters=parameters, prefer=prefer).context
    around = around_clause(question, reading) if isinstance(question, str) else None
    if around is not None:
        frame = _answered(around.clause, data, memory_limit_mb, timeout_seconds, around.parameters, prefer, lateness)
        return around.answer(frame.sparkSession, frame)
    is_session = hasattr(data, "table") and hasattr(data, "createDataFrame")
    # Spark Connect's session is of another class.
    if isinstance(question, str) and is_session and not isinstance(data, pyspark.sql.DataFrame):
        data = _table(data, table_named(question, reading))
    if not isinstance(data, pyspark.sql.DataFrame):
        raise TypeError(
            f"data is {kind_with_article(data)}; give a Spark data frame, as session.createDataFrame makes it, or a "
            "session"
        )
    if lateness is not None and not data.isStreaming:
        raise ConfigurationError("lateness is for streaming frames, and this frame ends; leave it out")
    zone = data.sparkSession.conf.get("spark.sql.session.timeZone") or "UTC"
    fields = data.schema.fields
    limits = Limits(memory_limit_mb, timeout_seconds, zone, parameters, prefer)
    plan = plan_query(question, data.columns, lambda at: spark_types.arrow_field(fields[at], zone), limits)
    if data.isStreaming:
        from rowpattern.distributed.spark_streaming import answered_stream

        return answered_stream(data, question, plan, limits, lateness)

    given = {fields[at].name: fields[at] for at in plan.positions}
    answer = [
        spark_types.as_answered(given[origin], f"a{at}")
        if origin is not None
        else pyspark.sql.types.StructField(f"a{at}", spark_types.spark_type(field.type, field.name))
        for at, (field, origin) in enumerate(zip(plan.answer, plan.passed_on))
    ]
    sent = pa.schema([(field.name, spark_types.sent_type(field.dataType, zone)) for field in answer])
    # By their places: names may be anything, also twice the same.
    numbered = data.toDF(*(f"c{at}" for at in range(len(fields))))
    read = [f"c{at}" for at in plan.positions]
    keys = [read[plan.rows.get_field_index(name)] for name in plan.partition_by]
    # As an expression of the exchange, the hash is not sent.
    together = numbered.select(*read).repartition(_expression(data, f"hash({', '.join(keys)}, '{_HASHED_WITH}')"))
    answered = together.mapInArrow(_answering(question, plan, limits, sent), pyspark.sql.types.StructType(answer))
    return answered.toDF(*plan.answer.names)


def _answering(
    question: Question, plan: Plan, limits: Limits, sent: pa.Schema
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a task does; it is sent to executors with the query's text and Arrow's schemas."""

    def answered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from rowpattern.distributed.task import answer_task
        from rowpattern.errors import RowPatternError

        failed = None
        try:
            yield from answer_task(question, batches, plan, limits, sent)
        except RowPatternError as error:
            failed = error
        if failed is not None:
            # Spark shows the whole traceback, which is long.
            raise failed.with_traceback(None)

    return answered


def _expression(frame: DataFrame, sql: str) -> Column:
    """Return an expression for a frame; those of Spark Connect are of another class."""
    if type(frame).__module__.startswith("pyspark.sql.connect."):
        from pyspark.sql.connect.functions import expr
    else:
        from pyspark.sql.functions import expr
    found: Column = expr(sql)
    return found


def _table(session: SparkSession, name: str) -> DataFrame:
    """Return a session's table or view."""
    from pyspark.errors import AnalysisException

    try:
        found = session.table(f"`{name.replace('`', '``')}`")
        # Only now Spark Connect looks for it.
        found.schema  # noqa: B018
    except AnalysisException:
        message = f"the session has no table or view {name}; give a frame, or name it by createOrReplaceTempView"
        raise QueryError(message) from None
    return found
