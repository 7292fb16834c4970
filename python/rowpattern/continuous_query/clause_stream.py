"""One clause over rows that come batch by batch: conditions, matches as they are certain, and the clause's answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern._core import OpenPartitions
from rowpattern.continuous_query.compared_keys import compared_keys
from rowpattern.continuous_query.kept_rows import KeptRows
from rowpattern.continuous_query.read_answers import ReadAnswers
from rowpattern.continuous_query.row_batches import empty_batch
from rowpattern.errors import CheckpointError, RowsError, SkipError
from rowpattern.sql.arrow.arrays import from_numpy, one_array
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.execute.match_conditions import located, match_conditions
from rowpattern.sql.execute.output import answer_of_matches
from rowpattern.sql.execute.row_symbols import row_symbols
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.tables.answers import Answer
from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern._core import Column
    from rowpattern.continuous_query.bound_query import BoundQuery
    from rowpattern.continuous_query.carried_values import CarriedValues
    from rowpattern.continuous_query.match_bounds import MatchBounds
    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["PARTITIONS", "ClauseStream", "Decided", "computed_key"]

#: What is stored of each partition, as `OpenPartitions.stored` gives it.
PARTITIONS = pa.schema(
    {
        **dict.fromkeys(("first", "rows", "head", "covered", "matches"), pa.int64()),
        "waiting": pa.list_(pa.int64()),
    }
)

# The column of the sets of variables whose conditions hold.
_CONDITIONS = "rowpattern conditions"
_SET_BYTES = 32
_NO_ROWS = np.zeros(0, dtype=np.int64)


class Decided(NamedTuple):
    """What a step has given.

    Attributes:
        answer: the clause's answer for what is certain now; None where that is nothing.
        matches: how many matches are certain.
        expired: the last row of each partition that ended as no rows came for too long.
        skip_error: the error of a match that has nowhere to skip to; what was decided before it is in `answer`.
    """

    answer: Answer | None
    matches: int
    expired: pa.Table
    skip_error: SkipError | None


def computed_key(number: int) -> str:
    """Return the name of the column of a key that is computed, by its number among all keys."""
    return f"rowpattern key {number}"


class ClauseStream:
    """A clause over rows that come batch by batch.

    Attributes:
        counts: of how many partitions something is kept, how many rows are, and the bytes of both; for any thread.
        has_loop: whether a match can have any number of rows.
    """

    def __init__(
        self,
        query: BoundQuery,
        types: dict[str, pa.DataType],
        bounds: MatchBounds | None,
        *,
        carried: CarriedValues | None,
        widths: dict[str, int],
        order: str,
        prefer: str,
    ) -> None:
        """Begin without rows.

        Args:
            query: the query.
            types: the columns of rows, with those of computed keys.
            bounds: how keys bound matches, and partitions without rows; None where they do not.
            carried: what PREV and NEXT with IGNORE NULLS read; None where they do not stand in the clause.
            widths: by variable, how far behind the match's first row its condition lets a row of it be.
            order: which matches are given first: `"match"` or `"certain"`.
            prefer: which of the possible matches at a row is taken.
        """
        self._bound = query.bound
        self._bounds = bounds
        self._pattern = query.bound.compiled()
        self._dependent = [each for each in query.bound.conditions if each.expression.depends]
        self._shows_unmatched = query.bound.rows_shown == "all rows with unmatched"
        keys = (*query.bound.partition_by, *query.bound.order_by)
        self._keys = {key: key.column or computed_key(number) for number, key in enumerate(keys)}
        mode, target = query.bound.skip
        skip: Any = (mode, target) if target else mode
        reach = query.reach
        self._carried = carried
        ahead = {} if carried is None else carried.ahead()
        self._core = OpenPartitions(
            self._pattern,
            skip,
            prefer=prefer,
            each_when_certain=order == "certain",
            unmatched=self._shows_unmatched,
            empty_takes_row=self._shows_unmatched,
            numbered=reach.numbered,
            horizons=reach.horizons,
            rows_before=reach.rows_before,
            match_before=reach.match_before,
            match_behind=reach.match_behind,
            bounded=query.bound.within is not None,
            widths=widths,
            idle=None if bounds is None else bounds.idle,
            **ahead,
        )
        self._ends_idle = bounds is not None and bounds.idle is not None
        self._reads_around = reach.match_before > 0 or reach.match_behind > 0
        self._columns = pa.schema(types if carried is None else carried.types)
        self._kept = KeptRows(self._columns)
        self._answers = None if carried is not None else ReadAnswers.of(query.bound, types)
        self._before = 0
        # Conditions that read the match so far, and what computes parts of them; and what they are beside rows' values.
        self._conditions: tuple[Any, ...] = ()
        self._layout: object = None
        self._reads_again = "matches" if self._dependent else "rows"
        # The rows that replace all kept rows once the step is kept, with their numbers.
        self._copied: tuple[Column[int], KeptRows] | None = None
        self.has_loop = bool(self._core.has_loop)
        self.counts = (0, 0, 0)

    @property
    def reads_all(self) -> bool:
        """Whether a step reads all kept rows of its partitions: conditions have values that are of these rows alone."""
        return self._reads_again == "all"

    @property
    def stored_rows(self) -> pa.Schema:
        """The columns of kept rows as they are stored."""
        return self._columns.append(pa.field(_CONDITIONS, pa.binary(_SET_BYTES)))

    def oldest(self) -> tuple[pa.Table, int] | None:
        """Return the first row of the match that is open for longest, and how many rows its partition had since."""
        found = self._core.oldest()
        return None if found is None else (self._kept.rows(np.array([found[0]])), found[1])

    def compact(self) -> None:
        """Copy the rows that are needed, so that the others take no memory."""
        numbers = self._core.kept_references()
        self._replace_rows(numbers, self._kept.copied(np.asarray(numbers)))
        self._count()

    def bytes_after(self, most: float) -> int:
        """Return how many bytes are kept when the step is.

        Where that is more than `most`, rows are copied so that only those that are needed take memory.
        """
        _, _, core_bytes = self._core.counts_after
        if core_bytes + self._kept.size_bytes > most:
            numbers = self._core.kept_references()
            self._copied = numbers, self._kept.copied(np.asarray(numbers))
        kept = self._kept if self._copied is None else self._copied[1]
        return int(core_bytes + kept.size_bytes)

    def push(self, rows: pa.RecordBatch, floor: float | None, using: Database, context: ExecutionContext) -> Decided:
        """Take rows, in the order of ORDER BY in each partition, and what time it is: no later row is before it.

        Nothing has changed until `keep` is called; `undo` takes it back.
        """
        before = self._before = self._kept.next_number
        clock = None if floor is None or self._bounds is None else self._bounds.clock(floor)
        keys = self._partition_keys(rows, context)
        limits = self._limits(rows, using) if rows.num_rows else {}
        carried = self._carried
        if carried is not None:
            rows = carried.with_expressions(rows, using) if rows.num_rows else empty_batch(self._columns)
        values = {} if carried is None else carried.said(rows)
        with context.limited():
            self._core.place(
                rows.num_rows, keys, clock=clock, reads_again=self._reads_again, **limits, **values, **context.remaining
            )
        if carried is not None and rows.num_rows:
            references, starts = np.asarray(self._core.references(before)), np.asarray(self._core.starts)
            rows = carried.with_values_back(rows, self._kept, before, references, starts)
        self._kept.append(rows)
        return self._advanced(rows, before, limits, using, context)

    def end(self, keys: Sequence[pa.ChunkedArray] | None, using: Database, context: ExecutionContext) -> Decided:
        """End partitions, those with these keys or all, as no rows of theirs come any more; as `push`."""
        self._before = self._kept.next_number
        compared = None if keys is None else [compared_keys(each) for each in keys]
        self._core.end(compared, reads_again=self._reads_again)
        return self._advanced(None, self._before, {}, using, context)

    def stored(self) -> dict[str, pa.Table]:
        """Return what `resume` takes: a table of partitions, and one of their rows."""
        partitions, references, sets = self._core.stored()
        columns = list(zip(*partitions)) if partitions else [()] * len(PARTITIONS)
        arrays = [pa.array(list(values), field.type) for values, field in zip(columns, PARTITIONS)]
        rows = self._kept.rows(np.asarray(references))
        conditions = pa.Array.from_buffers(pa.binary(_SET_BYTES), rows.num_rows, [None, pa.py_buffer(sets)])
        kept = pa.Table.from_arrays([*rows.columns, conditions], schema=self.stored_rows)
        return {"partitions": pa.Table.from_arrays(arrays, schema=PARTITIONS), "kept": kept}

    def resume(self, partitions: pa.Table, kept: pa.Table, using: Database, context: ExecutionContext) -> None:
        """Take what was stored; there are no rows yet.

        Raises:
            CheckpointError: it does not fit together.
        """
        rows = kept.combine_chunks()
        batch = rows.remove_column(rows.num_columns - 1).to_batches()[0] if rows.num_rows else None
        if batch is None:
            if partitions.num_rows:
                raise CheckpointError("the checkpoint has partitions without rows")
            return
        # The last column, as one of the rows' own may have any name.
        sets = one_array(rows.column(rows.num_columns - 1))
        if sets.null_count or any(column.null_count for column in partitions.columns):
            raise CheckpointError("the checkpoint's partitions have NULLs")
        begin = sets.offset * _SET_BYTES
        data = sets.buffers()[1][begin : begin + len(sets) * _SET_BYTES]
        stored = list(zip(*(column.to_pylist() for column in partitions.columns)))
        values = {} if self._carried is None else self._carried.said(batch)
        keys = self._partition_keys(batch, context)
        self._core.place(batch.num_rows, keys, reads_again=self._reads_again, **values)
        self._before = 0
        self._kept.append(batch)
        try:
            self._core.resume(stored, data.to_pybytes(), 0, **self._limits(batch, using))
            if self._dependent:
                self._read(batch, 0, using, context)
            self._search(context)
            self._check_nothing_decided()
        except (RowsError, OverflowError, TypeError) as error:
            self.undo()
            raise CheckpointError(f"the checkpoint's partitions cannot be read: {error}") from None
        except BaseException:
            self.undo()
            raise
        self.keep()

    def _check_nothing_decided(self) -> None:
        if len(self._core.decided()[0]):
            raise CheckpointError("the checkpoint's rows have matches that were to be given before")

    def undo(self) -> None:
        """Take the last step back."""
        self._core.undo()
        self._kept.drop_after(self._before)
        self._copied = None
        self._count()

    def keep(self) -> None:
        """End a step; rows that no match needs any more are forgotten."""
        self._core.keep()
        if self._copied is not None:
            self._replace_rows(*self._copied)
            self._copied = None
        # The step is kept already. Where there is no memory to copy rows now, a later step does it.
        with contextlib.suppress(MemoryError):
            if self._kept.is_sparse(self._core.counts[1]):
                self.compact()
            self._kept.own()
        self._count()

    def _replace_rows(self, numbers: Column[int], copies: KeptRows) -> None:
        self._core.renumber(numbers)
        self._kept = copies

    def _count(self) -> None:
        partitions, rows, size_bytes = self._core.counts
        self.counts = (partitions, rows, size_bytes + self._kept.size_bytes)

    def _partition_keys(self, rows: pa.RecordBatch, context: ExecutionContext) -> list[Array]:
        columns = [rows.column(self._keys[key]) for key in self._bound.partition_by]
        # Plain values are compared as they are.
        return [
            each if each.type.id in PLAIN_TYPES else compared_keys(pa.chunked_array([each]), context)
            for each in columns
        ]

    def _advanced(
        self,
        rows: pa.RecordBatch | None,
        first: int,
        limits: dict[str, Any],
        using: Database,
        context: ExecutionContext,
    ) -> Decided:
        ordered, together = self._read(rows, first, using, context)
        if rows is not None and rows.num_rows:
            symbols = row_symbols(self._pattern, self._bound.conditions, together, ordered, using)
            self._core.take(symbols, first, **limits)
        with context.limited(), located(self._bound.conditions):
            self._search(context)
        return self._decided(using, context)

    def _search(self, context: ExecutionContext) -> None:
        keeps = self._reads_again == "matches"
        self._core.search(*self._conditions, keeps_columns=keeps, threads=context.threads, **context.remaining)

    def _read(
        self, rows: pa.RecordBatch | None, first: int, using: Database, context: ExecutionContext
    ) -> tuple[OrderedPartitions, TypedClause]:
        """Return the rows that conditions are computed of, and the clause with types; look at dependent conditions."""
        ordered = self._read_rows(rows, first, context)
        together = self._typed(ordered, using)
        # Where no row is read, those of the step before are of use: they are the same.
        if not self._dependent or not len(ordered.starts):
            return ordered, together
        found = match_conditions(self._pattern, self._dependent, together, ordered, using)
        is_other = found.layout is None or found.layout != (self._layout or found.layout)
        if self._reads_again == "matches" and is_other:
            # Columns of the steps before are of no use to them: from now on each step reads all rows that are kept.
            self._reads_again = "all"
            self._core.read_all()
            return self._read(rows, first, using, context)
        self._layout = found.layout
        self._conditions = (found.conditions, found.compute)
        return ordered, together

    def _typed(self, ordered: OrderedPartitions, using: Database) -> TypedClause:
        bound = self._bound
        return typed_clause(bound.conditions, bound.measures, ordered.table, using, bound.plans)

    def _read_rows(self, rows: pa.RecordBatch | None, first: int, context: ExecutionContext) -> OrderedPartitions:
        core, order, starts = self._core, None, np.asarray(self._core.starts)
        if rows is not None and core.reads_new_rows_only:
            table, own = pa.Table.from_batches([rows]), core.order
            order = None if own is None else np.asarray(own)
        else:
            table = self._kept.rows(np.asarray(core.references(first)))
        rows_read = OrderedPartitions(Table(table, is_checked=True), context, order, starts)
        if self._carried is not None:
            self._carried.add_values_on(rows_read, context)
        return rows_read

    def _limits(self, rows: pa.RecordBatch, using: Database) -> dict[str, Any]:
        """Return by row the key that bounds matches, and the latest key of a match that begins there."""
        if self._bounds is None:
            return {}
        column = self._keys[self._bound.order_by[0]]
        keys, bounds = self._bounds.of_rows(pa.chunked_array([rows.column(column)]), using)
        return {"keys": keys, "bounds": bounds}

    def _decided(self, using: Database, context: ExecutionContext) -> Decided:
        core = self._core
        references, starts, matches, shown, ahead = core.decided()
        expired = self._kept.rows(np.asarray(core.expired()) if self._ends_idle else _NO_ROWS)
        problem = core.skip_problem()
        skip_error = None
        if problem is not None:
            message = f"AFTER MATCH SKIP has nowhere to go to {self._bound.skip[1]}: {problem}"
            skip_error = SkipError(self._bound.skip_location.added_to(message))
        if not len(references):
            return Decided(None, 0, expired, skip_error)
        found = self._kept.rows(np.asarray(references))
        if self._answers is not None and (read := self._answers.answer(matches, found, starts, context)) is not None:
            return Decided(read, len(matches), expired, skip_error)
        rows = OrderedPartitions(Table(found, is_checked=True), context, None, np.asarray(starts))
        if self._carried is not None:
            self._carried.add_found(rows, self._kept, [np.asarray(each) for each in ahead], context)
        for key, column in self._keys.items():
            if key.column is None:
                rows.keep_key(key, rows.table.column(column))
        answer, items = answer_of_matches(self._bound, rows, matches, using, context)
        if self._shows_unmatched and self._reads_around:
            wanted = np.asarray(shown)[items.table_rows()]
            places = from_numpy(np.flatnonzero(wanted))
            answer = Answer(
                [each._replace(values=take_values(context, each.arrow(), places)) for each in answer.columns]
            )
        return Decided(answer, len(matches), expired, skip_error)
