"""From a clause's answers to tables of the kind that rows came in, always of the same columns and types."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern._core import RowSymbols
from rowpattern.continuous_query.row_batches import empty_table, one_batch
from rowpattern.errors import CheckpointError, QueryError
from rowpattern.sql.execute.output import answer_of_matches
from rowpattern.sql.execute.sort import sort_partitions
from rowpattern.sql.execute.values_away import compute_values_away
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.tables.answers import Answer, AnswerColumn, ComputedAnswer, as_kind
from rowpattern.sql.tables.whole_answers import is_given_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.continuous_query.bound_query import BoundQuery
    from rowpattern.continuous_query.row_schema import ReadRows, RowSchema
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["AnswerForm", "AnswerTables"]

# By the kind of table, what its class is of.
_LIBRARIES = {
    **dict.fromkeys(("arrow", "reader", "batch"), "pyarrow"),
    **dict.fromkeys(("polars", "polars lazy"), "polars"),
    "pandas": "pandas",
    "duckdb": "duckdb",
}


class AnswerForm(NamedTuple):
    """The kind of table in which to answer, and a table that was given in it."""

    kind: str
    source: Table

    @classmethod
    def of(cls, read: ReadRows) -> AnswerForm:
        """Return that of rows as they were given."""
        return cls(read.kind, read.table)

    def restored(self, kind: object) -> AnswerForm:
        """Return the one with a kind that a checkpoint has.

        That is Arrow's where the library is not installed here, and for relations of DuckDB, whose connection is gone.

        Raises:
            CheckpointError: it is no kind of table.
        """
        if not isinstance(kind, str) or kind not in _LIBRARIES:
            raise CheckpointError(f"the checkpoint's kind of table is {kind!r}"[:200])
        try:
            importlib.import_module(_LIBRARIES[kind])
        except ImportError:
            kind = "arrow"
        return self._replace(kind="arrow" if kind == "duckdb" else kind)


class AnswerTables:
    """Makes tables of answers."""

    def __init__(self, query: BoundQuery, schema: RowSchema, using: Database, context: ExecutionContext) -> None:
        """Find the columns and types of the answer, from one over no rows."""
        self._query = query
        self._schema = schema
        bound = query.bound
        # Rows are kept without dictionaries; types of the answer are those of an answer over rows with them.
        example = schema.encoded_example()
        source = example if query.is_plain else query.execution(example, using, context).source(query.clause)
        rows = sort_partitions(source, bound.partition_by, bound.order_by, using, context)
        compute_values_away(bound, rows, using, context)
        pattern = bound.compiled()
        nothing = pattern.match(RowSymbols(pattern, 0))
        empty, _ = answer_of_matches(bound, rows, nothing, using, context)
        execution = query.execution(example, using, context)
        self._empty = self._typed(execution.around(query.clause, empty), None)
        self._types = {column.name: column.arrow().type for column in self._empty.columns}
        # Whether what the core computes together is the answer as it is; not known before there is some.
        self._is_as_computed: bool | None = None
        # Whatever the table at hand: the one of a checkpoint has no columns that were read.
        self._keeps_intervals = example.has_intervals

    def answer(self, answer: Answer | None, using: Database, context: ExecutionContext) -> Answer | None:
        """Return the query's answer for the clause's; None where that has no rows."""
        if answer is None:
            return None
        if self._is_as_computed and isinstance(answer, ComputedAnswer):
            return answer
        execution = self._query.execution(self._schema.example, using, context)
        found = self._typed(execution.around(self._query.clause, answer), self._types)
        if isinstance(answer, ComputedAnswer):
            self._is_as_computed = _same_columns(answer, found)
        return found

    def table(self, answers: list[Answer], context: ExecutionContext, form: AnswerForm) -> Any:
        """Return answers, one behind the other, as a table of a kind."""
        if len(answers) > 1:
            columns = []
            for each in zip(*(answer.columns for answer in answers)):
                chunks = [chunk for column in each for chunk in _chunks(column.arrow())]
                values = pa.chunked_array(chunks, each[0].arrow().type)
                columns.append(AnswerColumn(each[0].name, values, each[0].origin))
            answers = [Answer(columns)]
        answer = answers[0] if answers else self._empty
        context.answered_rows = answer.rows
        return _as_kind(answer, form, context.check, keep_intervals=self._keeps_intervals)

    def stored(self, answers: list[Answer]) -> pa.Table:
        """Return answers, one behind the other, as a table, for `restored`."""
        schema = pa.schema(self._types)
        tables = [pa.table([column.arrow() for column in each.columns], schema=schema) for each in answers]
        return pa.concat_tables(tables) if tables else empty_table(schema)

    def restored(self, table: pa.Table) -> list[Answer]:
        """Return the answers that a table was made of, as one."""
        columns = [each._replace(values=table.column(each.name), is_own=False) for each in self._empty.columns]
        return [Answer(columns)] if table.num_rows else []

    def rows(self, rows: pa.Table, form: AnswerForm) -> Any:
        """Return rows as a table of a kind."""
        answer = Answer([AnswerColumn(name, rows.column(name), name) for name in rows.column_names])
        return _as_kind(self._typed(answer, None), form, keep_intervals=True)

    def _typed(self, answer: Answer, types: dict[str, pa.DataType] | None) -> Answer:
        """Return an answer in the types that columns have where rows come from, and that it had before."""
        columns = []
        for column in answer.columns:
            values = column.arrow()
            given = None if column.origin is None else self._schema.given.get(column.origin)
            if given is not None and pa.types.is_dictionary(given) and values.type == given.value_type:
                values = _encoded(values, given)
            wanted = values.type if types is None else types[column.name]
            if pa.types.is_dictionary(wanted) and values.type == wanted.value_type:
                values = _encoded(values, wanted)
            if values.type != wanted:
                values = _cast(values, wanted, column.name)
            columns.append(column if values is column.values else column._replace(values=values, is_own=False))
        return Answer(columns)


def _same_columns(one: Answer, other: Answer) -> bool:
    """Say whether two answers with the same rows have the same columns, by names, types and where they are from."""
    described = [[(each.name, each.origin, each.arrow().type) for each in answer.columns] for answer in (one, other)]
    return described[0] == described[1]


def _as_kind(answer: Answer, form: AnswerForm, check: Callable[[], None] = no_limit, *, keep_intervals: bool) -> Any:
    if form.kind == "batch" and isinstance(answer, ComputedAnswer) and is_given_whole(answer.shown, form.source):
        return pa.record_batch(answer.table)
    kind = "arrow" if form.kind in {"batch", "reader"} else form.kind
    found = as_kind(answer, kind, form.source, check, keep_intervals=keep_intervals)
    return one_batch(found, "the answer", "push tables, or smaller batches") if form.kind == "batch" else found


def _chunks(values: Any) -> list[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]


def _encoded(values: Any, kind: pa.DictionaryType) -> Any:
    encoded = values.dictionary_encode()
    return encoded if encoded.type == kind else encoded.cast(kind)


def _cast(values: Any, kind: pa.DataType, name: str) -> Any:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid as error:
        message = f"column {name} of the answer is {kind} from batch to batch, and a value does not fit: {error}"
        raise QueryError(f"{message}; cast it in MEASURES") from None
