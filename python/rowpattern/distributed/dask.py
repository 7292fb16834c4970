"""MATCH_RECOGNIZE over Dask frames of pandas: PARTITION BY is the shuffle's key.

Dask's partitions may hold a column in different forms: booleans with and without NULL, categories of their own, two
kinds of texts. So each is first given Arrow's type that the frame's meta stands for, and a hash of the PARTITION BY
columns' values; by that hash rows are shuffled. Rows carry their number in the frame, by which they are put in order
again, so that rows that are equal in ORDER BY are matched in the frame's order. Each of Dask's partitions then has
whole partitions of the query, and is answered in memory by the worker that holds it, with a pattern cache of its own.
What stands around the clause is answered there too, or by one task over the whole answer of the clause.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from rowpattern.counted import kind_with_article
from rowpattern.dependencies import packages_of
from rowpattern.distributed.arguments import asked_of_frame
from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa
    from typing_extensions import Unpack

    from rowpattern.distributed.arguments import ClauseTexts
    from rowpattern.distributed.cut_query import CutQuery
    from rowpattern.distributed.plan import Limits, Plan
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["match_recognize", "recognize"]

_HASH, _NUMBER = "hash", "number"
# A row's number is that of its partition, moved by this number of bits, and that of the row in it.
_ROW_BITS = 40


def match_recognize(
    sql: str,
    data: Any,
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
) -> Any:
    """Answer a query with MATCH_RECOGNIZE over a Dask frame, lazily.

    Args:
        sql: a query that reads one table with MATCH_RECOGNIZE behind it, with PARTITION BY columns; any name in FROM
            means the frame. What stands around the clause is DuckDB's SQL: expressions over a row, WHERE, and GROUP BY
            with the PARTITION BY columns among its keys are computed for each of Dask's partitions; for all else the
            clause's answer is brought together, and answered by one task.
        data: a `dask.dataframe.DataFrame`. Its dtypes say what it holds; columns of the dtype object hold texts.
        memory_limit_mb: the most memory that the query may take for one of Dask's partitions, in MB of 2**20 bytes; by
            default `max_memory_mb` of the settings in the worker's process.
        timeout_seconds: the most time for each; by default `execution_timeout_seconds` there.
        parameters: values for `$name` or `?`, as for `rowpattern.match_recognize`; workers are sent them.
        prefer: as for `rowpattern.match_recognize`.

    Returns:
        a Dask frame with the columns that `rowpattern.match_recognize` gives for the same rows in one pandas frame, in
        the order of partitions within each of Dask's; where one task answers what is around the clause, in one
        partition of Dask's, in that order. Columns of the frame that are only shown keep their dtypes. Integers and
        booleans that are computed have pandas' dtypes with NULL (Int64, boolean), whether there is a NULL or not: what
        a column is does not depend on the rows.

    Raises:
        UnsupportedQueryError: the query cannot be spread, as for Spark.
        ConfigurationError: a limit is no number above 0.
        TypeError: what was given is no Dask frame.
        QueryError, QuerySyntaxError, PatternSyntaxError, UnknownVariableError: as for `rowpattern.match_recognize`.
        MissingDependencyError: dask, or what `match_recognize` needs, is not installed.

    Takes a shuffle, and for each of Dask's partitions what `rowpattern.match_recognize` takes.

    Examples:
        >>> import dask
        >>> import dask.dataframe
        >>> import pandas as pd
        >>> import rowpattern.dask
        >>> prices = pd.DataFrame({"symbol": ["a", "a", "a", "b"], "day": [1, 2, 3, 1], "price": [3, 2, 4, 5]})
        >>> frame = dask.dataframe.from_pandas(prices, npartitions=2)
        >>> answer = rowpattern.dask.match_recognize('''
        ...     SELECT * FROM prices MATCH_RECOGNIZE (
        ...         PARTITION BY symbol ORDER BY day MEASURES LAST(DOWN.day) AS ended
        ...         PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))''', frame)
        >>> with dask.config.set(scheduler="synchronous"):
        ...     answer.compute().to_dict("list")
        {'symbol': ['a'], 'ended': [2]}
    """
    return _answered(sql, data, memory_limit_mb, timeout_seconds, parameters, prefer)


def recognize(
    data: Any,
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    **arguments: Unpack[ClauseTexts],
) -> Any:
    """Find rows of a Dask frame that match a pattern, lazily: the clause, argument by argument.

    Args:
        data: a `dask.dataframe.DataFrame`, or a mapping of its name to it.
        memory_limit_mb: as for `match_recognize`.
        timeout_seconds: as for `match_recognize`.
        parameters: as for `match_recognize`.
        prefer: as for `match_recognize`.
        arguments: as for `rowpattern.spark.recognize`.

    Returns:
        what `match_recognize` returns for the clause with these parts.

    Raises:
        RowPatternError: what `match_recognize` raises; errors name the argument.
        UnsupportedQueryError: also that a condition is no text.
        TypeError, ConfigurationError: as for `rowpattern.recognize`.

    Examples:
        >>> import dask
        >>> import dask.dataframe
        >>> import pandas as pd
        >>> import rowpattern.dask
        >>> prices = pd.DataFrame({"symbol": ["a", "a", "a", "b"], "day": [1, 2, 3, 1], "price": [3, 2, 4, 5]})
        >>> answer = rowpattern.dask.recognize(
        ...     dask.dataframe.from_pandas(prices, npartitions=2),
        ...     partition_by="symbol",
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... )
        >>> with dask.config.set(scheduler="synchronous"):
        ...     answer.compute().to_dict("list")
        {'symbol': ['a'], 'ended': [2]}
    """
    with packages_of("dask"):
        clause, frame = asked_of_frame(data, **arguments)
    return _answered(clause, frame, memory_limit_mb, timeout_seconds, parameters, prefer)


def _answered(  # noqa: PLR0917 - the arguments of `match_recognize`
    question: Question,
    data: Any,
    memory_limit_mb: float | None,
    timeout_seconds: float | None,
    parameters: Parameters,
    prefer: Literal["first", "longest"],
) -> Any:
    with packages_of("dask"):
        import dask.dataframe

        from rowpattern.distributed.cut_query import cut_query, has_one_clause
        from rowpattern.distributed.gathered import empty_packed
        from rowpattern.distributed.plan import Limits, answered_by_tasks, plan_query
        from rowpattern.sql.execute.query import parsed_query
    if not isinstance(data, dask.dataframe.DataFrame):
        raise TypeError(f"data is {kind_with_article(data)}; give a Dask frame, as dask.dataframe.from_pandas makes it")
    nothing: pd.DataFrame = data._meta  # noqa: SLF001 - Dask's own name for the frame without rows, which extensions use
    names = [str(label) for label in nothing.columns]
    whole, whole_limits = question, Limits(memory_limit_mb, timeout_seconds, parameters=parameters, prefer=prefer)
    limits, cut = whole_limits, None
    context = limits.context
    parsed = parsed_query(question, context)
    if has_one_clause(parsed) and not answered_by_tasks(parsed):
        cut = cut_query(parsed, context)
        question, limits = cut.clause, replace(limits, parameters=cut.parameters)
    plan = plan_query(question, names, lambda at: _field(nothing.iloc[:, at]), limits)

    given = {names[at]: nothing.dtypes.iloc[at] for at in plan.positions}
    dtypes = [
        _dtype(field.type, given[origin] if origin is not None else None)
        for field, origin in zip(plan.answer, plan.passed_on)
    ]
    labels = [nothing.columns[at] for at in plan.positions]
    prepared = data[labels].map_partitions(
        _prepare, plan, meta=_prepare(nothing[labels], plan), enforce_metadata=False, align_dataframes=False
    )
    # The hash column itself is not sent.
    together = prepared.drop(columns=_HASH).shuffle(on=prepared[_HASH], ignore_index=True)
    if cut is None:
        meta = _pandas(plan.answer.empty_table(), dtypes)
        return together.map_partitions(_answer, question, plan, limits, dtypes, meta=meta, enforce_metadata=False)
    shown = whole_limits.answer(whole, plan.rows.empty_table(), stream=True).schema
    dtypes = [_dtype(field.type, None) for field in shown]
    parts = together.map_partitions(_answer, question, plan, limits, None, meta=empty_packed(), enforce_metadata=False)
    return parts.repartition(npartitions=1).map_partitions(
        _answer_around,
        cut,
        plan.answer,
        replace(limits, parameters=cut.around_parameters),
        dtypes,
        shown,
        meta=_pandas(shown.empty_table(), dtypes),
        enforce_metadata=False,
    )


def _field(column: pd.Series) -> pa.Field:
    """Return a column of the frame without rows as Arrow has it."""
    import pandas as pd
    import pyarrow as pa

    from rowpattern.sql.arrow.encodings import readable_type

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        # Categories that are not known yet are one text.
        column = dtype.categories.to_series()
    if column.dtype == object:
        return pa.field("", pa.large_string())
    kind = pa.array(column, from_pandas=True).type
    return pa.field("", readable_type(kind.value_type if pa.types.is_dictionary(kind) else kind))


def _prepare(frame: pd.DataFrame, plan: Plan, partition_info: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the columns that the query reads in their types, a hash of the partition, and the rows' numbers."""
    import numpy as np
    import pandas as pd

    from rowpattern.sql.tables.inputs import read_table

    table = read_table(frame, "data")
    columns = {}
    for name, field in zip(table.names, plan.rows):
        columns[field.name] = _typed(table.column(name), field.type, field.name)
    arrays: dict[str, Any] = {
        f"c{at}": pd.arrays.ArrowExtensionArray(values) for at, values in enumerate(columns.values())
    }
    arrays[_HASH] = _hash([columns[name] for name in plan.partition_by], len(frame))
    first = (partition_info["number"] if partition_info else 0) << _ROW_BITS
    arrays[_NUMBER] = np.arange(first, first + len(frame), dtype=np.int64)
    return pd.DataFrame(arrays, copy=False)


