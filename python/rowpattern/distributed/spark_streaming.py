"""MATCH_RECOGNIZE over a streaming frame of Spark: continuous queries in `transformWithState`, with the RocksDB store.

Rows are grouped by a bucket, a hash of the PARTITION BY columns: a bucket's state is the checkpoint of one continuous
query over all its partitions, so that a micro-batch costs a query a bucket, and not one a partition. Rows wait in that
state until the watermark, which is Spark's, has passed them. As a micro-batch may bring a bucket's rows in several
parts, the watermark is taken as a timer, which fires behind all of them.

Values cross as rows of Python: pandas would make floats of integers with NULLs. Instants cross as microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pyspark.sql import Row, types
from pyspark.sql.streaming.stateful_processor import StatefulProcessor

from rowpattern.continuous_query.checkpoint import open_checkpoint
from rowpattern.continuous_query.event_keys import EventKey, OrderKey
from rowpattern.continuous_query.options import Options
from rowpattern.continuous_query.query import ContinuousQuery
from rowpattern.continuous_query.query_plan import query_plan
from rowpattern.distributed import spark_types
from rowpattern.errors import UnsupportedQueryError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame
    from pyspark.sql.streaming.stateful_processor import ExpiredTimerInfo, StatefulProcessorHandle, TimerValues

    from rowpattern.continuous_query.query_plan import QueryPlan
    from rowpattern.distributed.plan import Limits, Plan
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["answered_stream"]

# Where Spark keeps the lateness of a column.
_WATERMARK = "spark.watermarkDelayMs"
_BUCKET, _TIME = "bucket", "time"
_STATE = types.StructType([types.StructField("checkpoint", types.BinaryType())])
# Rows wait for Spark's watermark, and for nothing else.
_NEVER_LATE = "300000 days"


class _Stream(NamedTuple):
    """What a task has to know.

    Attributes:
        question: the query, or the clause.
        rows: the columns that it reads.
        read: what Spark calls these.
        answer: the columns that Spark is sent.
        time: the type of the first key of ORDER BY.
        limits: of a task.
    """

    question: Question
    rows: pa.Schema
    read: tuple[str, ...]
    answer: pa.Schema
    time: pa.DataType
    limits: Limits

    def plan(self) -> QueryPlan:
        """Read the query."""
        options = Options(
            lateness=_NEVER_LATE,
            late="drop",
            memory_limit_mb=self.limits.task_memory_mb,
            threads=1,
            time_zone=self.limits.time_zone,
            prefer=self.limits.prefer,
            parameters=self.limits.parameters,
        )
        return query_plan(self.question, self.rows, options)


def answered_stream(
    data: DataFrame, question: Question, plan: Plan, limits: Limits, lateness: str | dt.timedelta | None
) -> DataFrame:
    """Answer a query over a streaming frame.

    Args:
        data: the frame.
        question: the query, or the clause.
        plan: of the query.
        limits: of each task.
        lateness: how late rows may be; None where the frame has a watermark.

    Raises:
        UnsupportedQueryError: the first key of ORDER BY is no rising time stamp, there is no watermark, or this version
            of Spark cannot do it.
        ConfigurationError: lateness is no duration of at least 0.
    """
    names = data.columns
    time = _time_column(data, plan)
    zone = limits.time_zone or "UTC"
    fields = {field.name: field for field in data.schema.fields}
    for name in plan.rows.names:
        _refuse_inner_instants(fields[name].dataType, name)
    numbered = data.toDF(*(f"c{at}" for at in range(len(names))))
    at_time = f"c{names.index(time)}"
    if lateness is not None:
        late_by = EventKey(OrderKey(time), pa.timestamp("us")).width(lateness)
        numbered = numbered.withWatermark(at_time, f"{late_by} microseconds")
    elif _WATERMARK not in (fields[time].metadata or {}):
        message = f"the frame has no watermark on {time}, by which rows are known to be complete"
        raise UnsupportedQueryError(f'{message}; give lateness, as lateness="10 s", or call withWatermark before')
    read = [f"c{at}" for at in plan.positions]
    keys = [read[plan.rows.get_field_index(name)] for name in plan.partition_by]
    buckets = int(str(data.sparkSession.conf.get("spark.sql.shuffle.partitions")))
    columns = [
        f"pmod(hash({', '.join(keys)}), {buckets}) AS {_BUCKET}",
        f"{at_time} AS {_TIME}",
        *(
            f"unix_micros({name}) AS {name}" if _is_instant(fields[field.name].dataType) else name
            for name, field in zip(read, plan.rows)
        ),
    ]
    answer = [
        spark_types.as_answered(fields[origin], f"a{at}")
        if origin is not None
        else types.StructField(f"a{at}", spark_types.spark_type(field.type, field.name))
        for at, (field, origin) in enumerate(zip(plan.answer, plan.passed_on))
    ]
    for field, named in zip(answer, plan.answer):
        _refuse_inner_instants(field.dataType, named.name)
    sent = pa.schema([(field.name, spark_types.sent_type(field.dataType, zone)) for field in answer])
    crossing = types.StructType([_crossing(field) for field in answer])
    processor = _Processor(_Stream(question, plan.rows, tuple(read), sent, plan.rows.field(time).type, limits))
    grouped = numbered.selectExpr(*columns).groupBy(_BUCKET)
    if not hasattr(grouped, "transformWithState"):
        message = "this version of Spark has no transformWithState for rows of Python"
        raise UnsupportedQueryError(f"{message}; streaming frames need Spark 4.1 or later")
    found = grouped.transformWithState(processor, crossing, "append", "eventTime")
    back = [
        f"timestamp_micros({field.name}) AS {field.name}" if _is_instant(field.dataType) else field.name
        for field in answer
    ]
    shown: DataFrame = found.selectExpr(*back).toDF(*plan.answer.names)
    return shown


class _Processor(StatefulProcessor):
    """Answers a bucket's partitions, micro-batch by micro-batch."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Begin a task of a micro-batch."""
        self._handle = handle
        self._state = handle.getValueState("query", _STATE)
        # Once for all buckets of the task.
        self._plan = self._stream.plan()

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: TimerValues) -> Iterator[Row]:  # noqa: N802, N803, ARG002
        """Take rows of a bucket."""
        query = self._query()
        found = query.push(_table(rows, self._stream))
        self._state.update((query.checkpoint(),))
        # It fires in this micro-batch, behind the bucket's last rows.
        self._handle.registerTimer(max(0, timerValues.getCurrentWatermarkInMs() - 1))
        yield from _rows(found, self._stream.answer)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ARG002
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803, ARG002
    ) -> Iterator[Row]:
        """Take the watermark: no later row is below it."""
        watermark = timerValues.getCurrentWatermarkInMs()
        if not self._state.exists():
            return
        query = self._query()
        found = query.advance(pa.scalar(watermark, pa.timestamp("ms", self._stream.time.tz)))
        state = query.state()
        if state.partitions or state.unreleased_rows:
            self._state.update((query.checkpoint(),))
            # When the watermark has moved.
            self._handle.registerTimer(watermark + 1)
        else:
            self._state.clear()
        yield from _rows(found, self._stream.answer)

    def close(self) -> None:
        """End a task."""

    def _query(self) -> ContinuousQuery:
        """Return the bucket's query: as it was stored, or one without rows."""
        query, stored = ContinuousQuery(self._plan), self._state.get()
        if stored is not None:
            most_bytes = int(self._stream.limits.task_memory_mb * 2**20)
            query._restore(open_checkpoint(bytes(stored[0]), most_bytes=most_bytes))  # noqa: SLF001 - ours
        return query


