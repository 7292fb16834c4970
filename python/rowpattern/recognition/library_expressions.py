"""Conditions and measures that are expressions of the caller's library, which computes them over each partition."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

from rowpattern.errors import QueryError
from rowpattern.recognition.row_values import joined, row_values, truths
from rowpattern.sql.text.source_location import candidates

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pyarrow as pa

    #: The table, the place of each row in it (None where rows are in order), where partitions begin, and what raises an
    #: error where time is over; gives a value for each row, in order.
    Compute = Callable[[Any, Optional[np.ndarray[Any, Any]], np.ndarray[Any, Any], Callable[[], None]], pa.ChunkedArray]
    #: What errors call the expression, what its library gives, and for how many rows; gives that in Arrow's form.
    Values = Callable[[str, Any, int], pa.Array]

__all__ = ["GivenExpression", "IbisExpression", "given_condition", "given_measure"]


class GivenExpression(NamedTuple):
    """A condition or a measure that is no text.

    Attributes:
        name: what callers call the argument: `define['DOWN']`.
        shown: what stands for it in the text of the clause.
        compute: computes it.
    """

    name: str
    shown: str
    compute: Compute


def given_condition(name: str, value: Any, data: Any) -> GivenExpression | None:
    """Return what computes a condition; None where it is no expression of a library and no function.

    Args:
        name: what errors call it.
        value: the condition.
        data: the table that it is for.
    """
    return _given(name, value, data, truths)


def given_measure(name: str, value: Any, data: Any) -> GivenExpression | None:
    """Return what computes a measure; as `given_condition`."""
    return _given(name, value, data, row_values)


def _given(name: str, value: Any, data: Any, values: Values) -> GivenExpression | None:
    library = type(value).__module__.split(".")[0]
    if library == "polars" and hasattr(value, "meta"):
        return GivenExpression(name, "(an expression of Polars)", _PolarsExpression(name, value, data, values))
    if isinstance(value, IbisExpression):
        return GivenExpression(name, "(an expression of Ibis)", value.named(name, values))
    if library == "ibis" and (hasattr(value, "resolve") or hasattr(value, "op")):
        return GivenExpression(name, "(an expression of Ibis)", IbisExpression(value).named(name, values))
    if callable(value):
        return GivenExpression(name, "(a function)", _Function(name, value, data, values))
    return None


def _frame(table: Any, data: Any) -> Any:
    """Return the table in the form in which the caller has it: of pandas, of Polars, or of Arrow.

    A block of a stream has it in Arrow's form.
    """
    if table.kind in {"pandas", "polars"}:
        return data
    rows = table.arrow()
    # A frame may be of a class of its own.
    if hasattr(data, "iloc"):
        return rows.to_pandas()
    if any(each.__module__.split(".")[0] == "polars" for each in type(data).__mro__):
        import polars as pl

        return pl.from_arrow(rows)
    return rows


def _partitions(starts: Any, count: int) -> Iterator[tuple[int, int]]:
    ends = [*starts[1:].tolist(), count] if len(starts) else []
    return zip(starts.tolist(), ends)


class _PolarsExpression:
    """An expression of Polars, computed over each partition (`over`)."""

    def __init__(self, name: str, expression: Any, data: Any, values: Values) -> None:
        self._name = name
        self._values = values
        self._expression = expression
        self._data = data

    def __call__(self, table: Any, order: Any, starts: Any, check: Callable[[], None]) -> Any:
        import numpy as np
        import polars as pl

        check()
        frame: Any = self._data
        if table.kind != "polars" or not isinstance(frame, pl.DataFrame):
            frame = pl.from_arrow(table.arrow())
        meta = self._expression.meta
        # An expression may name columns by a pattern.
        if not meta.has_multiple_outputs():
            names = list(dict.fromkeys(meta.root_names()))
            missing = next((each for each in names if each not in frame.columns), None)
            if missing is not None:
                there = candidates(missing, frame.columns, "columns")
                raise QueryError(f"{self._name}: there is no column {missing}; {there}")
            frame = frame.select(names)
        partition = np.zeros(table.rows, dtype=np.int64)
        partition[starts] = 1
        number = "rowpattern partition"
        rows = pl.Series(number, partition.cumsum())
        frame = frame[order] if order is not None and frame.width else frame
        frame = frame.with_columns(rows) if frame.width else rows.to_frame()
        try:
            found = frame.select(self._expression.over(number).alias("value"))
        except pl.exceptions.DuplicateError as error:
            raise QueryError(f"{self._name} is several expressions; give one") from error
        except pl.exceptions.PolarsError as error:
            raise QueryError(f"{self._name}: {str(error).splitlines()[0]}") from error
        return joined(self._name, [self._values(self._name, found.to_series(), table.rows)])


class IbisExpression:
    """An expression of Ibis, or a function of a table of Ibis."""

    def __init__(self, expression: Any) -> None:
        self._expression = expression

    def named(self, name: str, values: Values) -> Compute:
        """Return what computes it; Ibis is imported then."""

        def compute(table: Any, order: Any, starts: Any, check: Callable[[], None]) -> Any:
            from rowpattern.recognition.ibis_expressions import computed

            found = computed(name, self._expression, table, order, starts, check)
            return joined(name, [values(name, found, table.rows)])

        return compute


class _Function:
    """A function of a frame, called for each partition with its rows in order."""

    def __init__(self, name: str, function: Callable[[Any], Any], data: Any, values: Values) -> None:
        self._name = name
        self._values = values
        self._function = function
        self._data = data

    def __call__(self, table: Any, order: Any, starts: Any, check: Callable[[], None]) -> Any:
        found = []
        frame = _frame(table, self._data)
        is_pandas = hasattr(frame, "iloc")
        if order is not None:
            frame = frame.iloc[order] if is_pandas else frame[order] if hasattr(frame, "height") else frame.take(order)
        for begin, end in _partitions(starts, table.rows):
            check()
            found.append(self._of(frame.iloc[begin:end] if is_pandas else frame.slice(begin, end - begin)))
        if not found:
            found = [self._values(self._name, [], 0)]
            # The type of its values, if it says one of no rows.
            with contextlib.suppress(Exception):
                found = [self._of(frame.iloc[:0] if is_pandas else frame.slice(0, 0))]
        return joined(self._name, found)

    def _of(self, part: Any) -> pa.Array:
        """Return its values for the rows of a partition."""
        values = self._function(part)
        if type(values).__module__.split(".")[0] == "polars" and hasattr(values, "meta"):
            values = part.select(values).to_series()
        elif hasattr(part, "iloc") and hasattr(values, "reindex"):
            values = self._in_order_of(part, values)
        return self._values(self._name, values, len(part))

    def _in_order_of(self, part: Any, values: Any) -> Any:
        """Return a series with its rows in the order of the frame's, as pandas aligns them: by the index."""
        labels = values.index
        if len(labels) != len(part) or labels.equals(part.index):
            return values
        if part.index.is_unique and labels.is_unique and labels.isin(part.index).all():
            return values.reindex(part.index)
        message = f"{self._name}: the function gives a Series whose index is not that of its frame"
        raise QueryError(f"{message}; keep the index, or give .to_numpy(), whose values are in the order of the rows")