def _typed(values: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    from rowpattern.sql.arrow.casting import as_type

    found = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    is_ = pa.types
    if is_.is_large_string(kind) and not (is_.is_string(found) or is_.is_large_string(found) or is_.is_null(found)):
        message = f"column {name} has values of the type {found}, and its dtype does not say so"
        raise QueryError(f"{message}; give it one first, as in astype('{found}[pyarrow]'), or as_known() categories")
    return as_type(values.cast(found), kind, name)


def _hash(keys: list[pa.ChunkedArray], rows: int) -> Any:
    """Return a number for each row that is the same where all keys are equal."""
    import numpy as np

    found = np.zeros(rows, dtype=np.uint64)
    for key in keys:
        # Knuth's multiplicative hash; Dask hashes the result again.
        found = (found ^ _hashed(key)) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(32)
    return found.view(np.int64)


def _hashed(key: pa.ChunkedArray) -> Any:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    is_ = pa.types
    if is_.is_null(key.type):
        return np.zeros(len(key), dtype=np.uint64)
    if is_.is_string(key.type) or is_.is_large_string(key.type) or is_.is_binary(key.type):
        coded = key.combine_chunks().dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        texts = pd.util.hash_array(coded.dictionary.to_numpy(zero_copy_only=False).astype(object), categorize=False)
        codes = coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        return np.append(texts, np.uint64(0))[codes]
    if is_.is_decimal(key.type) or is_.is_floating(key.type):
        values = key.cast(pa.float64(), safe=False).to_numpy()
        # One zero, and one NaN, which stands for NULL too.
        return np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)
    if is_.is_date32(key.type) or is_.is_time32(key.type):
        key = key.cast(pa.int32())
    elif is_.is_temporal(key.type):
        key = key.cast(pa.int64())
    return key.fill_null(False if is_.is_boolean(key.type) else 0).to_numpy().astype(np.uint64)