def _time_column(data: DataFrame, plan: Plan) -> str:
    """Return the first key of ORDER BY.

    Raises:
        UnsupportedQueryError: it is none that Spark has watermarks of.
    """
    if not plan.order_by or plan.descends:
        what = "there is no ORDER BY" if not plan.order_by else f"ORDER BY {plan.order_by[0]} falls"
        raise UnsupportedQueryError(f"{what}, and a stream is matched in the order of its time; write ORDER BY a time")
    name = plan.order_by[0]
    kind = data.schema[name].dataType
    if not isinstance(kind, (types.TimestampType, types.TimestampNTZType)):
        message = f"{name}, the first key of ORDER BY, is {kind.simpleString()}, and Spark's watermarks are time stamps"
        raise UnsupportedQueryError(f"{message}; order by a time stamp")
    return name


def _is_instant(kind: types.DataType) -> bool:
    return isinstance(kind, types.TimestampType)


def _refuse_inner_instants(kind: types.DataType, name: str) -> None:
    """Refuse instants inside of lists and the like, which would cross in the time zone of the machine.

    Raises:
        UnsupportedQueryError: there are some.
    """
    if not _is_instant(kind) and "timestamp," in f"{kind.simpleString()},".replace(">", ",").replace("<", ","):
        message = f"{name} is {kind.simpleString()}, with instants inside, which a stream does not carry"
        raise UnsupportedQueryError(f"{message}; make columns of these first")


def _crossing(field: types.StructField) -> types.StructField:
    return types.StructField(field.name, types.LongType()) if _is_instant(field.dataType) else field


def _table(rows: Iterable[Row], stream: _Stream) -> pa.Table:
    """Return rows of Python as a table."""
    given = list(rows)
    if not given:
        return stream.rows.empty_table()
    columns = list(zip(*given))
    places = [given[0].__fields__.index(name) for name in stream.read]
    arrays = [pa.array(columns[place], field.type) for place, field in zip(places, stream.rows)]
    return pa.Table.from_arrays(arrays, schema=stream.rows)


def _rows(found: pa.Table, sent: pa.Schema) -> Iterator[Row]:
    """Return an answer as rows of Python."""
    columns = [_values(column, field) for column, field in zip(found.columns, sent)]
    for values in zip(*columns) if columns else [()] * found.num_rows:
        yield Row(*sent.names)(*values)


def _values(column: pa.ChunkedArray, field: pa.Field) -> list[Any]:
    cast = column.cast(field.type)
    if pa.types.is_timestamp(field.type) and field.type.tz is not None:
        cast = cast.cast(pa.int64())
    values: list[Any] = cast.to_pylist()
    if pa.types.is_map(field.type):
        return [None if value is None else dict(value) for value in values]
    return values
