"""A table that a query reads, as Arrow columns that cross only when they are asked for; and one of DuckDB's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern._core import _check_column
from rowpattern.errors import QueryError, RowsError
from rowpattern.sql.arrow.casting import has_intervals
from rowpattern.sql.arrow.categories import marked, with_one_dictionary
from rowpattern.sql.arrow.encodings import PLAIN_TYPES, is_view, readable
from rowpattern.sql.arrow.time_units import NANOSECONDS_A_DAY, nanoseconds_a_unit, number_type
from rowpattern.sql.duckdb.beyond_arrow import in_arrows_range
from rowpattern.sql.duckdb.exchange import message_of
from rowpattern.sql.duckdb.names import check_name, named_twice
from rowpattern.sql.runtime.no_limit import no_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.tables.pandas_values import PandasValues

__all__ = ["RelationTable", "Table", "check_names", "checked"]


class Table:
    """A table that a query reads.

    Attributes:
        kind: `"pandas"`, `"polars"`, `"polars lazy"`, `"arrow"`, `"reader"` or `"duckdb"`.
        names: its columns, in order.
        rows: how many there are.
        remaining: gives what is left of the query's limits, as arguments of the core's functions.
        hold: takes the number of bytes that a column is about to take, against the limits of the query.
        check: raises an error where the query's time is over.
    """

    kind = "arrow"
    remaining: Callable[[], Mapping[str, Any]] = staticmethod(dict)
    hold: Callable[[int], None] = staticmethod(lambda _: None)
    check: Callable[[], None] = staticmethod(no_limit)
    _is_checked = False

    def __init__(self, table: pa.Table, kind: str = "arrow", *, is_checked: bool = False) -> None:
        """Take an Arrow table; `is_checked` says that its names and values were checked before."""
        self._table = table
        # Asking the table for it makes a new object each time.
        self._schema = table.schema
        self.kind = kind
        self.names = list(table.column_names)
        self.rows: int = table.num_rows
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._views: dict[str, pa.ChunkedArray] = {}
        self._is_checked = is_checked
        if not is_checked:
            check_names(self.names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column, checked and converted at the first call.

        Raises:
            RowsError: its values cannot be read, as text that is not UTF-8.
        """
        found = self._columns.get(name)
        if found is None:
            found = self._convert(name)
            if not self._is_checked:
                found = checked(found, name)
            if found.type.id not in PLAIN_TYPES:
                found = with_one_dictionary(readable(found, name, self.hold), name)
            self._columns[name] = found
        return found

    def few(self, name: str) -> tuple[Any, pa.DataType]:
        """Return a column of few rows as `FewRows` takes it, and its type as of `column`.

        Raises:
            RowsError: as for `column`.
        """
        found = self.column(name)
        return found, found.type

    def texts(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of texts that are only compared with others, not checked and in whatever encoding it has.

        None where it has no texts, or where `column` gives them as quickly. Whoever reads them has to check each.
        """
        return None if name in self._columns else self._text_views(name)

    def _text_views(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of texts that are views; None where it is another."""
        is_text_view = pa.types.is_string_view(self._schema.field(name).type)
        return self._table.column(name) if is_text_view else None

    def shown(self, name: str) -> pa.ChunkedArray:
        """Return a column by which rows are ordered, or which is shown, and with which nothing is computed.

        As `column`, but that views of text may stay what they are, so that only views are taken and no text is copied.

        Raises:
            RowsError: as for `column`.
        """
        found = self._columns.get(name)
        if found is None:
            found = self._views.get(name)
        if found is None:
            views = self._text_views(name) if self.rows else None
            # A view says where its text is in the memory of its own chunk.
            if views is None or views.num_chunks != 1:
                return self.column(name)
            found = self._views[name] = views if self._is_checked else checked(views, name)
        return found

    def numbers(self, name: str) -> pa.ChunkedArray | None:  # noqa: ARG002 - for tables that have them
        """Return a column of doubles, of which nobody knows whether some are NaN and stand for NULL.

        None where `column` is known, or where its values are others. Whoever reads it has to look, and says by
        `has_numbers` that there is none.
        """
        return None

    def has_numbers(self, name: str) -> None:
        """Take `numbers` of a column as the column itself, as none of them is NaN."""

    def typed(self, name: str) -> pa.ChunkedArray:
        """Return a column of which only the type, and the categories, count: perhaps without its rows.

        Raises:
            RowsError: as for `column`.
        """
        if self.texts(name) is not None:
            return pa.chunked_array([], pa.string())
        numbers = self.numbers(name)
        return self.column(name) if numbers is None else numbers

    def _convert(self, name: str) -> pa.ChunkedArray:
        return self._table.column(name)

    @property
    def has_intervals(self) -> bool:
        """Whether a column that was read is of Arrow's interval type: then intervals that are computed stay that."""
        return any(has_intervals(values.type) for values in self._columns.values())

    def metadata(self, name: str) -> dict[bytes, bytes] | None:
        """Return what the field of a column says beside its type: of extension types that pyarrow does not know."""
        found: dict[bytes, bytes] | None = self._schema.field(name).metadata
        return found

    def arrow(self) -> pa.Table:
        """Return all columns, checked.

        Raises:
            RowsError: as for `column`.
        """
        columns = [self.column(name) for name in self.names]
        # DuckDB reads views of text, and does not take every other encoding: of runs of runs it ends in an assertion.
        both = [own if is_view(own.type) else found for own, found in zip(self._table.columns, columns)]
        # Extension types that pyarrow does not know, as geometry, are what their fields say.
        fields = [field.with_type(values.type) for field, values in zip(self._table.schema, both)]
        return pa.Table.from_arrays(both, schema=pa.schema(fields))

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:  # noqa: ARG002 - for tables that can
        """Take rows of a column without converting it; None where that cannot be or gains nothing."""
        return None

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values of a column in the form that the column had; None where they are in it already."""
        kind = self._schema.field(name).type
        return values.cast(kind) if is_view(kind) else None

    def gives_as_computed(self, name: str) -> bool:
        """Say whether an answer has values of a column of few rows as `FewRows` gives them."""
        field = self._schema.field(name)
        return not (is_view(field.type) or field.metadata)

    def like(self, frame: Any) -> Any:
        """Return a frame of pandas or Polars as the class of frame that this table came from."""
        return frame


def checked(values: pa.ChunkedArray, name: str, first: int = 0) -> pa.ChunkedArray:
    """Return the values of a column when all of them can be read.

    pyarrow takes over what it is given, DuckDB what pyarrow has: offsets and keys out of range are read through, text
    that is not UTF-8 comes out broken. The extension checks text and dictionaries, and its errors name the row in the
    column; pyarrow's own full check does so for the other types.

    Args:
        values: the column.
        name: its name, for errors.
        first: the number of its first row, for errors.

    Raises:
        RowsError: a value cannot be read; the message names the column and, where it is known, the row.
    """
    kind = values.type
    called = f"column {name}" if not first else f"column {name}, of the rows from {first} on,"
    try:
        for chunk in values.chunks:
            # Whether buffers are as long as they must be, in constant time.
            chunk.validate()
        if pa.types.is_time(kind):
            _check_times(values, called)
        elif not (pa.types.is_primitive(kind) or _check_column(values, called)):
            for chunk in values.chunks:
                chunk.validate(full=True)
    except pa.ArrowException as error:
        raise RowsError(f"cannot read {called} from Arrow: {str(error).splitlines()[0]}") from None
    return values


def _check_times(values: pa.ChunkedArray, called: str) -> None:
    """Refuse times outside of a day: DuckDB gives up its whole instance where it writes one as text.

    24:00:00 is one in DuckDB, but not in Arrow.
    """
    numbers = values.cast(number_type(values.type))
    day = NANOSECONDS_A_DAY // (nanoseconds_a_unit(values.type) or 1)
    both = pc.min_max(numbers)
    least, most = both["min"].as_py(), both["max"].as_py()
    if least is None or (least >= 0 and most <= day):
        return
    row = pc.index(numbers, least if least < 0 else most).as_py()
    raise RowsError(f"cannot read {called} from Arrow, row {row}: its time of day lies outside of the day")


class RelationTable(Table):
    """What a DuckDB relation gives; its types come back where Arrow has others for them."""

    def __init__(self, relation: Any) -> None:
        """Have DuckDB compute the relation.

        Raises:
            QueryError: DuckDB cannot, with its message.
        """
        relation = in_arrows_range(relation)
        self._types = dict(zip(relation.columns, relation.types))
        errors = sys.modules["duckdb"]
        try:
            table = relation.to_arrow_table()
        except errors.InterruptException:
            raise
        except errors.Error as error:
            raise QueryError(f"the relation cannot be computed: {message_of(str(error))}") from None
        super().__init__(table, "duckdb")

    def _convert(self, name: str) -> pa.ChunkedArray:
        values = self._table.column(name)
        # Of an ENUM.
        return marked(values, ordered=True) if pa.types.is_dictionary(values.type) else values

    @property
    def has_intervals(self) -> bool:
        """Whether durations are intervals there: DuckDB has those only."""
        return True

    def type_of(self, name: str) -> Any:
        """Return a column's type in DuckDB."""
        return self._types[name]


def check_names(names: list[str]) -> None:
    """Raise `QueryError` when two columns have the same name, or one has a name that is none."""
    together = "".join(names)
    if not together.isascii() or "\0" in together:
        for name in names:
            check_name(name, "column")
    if (twice := named_twice(names)) is not None:
        raise QueryError(f"the table has two columns {twice}; give each a name of its own")