def _answer(
    frame: pd.DataFrame, question: Question, plan: Plan, limits: Limits, dtypes: list[Any] | None
) -> pd.DataFrame:
    """Answer the query over whole partitions; without dtypes, as what is brought together."""
    import numpy as np
    import pyarrow as pa

    from rowpattern.distributed.gathered import packed

    number = frame[_NUMBER].to_numpy()
    columns = [pa.chunked_array(frame[f"c{at}"].array.__arrow_array__()) for at in range(len(plan.rows))]
    rows = pa.Table.from_arrays([values.cast(field.type) for values, field in zip(columns, plan.rows)], plan.rows.names)
    if np.any(number[1:] < number[:-1]):
        rows = rows.take(np.argsort(number, kind="stable"))
    answer = limits.answer(question, rows)
    return packed(answer, plan.answer) if dtypes is None else _pandas(answer, dtypes, plan.answer)


def _answer_around(  # noqa: PLR0917 - Dask passes arguments by place
    parts: pd.DataFrame, cut: CutQuery, answer: pa.Schema, limits: Limits, dtypes: list[Any], shown: pa.Schema
) -> pd.DataFrame:
    """Answer what is around the clause."""
    from rowpattern.distributed.gathered import answered_around

    return _pandas(answered_around(parts, cut, answer, limits), dtypes, shown)


def _dtype(kind: pa.DataType, origin: Any | None) -> Any:
    """Return the dtype of a column of the answer, given that of the frame's column that it is, if it is one."""
    import pandas as pd
    import pyarrow as pa

    if origin is not None:
        return origin
    if pa.types.is_integer(kind):
        return pd.api.types.pandas_dtype(str(kind).replace("int", "Int").replace("uI", "UI"))
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    return pa.chunked_array([], kind).to_pandas().dtype


def _pandas(table: pa.Table, dtypes: list[Any], schema: pa.Schema | None = None) -> pd.DataFrame:
    import pandas as pd

    from rowpattern.sql.arrow.casting import as_type

    columns = {}
    for at, (values, dtype, field) in enumerate(zip(table.columns, dtypes, schema or table.schema)):
        values = as_type(values, field.type, field.name)  # noqa: PLW2901 - the same values
        if hasattr(dtype, "__from_arrow__"):
            columns[at] = pd.Series(dtype.__from_arrow__(values), copy=False)
            continue
        try:
            columns[at] = values.to_pandas().astype(dtype)
        except (TypeError, ValueError) as error:
            message = f"column {field.name} has values that its dtype {dtype} cannot hold"
            raise QueryError(f"{message}: {error}; give it another with astype") from None
    frame = pd.DataFrame(columns, copy=False)
    frame.columns = pd.Index(table.column_names)
    return frame
